"""9 thousand parameters on 896 thousand tokens of each corpus: bytes of text, or pixels of images.

Claim: see the study. Expected: one loss per kind of data, far apart.
Command: quarry train experiments/quarries/smallest.py --variant rust
"""

import dataclasses

from quarry.experiments.quarries import CORPORA
from quarry.experiments.quickstart import TOKENS, recipe
from quarry.train.config.experiment import DataConfig, Experiment
from quarry.train.data.inspection import usual_tokenizers
from quarry.train.data.tokenizers import vocabulary_size

config = recipe(d_model=16, tokens=TOKENS)


def on(corpus: str) -> Experiment:
    """The point on a corpus: text in bytes, images in pixels."""
    pixels = usual_tokenizers(corpus)[1]
    tokenizer = pixels if pixels.startswith("pixels") else "bytes"
    return dataclasses.replace(
        config,
        data=DataConfig(corpus=corpus, tokenizer=tokenizer),
        model=dataclasses.replace(config.model, vocab_size=vocabulary_size(tokenizer)),
    )


variants = {name: on(corpus) for name, corpus in CORPORA.items()}
