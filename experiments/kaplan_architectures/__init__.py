"""Architectures: LSTMs and Transformers that share their block, beside Transformers of equal N.

Claim (Kaplan 2020, 2001.08361, Figures 7 and 17): an LSTM is as good as a Transformer on the first tokens of
the context and then falls behind, the more the larger both are; a Transformer whose layers share one block
(universal) is a little better at equal N, and a little worse at equal compute.
Expected: the same signs; the LSTM's loss by position flattens after some tens of tokens.
Commands:
    quarry sweep kaplan_architectures
    quarry points runs/kaplan_architectures -o points.parquet
    python -m quarry.experiments.kaplan_architectures points.parquet -o architectures.csv
    quarry context runs/kaplan_architectures -o positions.csv --table context.csv

Each architecture at four or five sizes, each for 2^20 tokens of speeches, one seed, and two more at the
middle size.
The rate falls as 1 / d_model for all (`quickstart`): it was searched for Transformers, not for the others.
"""

from quarry.model.config import Architecture, modern
from quarry.train.config.experiment import (
    Duration,
    EvaluationConfig,
    Experiment,
    OptimizerConfig,
    ScheduleConfig,
)

TOKENS, CONTEXT, HEAD_DIM = 2**20, 128, 16
LAYERS: dict[Architecture, int] = {"transformer": 2, "universal": 4, "lstm": 2}
"""As often as a token passes a layer; a universal Transformer's four are one."""
SEEDS = (1, 2)


def config(architecture: Architecture, d_model: int, seed: int = 0) -> Experiment:
    """The point of an architecture and width."""
    model = modern(
        d_model,
        LAYERS[architecture],
        n_heads=max(1, d_model // HEAD_DIM),
        head_dim=HEAD_DIM,
        context=CONTEXT,
        architecture=architecture,
    )
    return Experiment(
        model=model,
        duration=Duration(tokens=TOKENS),
        optimizer=OptimizerConfig(learning_rate=0.3 / d_model),
        schedule=ScheduleConfig(kind="wsd", warmup_steps=20, decay=0.2),
        evaluation=EvaluationConfig(validation_tokens=262_144, test_tokens=4096, count=1),
        batch_tokens=2048,
        micro_batch_tokens=2048 if architecture == "lstm" else None,
        seed_init=seed,
        seed_order=seed,
        log_every=100,
    )


def variants(architecture: Architecture, d_model: int) -> dict[str, Experiment]:
    """The same point by other seeds."""
    return {f"seed{seed}": config(architecture, d_model, seed) for seed in SEEDS}
