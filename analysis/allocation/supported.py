"""Whether the points of a fitted law support its optimum: a bounded exponent, N and E near theirs."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from quarry import text
from quarry.analysis.fitting.intervals import OPEN
from quarry.analysis.laws.chinchilla import chinchilla_optimum
from quarry.errors import FitError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from quarry.analysis.fitting.intervals import Interval
    from quarry.analysis.fitting.result import Fit

FARTHEST = 1000.0
"""How far N_opt and E_opt at a measured C may lie outside the N and E measured. On 31 ladders, ours and
published ones, they lie at most 51 times outside; where the loss depends on N alone, 10 million times."""


def check_varied(fitted: "Fit") -> None:
    """Raise FitError where all points of a law of N and E have one N or one E."""
    for name in "NE":
        if fitted.diagnostics.distinct[name] < 2:
            raise FitError(
                f"{name} never varies in these points: no law of N and E says what a budget buys best"
            )


def check_bounded(fitted: "Fit", a: "tuple[float, Interval]", exponents: "Sequence[str]") -> None:
    """Raise FitError where resamples bound a, the exponent of N_opt in C, on neither side.

    `exponents` are the parameters that a follows from.
    """
    if fitted.intervals is not None and a[1] == OPEN:
        values = ", ".join(f"{name} = {fitted.shown(name, 3)}" for name in exponents)
        raise FitError(
            f"these points bound the exponent a of N ~ C^a on neither side (a = {a[0]:.3g} by {values}): "
            "they do not say what a budget buys best"
        )


def check_near(fitted: "Fit") -> None:
    """Raise FitError where N_opt or E_opt of a law of N and E is far from the points at a C of theirs."""
    ranges = {name: _range(fitted.points, name) for name in "CNE"}
    for c in ranges["C"]:
        for name, value in zip("NE", chinchilla_optimum(fitted.params, c), strict=True):
            low, high = ranges[name]
            if not low / FARTHEST <= value <= high * FARTHEST:
                raise FitError(
                    f"by this law {name}_opt is {text.number(value, 3)} at {text.power(c, 3)} FLOPs, inside "
                    f"the C measured, where {name} is {text.count(low)} to {text.count(high)}: these points "
                    "do not say what a budget buys best"
                )


def check_whole(budgets: pl.DataFrame) -> None:
    """Raise FitError for a budget that buys less than one parameter or one token."""
    for row in budgets.filter((pl.col("N") < 1) | (pl.col("E") < 1)).iter_rows(named=True):
        raise FitError(
            f"at {text.power(row['C'])} FLOPs the best N is {text.number(row['N'], 3)} and the best E "
            f"{text.number(row['E'], 3)}, less than one: the budget is too small for this law"
        )


def _range(table: pl.DataFrame, name: str) -> tuple[float, float]:
    """The least and the largest of a column, of C = 6NE where the points have none."""
    column = table[name] if name in table.columns else 6.0 * table["N"] * table["E"]
    values = column.cast(pl.Float64).to_numpy()
    return float(np.min(values)), float(np.max(values))
