"""The fitted laws of a page side by side, and which of them predicts best."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from quarry.analysis.points.columns import law_inputs

if TYPE_CHECKING:
    from quarry.analysis.fitting.result import Fit


def best_law(fitted: "Sequence[Fit]") -> "Fit | None":
    """The law that predicts the largest runs best by a fit without them; None if none could be tested."""
    tested = [each for each in fitted if each.diagnostics.held_out_error is not None]
    return min(tested, key=lambda each: each.diagnostics.held_out_error or 0.0, default=None)


def law_rows(fitted: "Sequence[Fit]") -> list[dict[str, Any]]:
    """A row for each law beside the others: what it was fitted to, how far it misses, how it predicts."""
    best = best_law(fitted)
    return [
        {
            "name": each.law.name,
            "inputs": ", ".join(each.law.inputs),
            "parameters": len(each.data.law.parameters),
            "points": len(each.points),
            "miss": _root_mean_square(each),
            "held_out_error": each.diagnostics.held_out_error,
            "held_out_points": each.diagnostics.held_out_points,
            "limits": ", ".join(each.at_limit),
            "best": each is best and len(fitted) > 1,
        }
        for each in fitted
    ]


def _root_mean_square(fitted: "Fit") -> float:
    measured = fitted.points[fitted.law.response].cast(pl.Float64).to_numpy()
    return float(np.sqrt(np.mean((measured - fitted.predict(law_inputs(fitted.points, fitted.law))) ** 2)))
