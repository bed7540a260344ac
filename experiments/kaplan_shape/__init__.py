"""Shape: how much does the loss depend on depth, heads and feed-forward width at one N?

Claim (Kaplan 2020, 2001.08361, Figure 5): at fixed N the loss changes by a few percent over wide ranges of
aspect ratio, heads and feed-forward ratio; one layer, and extreme depth, are worse (Figure 6).
Expected: the same, with one layer and 32 layers of 12 features off the trend.
Commands:
    quarry sweep kaplan_shape
    quarry points runs/kaplan_shape -o points.parquet
    python -m quarry.experiments.kaplan_shape points.parquet -o shapes.csv

All shapes have 55 thousand parameters without embeddings (within 2.5%) and 2^20 tokens of speeches, one seed;
the base, two layers of 48 features with three heads, has three. The rate falls as 1 / d_model for all.
`gpu` and `paper` are the same for one GPU and at the paper's sizes.
"""

from collections.abc import Callable, Mapping

from quarry.model.config import ModelConfig, modern
from quarry.train.config.experiment import (
    Duration,
    EvaluationConfig,
    Experiment,
    OptimizerConfig,
    ScheduleConfig,
)

TOKENS, CONTEXT = 2**20, 128
SEEDS = (1, 2)


def shape(d_model: int, n_layers: int, n_heads: int, d_ff: int | None = None) -> ModelConfig:
    """A model of the study. Layers beyond eight are scanned: unrolled they take a minute to compile."""
    return modern(d_model, n_layers, n_heads, d_ff=d_ff, context=CONTEXT, scan_layers=n_layers > 8)


BASE = shape(48, 2, 3)
ASPECTS = {
    "l1": shape(68, 1, 2),
    "l3": shape(40, 3, 2, 150),
    "l8": shape(24, 8, 2),
    "l32": shape(12, 32, 1),
}
"""By their layers."""
HEADS = {f"h{heads}": shape(48, 2, heads) for heads in (1, 2, 6, 12, 24)}
FEED_FORWARD = {
    "f1": shape(68, 2, 2, 68),
    "f2": shape(58, 2, 1, 122),
    "f9": shape(36, 2, 2, 312),
    "f16": shape(28, 2, 2, 438),
}
"""By the ratio of d_ff to d_model."""


def point(model: ModelConfig, seed: int = 0) -> Experiment:
    """The point of a shape."""
    return Experiment(
        model=model,
        duration=Duration(tokens=TOKENS),
        optimizer=OptimizerConfig(learning_rate=0.3 / model.d_model),
        schedule=ScheduleConfig(kind="wsd", warmup_steps=20, decay=0.2),
        evaluation=EvaluationConfig(validation_tokens=262_144, test_tokens=4096, count=1),
        batch_tokens=2048,
        seed_init=seed,
        seed_order=seed,
        log_every=100,
    )


def family(
    shapes: Mapping[str, ModelConfig], to_point: Callable[[ModelConfig], Experiment] = point
) -> tuple[Experiment, dict[str, Experiment]]:
    """The point of the first shape, and those of the others by their names."""
    (_, first), *others = shapes.items()
    return to_point(first), {name: to_point(model) for name, model in others}


def fed_forward(n: int, n_layers: int, d_model: int) -> int:
    """The feed-forward width that gives layers of a d_model N = n, N as 2 d_model n_layers (2 d_model + d_ff)
    (eq. 2.1)."""
    return round(n / (2 * d_model * n_layers) - 2 * d_model)
