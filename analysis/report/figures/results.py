"""The chart of each kind of result, for `plot()`."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import altair as alt

from quarry.errors import FitError
from quarry.results import Result

_CHARTS = {
    "Comparison": ("diagnostics", "law_comparison"),
    "CrossingResult": ("crossing", "crossing_curves"),
    "Epochs": ("epochs", "passes_map"),
    "Fit": ("fits", "fitted"),
    "IsoFlop": ("allocation", "isoflop_curves"),
    "Profile": ("diagnostics", "profile_curve"),
}
"""Module and function that draw a result, by the name of its class."""


def chart_of(result: Result) -> alt.TopLevelMixin:
    """The chart of a result. Raises FitError if there is none for its kind."""
    kind = type(result).__name__
    if kind in _CHARTS:
        module, name = _CHARTS[kind]
        return getattr(import_module(f"quarry.analysis.report.figures.{module}"), name)(result)
    if kind not in _OWN:
        raise FitError(f"a {kind} has no chart: its numbers are in .table()")
    return _OWN[kind](result)


def _envelope(result: Any) -> alt.TopLevelMixin:
    from quarry.analysis.report.figures.allocation import envelope_curves

    return envelope_curves(result.curves, result)


def _allocation(result: Any) -> alt.TopLevelMixin:
    """N_opt(C), or what it was read from where that has no line through optima."""
    from quarry.analysis.report.figures.allocation import compute_optimal

    read = result.found
    if not hasattr(read, "trend"):
        return chart_of(read)
    return compute_optimal(read.trend, read.budgets if hasattr(read, "budgets") else read.handovers, "N")


def _rivals(result: Any) -> alt.TopLevelMixin:
    from quarry.analysis.report.figures.rivals import held_out_predictions

    if result.predictions.is_empty():
        raise FitError("no held-out point was predicted, so there is nothing to draw")
    return held_out_predictions(result, result.predictions["question"][0])


_OWN: dict[str, Callable[[Any], alt.TopLevelMixin]] = {
    "Allocation": _allocation,
    "Envelope": _envelope,
    "Rivals": _rivals,
}
