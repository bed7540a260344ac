"""Which size is best for a budget, where sizes compete: their learning curves pass through it."""

import math
from dataclasses import dataclass

import numpy as np
import polars as pl

from quarry.analysis.points.schema import SAME_VALUE

# Runs planned for one budget end within this factor of it: steps are whole.
_SAME_BUDGET = 1 + SAME_VALUE


@dataclass(frozen=True)
class Best:
    """The size N of least loss at C FLOPs, among `sizes` whose curves pass through C."""

    c: float
    n: float
    sizes: int


def best_sizes(curves: pl.DataFrame) -> tuple[Best, Best] | None:
    """The best size at the least and at the largest budget that half of the sizes, two or more, pass through.

    None where these budgets are one, or fewer sizes pass through them: the winner of a few says little of the
    others.

    `curves` has a row per evaluation with run, N, C (FLOPs) and loss. Between two evaluations of a run the
    logarithm of the loss is taken as linear in that of C. A size competes only at budgets within its curves.
    """
    usable = curves.filter(pl.col("C").is_finite() & (pl.col("C") > 0) & pl.col("loss").is_finite())
    runs = [run.sort("C") for run in usable.partition_by("run")]
    spans = usable.group_by("N").agg(low=pl.col("C").min(), high=pl.col("C").max())
    if len(spans) < 2:
        return None
    enough = max(2, math.ceil(len(spans) / 2))
    low, high = float(spans["low"].sort()[enough - 1]), float(spans["high"].sort()[-enough])
    first, last = (_best(runs, c) for c in (low, high))
    apart = low * _SAME_BUDGET < high and min(first.sizes, last.sizes) >= enough
    return (first, last) if apart else None


def _best(runs: list[pl.DataFrame], c: float) -> Best:
    loss: dict[float, float] = {}
    for run in runs:
        at, n = run["C"].to_numpy(), float(run["N"][0])
        if at[0] / _SAME_BUDGET <= c <= at[-1] * _SAME_BUDGET:
            own = float(np.interp(np.log(c), np.log(at), np.log(run["loss"].to_numpy())))
            loss[n] = min(own, loss.get(n, np.inf))
    return Best(c, min(loss, key=lambda n: loss[n], default=np.nan), len(loss))
