"""Points grouped into budgets: sizes trained to the same C."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from quarry.analysis.allocation.gaps import clusters, windows
from quarry.analysis.points.schema import value_groups
from quarry.errors import FitError

TOLERANCE = 0.05
"""Half the width of a window of C, as a fraction of its middle, where none is given."""


@dataclass(frozen=True)
class Curve:
    """The points of one budget by rising N: means over runs of one size, [sizes]; `count` of them each.

    `log_cost` is log C/(N E), log 6 where C = 6NE. `squares` is that of log loss about the mean, summed.
    """

    flops: float
    log_n: np.ndarray
    log_loss: np.ndarray
    log_cost: np.ndarray
    count: np.ndarray
    squares: np.ndarray

    def log_tokens(self, log_n: Any) -> Any:
        """log E of models of `log_n` at this budget."""
        return math.log(self.flops) - log_n - np.interp(log_n, self.log_n, self.log_cost)


def group_budgets(table: pl.DataFrame, tolerance: float | None) -> tuple[list[pl.DataFrame], int]:
    """The points of each budget, by rising C, and how many points are of none.

    The budgets are those of a column budget. Without one they are told apart by the gaps in log C, however
    much C varies inside them. Where the gaps tell nothing, or a `tolerance` is given, they are the fullest
    windows of C within `tolerance` of their middle. Raises FitError if there are none.
    """
    if not (given := "budget" in table.columns):
        table = table.with_columns(budget=_found_budgets(with_sizes(table), tolerance))
    table = table.with_columns(pl.col("budget").cast(pl.String))
    groups = table.filter(pl.col("budget") != "NaN").partition_by("budget")
    groups = [with_sizes(group) for group in groups]
    groups = [_one_point_per_run(group) for group in groups if given or group["size"].n_unique() > 1]
    if not groups:
        raise FitError(
            f"no two sizes were measured at the same C within {tolerance or TOLERANCE:.0%}: there is no "
            "budget to compare sizes at; train several sizes to the same C, name the budgets in a column "
            "budget, or give a wider tolerance"
        )
    return sorted(groups, key=middle_of), len(table) - sum(map(len, groups))


def _found_budgets(table: pl.DataFrame, tolerance: float | None) -> pl.Series:
    """A number for each budget, null for a point of none."""
    log_c = np.log(table["C"].to_numpy())
    if tolerance is None and (found := clusters(log_c, table["size"].to_numpy())) is not None:
        return pl.Series(found)
    return windows(log_c, tolerance or TOLERANCE)


def curve_of(group: pl.DataFrame) -> Curve:
    """The means over the runs of each size of a budget."""
    logs = group.select(
        "size", n=pl.col("N").log(), loss=pl.col("loss").log(), e=pl.col("E").log(), c=pl.col("C").log()
    )
    cost = pl.col("c") - pl.col("n") - pl.col("e")
    squares = pl.col("loss").var(ddof=0) * pl.len()
    means = logs.group_by("size").agg(pl.col("n", "loss").mean(), pl.len(), cost=cost.mean(), squares=squares)
    columns = (means.sort("size")[name].to_numpy() for name in ("n", "loss", "cost", "len", "squares"))
    return Curve(math.exp(middle_of(group)), *columns)


def middle_of(group: pl.DataFrame) -> float:
    """log C of a budget: the mean over its points."""
    return float(np.mean(np.log(group["C"].to_numpy())))


def _one_point_per_run(group: pl.DataFrame) -> pl.DataFrame:
    """One evaluation per run, nearest the middle of the budget: evaluations of a run share its noise."""
    distance = (pl.col("C").log() - middle_of(group)).abs()
    return group.sort(distance, maintain_order=True).unique(
        ["run", "size"], keep="first", maintain_order=True
    )


def with_sizes(table: pl.DataFrame) -> pl.DataFrame:
    """`table` with size: a number for each N, ascending; an N within 1% of a size's least belongs to it."""
    return table.with_columns(size=pl.Series(value_groups(table["N"].to_numpy())))
