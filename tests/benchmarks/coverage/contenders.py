"""The intervals that are compared: each takes a split and gives log loss from low to high, by level."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import polars as pl
import scipy

from quarry.analysis.fitting.estimation import estimate
from quarry.analysis.fitting.prediction.band import widened
from quarry.analysis.fitting.result import Fit
from quarry.analysis.fitting.settings import FitSettings
from quarry.analysis.fitting.together.together import estimate_together
from quarry.analysis.laws.law import Law
from quarry.errors import FitError
from tests.benchmarks.coverage.splits import Split

LEVELS = (0.95, 0.8)

Intervals = dict[float, tuple[np.ndarray, np.ndarray]]
"""By level, low and high [points] of log loss."""

Contender = Callable[[Fit, Split], Intervals]

# The points of largest compute by which the last segment is drawn.
_LAST_SHARE, _FEWEST_LAST = 1 / 3, 5


def fitted(points: pl.DataFrame, law: Law | None, draws: int) -> Fit | None:
    """The law (None: those that apply, together) fitted to the points; None where it has no interval."""
    settings = FitSettings(bootstrap=draws)
    try:
        fit = estimate_together(points, settings) if law is None else estimate(points, law, settings)
    except FitError:
        return None
    return fit if fit.outlook is not None else None


def _inputs(split: Split, law: Law) -> dict[str, np.ndarray]:
    return {name: split.beyond[name].to_numpy() for name in law.inputs}


def ours(fit: Fit, split: Split) -> Intervals:
    """The interval of a new run that `quarry fit` gives."""
    return {level: _log(at_level(fit, level).band(_inputs(split, fit.law), new_run=True)) for level in LEVELS}


def before(fit: Fit, split: Split) -> Intervals:
    """Parameters and seed noise: our interval until November 2026."""
    return {level: _known(fit, split, level, fit.seed_noise) for level in LEVELS}


def bootstrap_only(fit: Fit, split: Split) -> Intervals:
    """Parameters alone, the published practice."""
    return {level: _known(fit, split, level, 0.0) for level in LEVELS}


def scatter_only(fit: Fit, split: Split) -> Intervals:
    """The standard deviation of the residuals about the fitted law."""
    middle = np.log(fit.predict(_inputs(split, fit.law)))
    spread = float(np.std(fit.data.residuals(fit.minima.params[0])))
    return {level: (middle - z(level) * spread, middle + z(level) * spread) for level in LEVELS}


def last_segment(fit: Fit, split: Split) -> Intervals:
    """A straight line in logarithms through the third of largest compute, with its prediction interval."""
    inputs = [name for name in fit.law.inputs if split.below[name].n_unique() > 1]
    size = sum(np.log(split.below[name].to_numpy()) for name in inputs)
    most = max(_FEWEST_LAST, len(inputs) + 3, round(_LAST_SHARE * len(split.below)))
    last = np.argsort(size)[-most:]
    x = _design([split.below[name].to_numpy()[last] for name in inputs])
    y = np.log(split.below["loss"].to_numpy()[last])
    beyond = _design([split.beyond[name].to_numpy() for name in inputs])
    slope, _, rank, _ = np.linalg.lstsq(x, y, rcond=None)
    freedom = max(1, len(y) - int(rank))
    variance = float(np.sum((y - x @ slope) ** 2)) / freedom
    leverage = np.einsum("ij,jk,ik->i", beyond, np.linalg.pinv(x.T @ x), beyond)
    reach, middle = np.sqrt(variance * (1 + leverage)), beyond @ slope
    student = {level: float(scipy.special.stdtrit(freedom, (1 + level) / 2)) for level in LEVELS}
    return {level: (middle - student[level] * reach, middle + student[level] * reach) for level in LEVELS}


CONTENDERS: Mapping[str, Contender] = {
    "three parts (ours)": ours,
    "before: parameters and seeds": before,
    "bootstrap only": bootstrap_only,
    "residual scatter only": scatter_only,
    "last segment": last_segment,
}


def at_level(fit: Fit, level: float) -> Fit:
    """The fit with its intervals at another level."""
    return replace(fit, level=level, intervals=fit.intervals and replace(fit.intervals, level=level))


def _known(fit: Fit, split: Split, level: float, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """The interval of parameters and noise alone."""
    inputs, fit = _inputs(split, fit.law), at_level(fit, level)
    middle = fit.predict(inputs)
    reach = fit.parameter_reach(inputs)
    return _log(widened(middle, reach, level, noise, None, np.zeros_like(middle)))


def _log(ends: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    with np.errstate(all="ignore"):
        return np.log(ends[0]), np.log(ends[1])


def _design(columns: list[np.ndarray]) -> np.ndarray:
    return np.stack([np.ones(len(columns[0])), *map(np.log, columns)], axis=1)


def z(level: float) -> float:
    """How many standard deviations a normal interval at this level reaches."""
    return float(scipy.special.ndtri((1 + level) / 2))
