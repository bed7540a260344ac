"""Points grouped into budgets: sizes trained to the same C."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from quarry.analysis.points.schema import value_groups
from quarry.errors import FitError


@dataclass(frozen=True)
class Curve:
    """The points of one budget by rising N: means over runs of one size, [sizes]; `count` of them each.

    `log_cost` is log C/(N E), log 6 where C = 6NE.
    """

    flops: float
    log_n: np.ndarray
    log_loss: np.ndarray
    log_cost: np.ndarray
    count: np.ndarray
    squares: float
    """The sum of squares of log loss about the means of the sizes."""

    def log_tokens(self, log_n: Any) -> Any:
        """log E of models of `log_n` at this budget."""
        return math.log(self.flops) - log_n - np.interp(log_n, self.log_n, self.log_cost)


def group_budgets(table: pl.DataFrame, tolerance: float) -> tuple[list[pl.DataFrame], int]:
    """The points of each budget, by rising C, and how many points are of none.

    The budgets are those of a column budget, else the fullest windows of C within `tolerance` of their
    middle. Raises FitError if there are none.
    """
    if not (given := "budget" in table.columns):
        table = table.with_columns(budget=_windows(np.log(table["C"].to_numpy()), tolerance))
    table = table.with_columns(pl.col("budget").cast(pl.String))
    groups = table.filter(pl.col("budget") != "NaN").partition_by("budget")
    groups = [with_sizes(group) for group in groups]
    groups = [_one_point_per_run(group) for group in groups if given or group["size"].n_unique() > 1]
    if not groups:
        raise FitError(
            f"no two sizes were measured at the same C within {tolerance:.0%}: there is no budget to compare "
            "sizes at; train several sizes to the same C"
        )
    return sorted(groups, key=_middle), len(table) - sum(map(len, groups))


def curve_of(group: pl.DataFrame) -> Curve:
    """The means over the runs of each size of a budget."""
    logs = group.select(
        "size", n=pl.col("N").log(), loss=pl.col("loss").log(), e=pl.col("E").log(), c=pl.col("C").log()
    )
    cost = pl.col("c") - pl.col("n") - pl.col("e")
    squares = pl.col("loss").var(ddof=0) * pl.len()
    means = logs.group_by("size").agg(pl.col("n", "loss").mean(), pl.len(), cost=cost.mean(), squares=squares)
    n, loss, cost, count = (means.sort("size")[name].to_numpy() for name in ("n", "loss", "cost", "len"))
    return Curve(math.exp(_middle(group)), n, loss, cost, count, float(means["squares"].sum()))


def _middle(group: pl.DataFrame) -> float:
    """log C of a budget: the mean over its points."""
    return float(np.mean(np.log(group["C"].to_numpy())))


def _windows(log_c: np.ndarray, tolerance: float) -> pl.Series:
    """A number for each budget, null for a point alone: in turn the window that holds most points."""
    width = math.log((1 + tolerance) / (1 - tolerance)) * (1 + 1e-9)
    left, budget = np.argsort(log_c), np.full(len(log_c), -1)
    for number in range(len(log_c)):
        window = _fullest(log_c[left], width)
        if window.stop - window.start == 1:
            break
        budget[left[window]] = number
        left = np.delete(left, window)
        if not len(left):
            break
    return pl.Series(budget).replace(-1, None)


def _fullest(x: np.ndarray, width: float) -> slice:
    """The window of ascending x that holds most points, the narrowest of them if several do."""
    ends = np.searchsorted(x, x + width, side="right")
    held, extent = ends - np.arange(len(x)), x[ends - 1] - x
    first = np.lexsort((extent, -held))[0]
    return slice(first, ends[first])


def _one_point_per_run(group: pl.DataFrame) -> pl.DataFrame:
    """One evaluation per run, nearest the middle of the budget: evaluations of a run share its noise."""
    distance = (pl.col("C").log() - _middle(group)).abs()
    return group.sort(distance, maintain_order=True).unique(
        ["run", "size"], keep="first", maintain_order=True
    )


def with_sizes(table: pl.DataFrame) -> pl.DataFrame:
    """`table` with size: a number for each N, ascending; an N within 1% of a size's least belongs to it."""
    return table.with_columns(size=pl.Series(value_groups(table["N"].to_numpy())))
