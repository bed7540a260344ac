"""Quickstart: a ladder that two CPU cores climb in a few minutes, on the State of the Union speeches.

Claim: on real text the held-out loss falls as a power of N at equal tokens, and as a power of tokens at
equal N (Kaplan 2020, 2001.08361; Hoffmann 2022, 2203.15556), already between 6 and 600 thousand parameters.
Expected: every larger size and every longer run has the lower validation loss; five sizes at equal tokens
give L(N), and the token ladders at two sizes the term in tokens.
Command: quarry sweep quickstart

Every rule that depends on size is in `recipe`.
"""

from model.config import modern
from train.experiment import (
    DataConfig,
    Duration,
    EvaluationConfig,
    Experiment,
    OptimizerConfig,
    ScheduleConfig,
)

CONTEXT = 128
BATCH_TOKENS = 1024


def recipe(d_model: int, n_layers: int, tokens: int) -> Experiment:
    """The scale point of width `d_model` and depth `n_layers`, trained on `tokens` tokens in one pass.

    The learning rate falls as 1 / d_model (the muP rule for hidden matrices, 2203.03466), its constant found
    by a sweep over rates at widths 16, 32, 64 and 128 (experiments/results/LOG.md). Heads number d_model / 32,
    at least two. Everything else is the same for every size.
    """
    return Experiment(
        model=modern(d_model, n_layers, n_heads=max(2, d_model // 32), context=CONTEXT),
        data=DataConfig(corpus="sotu", tokenizer="bytes"),
        duration=Duration(tokens=tokens),
        optimizer=OptimizerConfig(learning_rate=0.3 / d_model),
        schedule=ScheduleConfig(kind="wsd", warmup=0.05, decay=0.25),
        evaluation=EvaluationConfig(validation_tokens=65_536, test_tokens=65_536, count=5),
        batch_tokens=BATCH_TOKENS,
        micro_batch_tokens=1024,
    )
