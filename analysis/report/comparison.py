"""The fitted laws of a page side by side, and which of them predicts best."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from quarry.analysis.points.columns import law_inputs
from quarry.analysis.points.held_out import held_out_rows

if TYPE_CHECKING:
    from quarry.analysis.fitting.result import Fit


FEWEST = 3
"""Held-out points from which a smaller error says which of several laws predicts better."""


def best_law(fitted: "Sequence[Fit]") -> "Fit | None":
    """The law that predicts the largest runs best by a fit without them, among the laws `compared`."""
    return min(compared(fitted), key=lambda each: each.diagnostics.held_out_error or 0.0, default=None)


def compared(fitted: "Sequence[Fit]") -> "list[Fit]":
    """The laws tested on the same held-out points, the most that any holds out; none with fewer than FEWEST.

    Errors on different points rank nothing: a law of N may hold out four runs, one of N and E 1,400.
    """
    most = leading_law(fitted)
    if most is None or most.diagnostics.held_out_points < FEWEST:
        return []
    same = [each for each in _tested(fitted) if _held_out(each) == _held_out(most)]
    return same if len(same) > 1 else []


def leading_law(fitted: "Sequence[Fit]") -> "Fit | None":
    """The law of the most held-out points, of the least error on them; None if no law could be tested."""
    by_error = sorted(_tested(fitted), key=lambda each: each.diagnostics.held_out_error or 0.0)
    return max(by_error, key=lambda each: each.diagnostics.held_out_points, default=None)


def why_not_best(fitted: "Sequence[Fit]") -> str:
    """Why no law is best, or of which it is; empty where all were compared or fewer than two tested."""
    tested, alike = _tested(fitted), compared(fitted)
    if len(tested) < 2 or len(alike) == len(tested):
        return ""
    if alike:
        names = ", ".join(each.law.name for each in alike)
        return f"Best: of {names}, which hold out the same points; the other laws are tested on other ones."
    if all(_held_out(each) == _held_out(tested[0]) for each in tested):
        return (
            f"No law is called best: with fewer than {FEWEST} points held out none can be told to be better."
        )
    return "No law is called best: the laws are tested on different points, as many as their row says."


def _tested(fitted: "Sequence[Fit]") -> "list[Fit]":
    return [each for each in fitted if each.diagnostics.held_out_error is not None]


def _held_out(fit: "Fit") -> set[tuple[Any, ...]]:
    """The points of the largest runs, by run and loss."""
    largest = held_out_rows(fit.data.law, fit.data.inputs, fit.data.runs)
    return set(fit.points.filter(pl.Series(largest)).select("run", fit.law.response).rows())


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
            "best": each is best,
        }
        for each in fitted
    ]


def _root_mean_square(fitted: "Fit") -> float:
    measured = fitted.points[fitted.law.response].cast(pl.Float64).to_numpy()
    return float(np.sqrt(np.mean((measured - fitted.predict(law_inputs(fitted.points, fitted.law))) ** 2)))
