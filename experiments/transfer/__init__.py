"""Rates that transfer (muP): is the best rate of the smallest point that of the largest, by muP and without?

Claim: by muP (2203.03466) the best rate does not depend on the width, by CompleteP (2505.01618) not on the
depth either; without them it falls with the width.
Expected: by muP the best rates of width 16 and 128 are at most one place of the grid (a factor of two) apart;
without it three, as by a rate that falls as 1 / width.
Command: quarry sweep transfer. (The transfer of losses to other texts is the study `kaplan_transfer`.)

A warmup is a share of the run, weight decay is off: both are no part of the question. `best_rates` says what
came out; `python -m quarry.experiments.transfer.coordinates` is the coordinate check. `gpu` and `paper` are
larger scales.
"""

from collections.abc import Callable, Sequence

import polars as pl

from quarry.experiments._verdicts import last_losses
from quarry.model.config import Parametrization, modern
from quarry.train.config.experiment import (
    Duration,
    EvaluationConfig,
    Experiment,
    OptimizerConfig,
    ScheduleConfig,
)

TOKENS = 2**18
BASE_WIDTH, BASE_LAYERS = 16, 2
WIDTHS, DEPTHS = (16, 32, 64, 128), (2, 4, 8)
POWERS = range(-10, -1)
RATES = tuple(2.0**power for power in POWERS)


def point(
    parametrization: Parametrization, d_model: int, n_layers: int, rate: float, seed: int = 0
) -> Experiment:
    """A point of the study: two heads, constant rate with a cooldown."""
    model = modern(
        d_model,
        n_layers,
        2,
        context=128,
        parametrization=parametrization,
        base_d_model=BASE_WIDTH,
        base_n_layers=BASE_LAYERS,
    )
    return Experiment(
        model=model,
        duration=Duration(tokens=TOKENS),
        evaluation=EvaluationConfig(validation_tokens=65_536, test_tokens=4096, count=1),
        optimizer=OptimizerConfig(learning_rate=rate, beta2=0.95, weight_decay=0.0),
        schedule=ScheduleConfig(warmup=0.1, decay=0.2),
        batch_tokens=2048,
        seed_init=seed,
    )


def config(parametrization: Parametrization, d_model: int, n_layers: int = BASE_LAYERS) -> Experiment:
    """The point at the middle of the grid of rates."""
    return point(parametrization, d_model, n_layers, 2.0 ** middle(POWERS))


def variants(
    parametrization: Parametrization, d_model: int, n_layers: int = BASE_LAYERS
) -> dict[str, Experiment]:
    """The same point at the other rates."""
    return others(lambda power: point(parametrization, d_model, n_layers, 2.0**power), POWERS)


def middle(powers: Sequence[int]) -> int:
    """The place of a grid of rates that a point's `config` has."""
    return powers[len(powers) // 2]


def others(at: Callable[[int], Experiment], powers: Sequence[int]) -> dict[str, Experiment]:
    """A point at the other rates of a grid, named by their powers of two."""
    return {f"rate{power}": at(power) for power in powers if power != middle(powers)}


def best_rates(points: pl.DataFrame) -> pl.DataFrame:
    """Of each parametrization and shape: the best rate of the grid, its loss, whether it is inside the grid.

    Columns parametrization, d_model, n_layers, n_nonembedding, rate, loss, inside, and doubled, halved: the
    losses at the rates beside it. A run that diverged counts as an infinite loss.
    """
    final = last_losses(points)
    keys = ["parametrization", "d_model", "n_layers", "n_nonembedding"]
    loss = pl.when(status="finished").then(pl.col("loss")).otherwise(float("inf"))
    ranked = final.with_columns(loss=loss).sort("peak_learning_rate")
    beside = {"halved": pl.col("loss").shift(1), "doubled": pl.col("loss").shift(-1)}
    ranked = ranked.with_columns(**{name: column.over(keys) for name, column in beside.items()})
    best = ranked.sort("loss").group_by(keys, maintain_order=True).first().sort(keys)
    inside = pl.col("peak_learning_rate").is_between(RATES[0], RATES[-1], closed="none")
    return best.select(*keys, "loss", "halved", "doubled", rate="peak_learning_rate", inside=inside)
