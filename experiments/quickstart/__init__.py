"""Quickstart: a ladder that two CPU cores train in a few minutes, on the State of the Union speeches.

Claim: on real text the held-out loss falls as a power of N at equal tokens (Kaplan 2020, 2001.08361), and at
equal compute one size has the least loss, a larger one at a larger budget (Hoffmann 2022, 2203.15556,
approach 2), already between 9 and 591 thousand parameters.
Expected: six sizes at equal tokens give L(N), each larger one a lower loss; four sizes at each of two budgets
of compute have their least loss inside them, and give N_opt(C).
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
TOKENS = 896_000
"""Of the six sizes at equal tokens; 37 thousand parameters on as many cost 2e11 FLOPs, the smaller budget."""


def recipe(d_model: int, tokens: int | None = None, flops: float | None = None) -> Experiment:
    """The scale point of width `d_model`, trained on `tokens` tokens or for `flops` = 6NE, in one pass.

    The learning rate falls as 1 / d_model (the muP rule for hidden matrices, 2203.03466); its constant is the
    best of the study `rates`. Heads keep their width, so their number grows with d_model. The depth and all
    other settings are the same for every size.
    """
    return Experiment(
        model=modern(d_model, LAYERS, n_heads=d_model // HEAD_DIM, context=CONTEXT),
        data=DataConfig(corpus="sotu", tokenizer="bytes"),
        duration=Duration(tokens=tokens, flops=flops),
        optimizer=OptimizerConfig(learning_rate=0.3 / d_model),
        schedule=ScheduleConfig(kind="wsd", warmup=0.05, decay=0.25),
        evaluation=EvaluationConfig(validation_tokens=65_536, test_tokens=65_536, count=5),
        batch_tokens=BATCH_TOKENS,
    )
