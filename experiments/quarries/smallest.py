"""9 thousand parameters on 896 thousand tokens of each corpus: bytes of text, or pixels of images.

Claim: see the study. Expected: one loss per kind of data, far apart.
Command: quarry train experiments/quarries/smallest.py --variant rust
"""

import dataclasses

from quarry.experiments.quarries import CORPORA
from quarry.model.config import modern
from quarry.train.config.experiment import (
    DataConfig,
    Duration,
    EvaluationConfig,
    Experiment,
    OptimizerConfig,
    ScheduleConfig,
)
from quarry.train.data.inspection import usual_tokenizers
from quarry.train.data.tokenizers import vocabulary_size

config = Experiment(
    model=modern(16, 3, n_heads=1, context=128),
    duration=Duration(tokens=896_000),
    data=DataConfig(corpus="sotu", tokenizer="bytes"),
    optimizer=OptimizerConfig(learning_rate=0.3 / 16),
    schedule=ScheduleConfig(kind="wsd", warmup=0.05, decay=0.25),
    evaluation=EvaluationConfig(validation_tokens=65_536, test_tokens=65_536, count=5),
    batch_tokens=1024,
)


def on(corpus: str) -> Experiment:
    """The point on a corpus."""
    return of_kind(config, corpus)


def of_kind(experiment: Experiment, corpus: str) -> Experiment:
    """The experiment on a corpus: text in bytes, images in pixels."""
    pixels = usual_tokenizers(corpus)[1]
    tokenizer = pixels if pixels.startswith("pixels") else "bytes"
    return dataclasses.replace(
        experiment,
        data=DataConfig(corpus=corpus, tokenizer=tokenizer),
        model=dataclasses.replace(experiment.model, vocab_size=vocabulary_size(tokenizer)),
    )


variants = {name: on(corpus) for name, corpus in CORPORA.items()}
