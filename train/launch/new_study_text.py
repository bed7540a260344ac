"""The text of the files of a new study: the recipe of its folder, and a scale point."""

import shlex
from pathlib import Path

from quarry.text import compact
from quarry.train.data.tokenizers import vocabulary_size
from quarry.train.launch.scaffold_text import NewPoint
from quarry.train.launch.study_design import Design


def recipe_text(folder: Path, design: Design) -> str:
    """The text of `__init__.py`. Raises ConfigError for an unknown tokenizer."""
    sizes, tokens = zip(*design.planned(), strict=True)
    span = f"{compact(round(min(sizes)))} to {compact(round(max(sizes)))} parameters"
    length = f"{compact(round(min(tokens)))} to {compact(round(max(tokens)))} tokens"
    return f'''"""{folder.resolve().name}: models of about {span} on {length} of {_quoted(design.corpus)}.

Claim: the held-out loss falls as a power of N at equal tokens and of tokens at equal N, down to an offset
(Kaplan 2020, 2001.08361; Hoffmann 2022, 2203.15556).
Expected: every larger size and every longer run has a lower validation loss, until the data repeat.
Command: quarry sweep {shlex.quote(str(folder))}

Every rule that depends on size is in `recipe`.
"""

from quarry.model.config import modern
from quarry.train.config.experiment import (
    DataConfig,
    Duration,
    EvaluationConfig,
    Experiment,
    OptimizerConfig,
    ScheduleConfig,
)

CORPUS = {design.corpus!r}
TOKENIZER = {design.tokenizer!r}
VOCABULARY = {vocabulary_size(design.tokenizer)}
CONTEXT = {design.context}
BATCH_TOKENS = {design.batch_tokens}
HEAD_DIM = {design.head_dim}


def recipe(d_model: int, tokens: int) -> Experiment:
    """The scale point of width `d_model`, a multiple of HEAD_DIM, trained on `tokens` tokens.

    The depth keeps d_model / n_layers at 64, with at least two layers. The learning rate falls as 1 / d_model
    (the muP rule for hidden matrices, 2203.03466); try twice and half of it at one size before you believe a
    law: `quarry train FILE --name hot --optimizer.learning-rate ...`.
    """
    return Experiment(
        model=modern(
            d_model,
            n_layers=max(2, d_model // 64),
            n_heads=d_model // HEAD_DIM,
            context=CONTEXT,
            vocab_size=VOCABULARY,
        ),
        data=DataConfig(corpus=CORPUS, tokenizer=TOKENIZER),
        duration=Duration(tokens=tokens),
        optimizer=OptimizerConfig(learning_rate=0.3 / d_model),
        schedule=ScheduleConfig(kind="wsd", warmup=0.05, decay=0.25),
        evaluation=EvaluationConfig(validation_tokens=65_536, test_tokens=65_536, count=5),
        batch_tokens=BATCH_TOKENS,
    )
'''


def point_text(folder: Path, point: NewPoint) -> str:
    """The text of the file of a scale point."""
    study, n, flops = folder.resolve().name, point.n, 6 * point.n * point.tokens
    command = f"quarry train {shlex.quote(str(folder / point.name))}.py"
    return f'''"""{n:,} parameters on {point.tokens:,} tokens, {flops:.3g} FLOPs as 6 N E.

Claim: a point of the laws of {study}.
Expected: a loss below every smaller size at equal tokens and every shorter run of this size.
Command: {command}
"""

from {study} import recipe

config = recipe(d_model={point.model.d_model}, tokens={point.tokens})
'''


def _quoted(corpus: str) -> str:
    """The name of a corpus inside a docstring."""
    return corpus.replace("\\", "\\\\").replace('"', '\\"')
