"""Context as sample efficiency: how many tokens does a longer context save on the way to a loss?

Claim (Kaplan 2020, 2001.08361, D.5): each token of context lowers the loss by a + b T^-c, more for larger
models. Then a run that sees longer contexts reaches a given loss after fewer tokens, once it has learned to
use them.
Expected: at this size little, as contexts beyond some bytes are hardly used yet.
Commands:
    quarry sweep kaplan_context
    quarry points runs/kaplan_context -o points.parquet
    python -m quarry.experiments.kaplan_context points.parquet -o tokens.csv

One size (25 thousand parameters), contexts of 32, 128 and 512 bytes, batches of 2,048 tokens, three seeds.
Runs of 2^20 tokens with branches that decay at 2^16 to 2^19. The loss is the mean over the positions of the
run's own context; a run scores the same text in pieces of its context.
"""

from quarry.model.config import modern
from quarry.train.config.experiment import (
    BranchConfig,
    Duration,
    EvaluationConfig,
    Experiment,
    OptimizerConfig,
    ScheduleConfig,
)

TOKENS, BRANCHES = 2**20, tuple(2**power for power in range(16, 20))
D_MODEL, SEEDS = 32, (1, 2)


def config(context: int, seed: int = 0) -> Experiment:
    """The point of a context."""
    return Experiment(
        model=modern(D_MODEL, 2, 2, context=context),
        duration=Duration(tokens=TOKENS),
        optimizer=OptimizerConfig(learning_rate=0.3 / D_MODEL),
        schedule=ScheduleConfig(kind="wsd", warmup_steps=20, decay=0.2),
        branches=BranchConfig(tokens=BRANCHES),
        evaluation=EvaluationConfig(validation_tokens=262_144, test_tokens=4096, count=1),
        batch_tokens=2048,
        seed_init=seed,
        seed_order=seed,
        log_every=100,
    )


def variants(context: int) -> dict[str, Experiment]:
    """The same point by other seeds."""
    return {f"seed{seed}": config(context, seed) for seed in SEEDS}
