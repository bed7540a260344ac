"""Quickstart: a ladder that two CPU cores train in a few minutes, on the State of the Union speeches.

Claim: on real text the held-out loss falls as a power of N at equal tokens, and as a power of tokens at
equal N (Kaplan 2020, 2001.08361; Hoffmann 2022, 2203.15556), already between 9 and 591 thousand parameters.
Expected: every larger size and every longer run has a lower validation loss; six sizes at equal tokens give
L(N), and the token ladders at two sizes give the term in tokens.
Command: quarry sweep quickstart

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

CONTEXT = 128
BATCH_TOKENS = 1024
HEAD_DIM = 16
LAYERS = 3


def recipe(d_model: int, tokens: int) -> Experiment:
    """The scale point of width `d_model`, trained on `tokens` tokens in one pass.

    The learning rate falls as 1 / d_model (the muP rule for hidden matrices, 2203.03466); its constant is the
    best of the study `rates`. Heads keep their width, so their number grows with d_model. The depth and all
    other settings are the same for every size.
    """
    return Experiment(
        model=modern(d_model, LAYERS, n_heads=d_model // HEAD_DIM, context=CONTEXT),
        data=DataConfig(corpus="sotu", tokenizer="bytes"),
        duration=Duration(tokens=tokens),
        optimizer=OptimizerConfig(learning_rate=0.3 / d_model),
        schedule=ScheduleConfig(kind="wsd", warmup=0.05, decay=0.25),
        evaluation=EvaluationConfig(validation_tokens=65_536, test_tokens=65_536, count=5),
        batch_tokens=BATCH_TOKENS,
    )
