"""One law, refitted without each value of a column in turn."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from quarry import text
from quarry.analysis.fitting.comparison.held_out import distinct_points, relative_errors
from quarry.analysis.points.schema import value_groups
from quarry.errors import FitError

if TYPE_CHECKING:
    from quarry.analysis.fitting.result import Fit
    from quarry.analysis.fitting.search import Data

# Fewer values than this are too few to leave one out.
_FEWEST_VALUES = 3


def leave_one_out(fit: "Fit", by: str = "N") -> pl.DataFrame:
    """How well the law predicts each value of a column from the others: a refit without each.

    Args:
        fit: The fitted law.
        by: The column; its values within 1% are one.

    Returns:
        A row for each value, rising: the value (of those within 1%, the mean), points, error (mean
        |predicted / measured - 1|), bias (the mean with its sign) and extrapolated (whether it is the
        smallest or the largest). Errors are null where the others are too few for the law.

    Raises:
        FitError: There is no such column, or it has fewer than three values.

    Examples:
        >>> import polars as pl, quarry
        >>> sizes = [1e5, 2e5, 5e5, 1e6, 2e6, 5e6]
        >>> points = pl.DataFrame({"N": sizes, "loss": [(8.8e13 / n) ** 0.076 for n in sizes]})
        >>> table = quarry.leave_one_out(quarry.fit(points, "kaplan-n", bootstrap=0))
        >>> len(table), bool(table["error"].max() < 1e-3)
        (6, True)
    """
    labels, group = _groups(fit.points, by)
    out = group == np.arange(len(labels))[:, None]
    errors = _errors_without(fit.data, fit.minima.params, out)
    numeric = labels.dtype.is_numeric()
    return pl.DataFrame(
        {
            by: labels,
            "points": out.sum(axis=1),
            "error": [_mean(np.abs(row[own])) for row, own in zip(errors, out, strict=True)],
            "bias": [_mean(row[own]) for row, own in zip(errors, out, strict=True)],
            "extrapolated": [numeric and i in (0, len(labels) - 1) for i in range(len(labels))],
        },
        schema_overrides={"error": pl.Float64, "bias": pl.Float64},
    )


def left_out_error(fit: "Fit", by: str) -> float | None:
    """Mean |predicted / measured - 1| over all points, each predicted without those of its value.

    None where the others are too few for the law.
    """
    try:
        table = leave_one_out(fit, by)
    except FitError:
        return None
    if table["error"].null_count():
        return None
    return float(np.average(table["error"].to_numpy(), weights=table["points"].to_numpy()))


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if np.isfinite(values).all() else None


def _groups(table: pl.DataFrame, by: str) -> tuple[pl.Series, np.ndarray]:
    """The distinct values of a column, rising, and the place among them of each row. Raises FitError."""
    if by not in table.columns:
        raise FitError(f"by={by!r} is not a column; the points have {', '.join(table.columns)}")
    column = table[by]
    labels, group = np.unique(column.to_numpy(), return_inverse=True)
    if column.dtype.is_numeric():
        group = value_groups(column.to_numpy())
        labels = np.bincount(group, column.to_numpy()) / np.bincount(group)
    if len(labels) < _FEWEST_VALUES:
        raise FitError(f"by={by!r}: {text.plural(len(labels), 'distinct value')}, too few to leave one out")
    return pl.Series(by, labels), group


def _errors_without(data: "Data", starts: np.ndarray, out: np.ndarray) -> np.ndarray:
    """predicted / measured - 1 of all points by refits without the rows `out` [refits, points]."""
    each = len(starts)
    weights = np.repeat(~out, each, axis=0).astype(np.float64)
    solution = data.solve(np.tile(starts, (len(out), 1)), weights)
    best = np.argmin(solution.objective.reshape(-1, each), axis=1) + each * np.arange(len(out))
    errors = np.array([relative_errors(data, params) for params in solution.params[best]])
    enough = [distinct_points(data, ~rows) > len(data.law.parameters) for rows in out]
    return np.where(np.array(enough)[:, None], errors, np.nan)
