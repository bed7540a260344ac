"""How far N_opt and E_opt may miss their line or law beyond the budgets: backtests over budgets, a prior.

An error of log E_opt is that of log N_opt with the other sign, so that one misfit serves both. Nothing
relates it to the misfit of a loss, which is flat in N at its least: its prior is measured apart, on the
tables of `experiments/results/bands/optima.csv` (`python -m tests.benchmarks.coverage.optima FOLDER`).
"""

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from quarry.analysis.allocation.lines import SHORTEST, Optima, straight_line
from quarry.analysis.fitting.intervals import Interval, finite
from quarry.analysis.fitting.noise import RunScatter
from quarry.analysis.fitting.prediction.backtests import Backtests, deviation, joined
from quarry.analysis.fitting.prediction.band import Parts, Reach
from quarry.analysis.fitting.prediction.outlook import Outlook, outlook_of
from quarry.analysis.fitting.prediction.prior import Prior

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from quarry.analysis.fitting.result import Fit
    from quarry.analysis.laws.law import Values

PRIOR = Prior(median=0.1, spread=1.0, growth=1.0)
"""The misfit of log N_opt a decade beyond the budgets: the widest that five families do not contradict. Their
backtests show none beyond the parameters and the scatter of their lines, and reach two decades out."""

# No optimum above tests a line through fewer.
_FEWEST = 3


def look_beyond_optima(optima: Optima, draws: Optima, level: float) -> Outlook:
    """The outlook of the line through optima: below each cut in C a line, which predicts the optima above.

    `draws` [draws, optima] give the error of each line; the scatter about the line through all is that of one
    optimum.
    """
    log_c = np.sort(optima.log_c)
    cuts = [c for c in log_c[_FEWEST - 1 : -1] if c < log_c[-1] and c - log_c[0] >= SHORTEST]
    found = [_line_errors(optima, draws, number, cut) for number, cut in enumerate(cuts)]
    return _outlook(found, _scatter(optima), log_c, level)


def _line_errors(optima: Optima, draws: Optima, number: int, cut: float) -> Backtests:
    beyond = optima.log_c > cut
    predicted, drawn = (_line_below(each, cut, optima.log_c[beyond]) for each in (optima, draws))
    return _rows(number, optima.log_n[beyond] - predicted, deviation(drawn), optima.log_c[beyond], cut)


def _line_below(optima: Optima, cut: float, log_c: np.ndarray) -> np.ndarray:
    """log N [..., log_c] along the line through the optima up to the cut."""
    with np.errstate(all="ignore"):
        slope, log_n = straight_line(optima.log_c - cut, optima.log_n, optima.weight * (optima.log_c <= cut))
    return log_n[..., None] + slope[..., None] * (log_c - cut)


def _scatter(optima: Optima) -> float:
    """The standard deviation of log N about the line; 0 with two optima."""
    freedom = len(optima.log_c) - 2
    residuals = optima.log_n - _line_below(optima, float(optima.log_c.max()), optima.log_c)
    return math.sqrt(float(residuals @ residuals) / freedom) if freedom else 0.0


def look_beyond_points(fitted: "Fit", optimum: "Callable[[Values, float], Values]") -> Outlook | None:
    """The outlook of the N_opt of a fitted law, a function of its parameters and of C.

    None without intervals.
    At each cut of the backtests, log N_opt at the largest C by the points below against that by all points.
    """
    if fitted.outlook is None or fitted.outlook.refits is None or "C" not in fitted.points.columns:
        return None
    log_c, refits = np.log(fitted.points["C"].cast(pl.Float64).to_numpy()), fitted.outlook.refits

    def log_n(params: np.ndarray) -> np.ndarray:
        named = dict(zip(fitted.data.law.parameter_names, np.moveaxis(params, -1, 0), strict=True))
        with np.errstate(all="ignore"):
            n: Any = optimum(named, math.exp(log_c.max()))
            return np.asarray(np.log(n))

    error, spread = log_n(fitted.minima.params[0]) - log_n(refits.params), deviation(log_n(refits.draws).T)
    found = [
        _rows(number, error[i : i + 1], spread[i : i + 1], log_c.max(keepdims=True), log_c[kept].max())
        for i, (number, kept) in enumerate(zip(refits.cut.tolist(), refits.kept, strict=True))
        if log_c[kept].max() < log_c.max()
    ]
    draws = np.stack([fitted.draws[name] for name in fitted.data.law.parameter_names], axis=-1)
    return _outlook(found, float(deviation(log_n(draws))), log_c, fitted.level)


def _rows(number: int, error: np.ndarray, spread: np.ndarray, log_c: np.ndarray, cut: float) -> Backtests:
    """The backtest of a cut: a row for each C beyond it."""
    rows = np.arange(len(error))
    below = np.full(len(error), log_c.max() - cut)
    found = Backtests(error, spread, log_c - cut, below, rows, np.full(len(error), number), rows)
    return found.rows(np.isfinite(error) & np.isfinite(spread))


def _outlook(found: "Sequence[Backtests]", noise: float, log_c: np.ndarray, level: float) -> Outlook:
    """Without the bias, of which N and E would have opposite signs: no table here says that it goes on."""
    ranges = {"C": (math.exp(log_c.min()), math.exp(log_c.max()))}
    outlook = outlook_of(joined(found), PRIOR, RunScatter(noise), ranges, level)
    return replace(outlook, extrapolation=replace(outlook.extrapolation, bias=0.0))


def with_misfit(
    outlook: Outlook | None, flops: float, value: float, ends: Interval, level: float
) -> tuple[float, Interval]:
    """N or E at C = `flops`, and its interval `ends` with the misfit there."""
    return value, ends_with_misfit(outlook, _at(flops), value, ends, level)


def ends_with_misfit(
    outlook: Outlook | None, at: "Mapping[str, np.ndarray]", value: float, ends: Interval, level: float
) -> Interval:
    """The interval `ends` of a value, with the misfit at the inputs `at`."""
    if outlook is None:
        return ends
    low, high = outlook.band(at, np.array(value), _reach(value, ends), level, new_run=False)
    return finite(low) or None, finite(high)


def parts_at(
    outlook: Outlook | None, flops: float, value: float, ends: Interval, level: float
) -> Parts | None:
    """The parts of that interval; None where the misfit is not known."""
    return outlook and outlook.parts(_at(flops), _reach(value, ends), level, new_run=False)


def _at(flops: float) -> dict[str, np.ndarray]:
    return {"C": np.array(flops)}


def _reach(value: float, ends: Interval) -> Reach:
    """How far an interval goes below and above a value, in its logarithm."""
    below, above = (math.inf if end is None else abs(math.log(end / value)) for end in ends)
    return np.array(below), np.array(above)
