"""The noise of the losses of isoFLOP curves: how much replicate runs would differ."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import scipy
from numpy.polynomial.legendre import legvander

if TYPE_CHECKING:
    from quarry.analysis.allocation.budgets import Curve

_FEWEST_FREEDOM = 3
"""Degrees of freedom that a noise level needs."""
_DEGREE, _NEAR, _FEWEST_NEAR = 4, 0.1, 6
"""The degree of the polynomial about which noise is measured, and how far above the least the log loss of its
sizes lies: further away losses scatter more and bend otherwise, and do not move the minimum. At least so many
sizes are used."""
_OUTLYING = 0.001
"""The probability of the squares of a budget below which it is left out of the noise."""


@dataclass(frozen=True)
class LossNoise:
    """The standard deviation of log loss between replicates, and its degrees of freedom."""

    sd: float
    freedom: float
    source: str

    def levels(self, draws: int, rng: np.random.Generator) -> np.ndarray:
        """Draws of the standard deviation, [draws]: with few degrees of freedom it is uncertain itself."""
        if math.isinf(self.freedom):
            return np.full(draws, self.sd)
        return self.sd * np.sqrt(self.freedom / rng.chisquare(self.freedom, draws))

    def to_json(self) -> dict[str, Any]:
        """Strict JSON values; null degrees of freedom: taken as exact."""
        freedom = None if math.isinf(self.freedom) else int(self.freedom)
        return {"sd": self.sd, "degrees_of_freedom": freedom, "source": self.source}


def measure_noise(table: pl.DataFrame, curves: "list[Curve]", given: float | None) -> LossNoise | None:
    """The noise as given, else the first of the measures below that the points allow."""
    if given is not None:
        return LossNoise(given, math.inf, "given")
    return _between_runs(curves) or _about_smooth(curves) or _of_evaluation(table)


def _between_runs(curves: "list[Curve]") -> LossNoise | None:
    """Between runs of one size and budget: near the minima if there are enough, else of any size."""
    near = [_near_minimum(curve.log_loss) for curve in curves]
    return _of_sizes(curves, near) or _of_sizes(curves, [slice(None)] * len(curves))


def _of_sizes(curves: "list[Curve]", sizes: list[slice]) -> LossNoise | None:
    parts = list(zip(curves, sizes, strict=True))
    freedom = sum(int((curve.count[which] - 1).sum()) for curve, which in parts)
    squares = sum(float(curve.squares[which].sum()) for curve, which in parts)
    return _pooled(squares, freedom, "runs of one size and budget")


def _about_smooth(curves: "list[Curve]") -> LossNoise | None:
    """About a polynomial in log N through the sizes near the minimum of each budget.

    Measured on Chinchilla surfaces of 5 budgets: right within 10% on average from 0.05% to 1%, with 5 to 12
    sizes over factors of 2 to 16 either way, but for 5 sizes over a factor of 16: 0.07% are then misfit.
    """
    parts = []
    for curve in curves:
        near = _near_minimum(curve.log_loss)
        size, loss, count = curve.log_n[near], curve.log_loss[near], curve.count[near]
        degree = min(_DEGREE, len(size) - 2)
        if degree >= 2:
            parts.append((_left_by_polynomial(size, loss, count, degree), len(size) - degree - 1))
    squares, freedom = np.array(_without_outliers(parts)).reshape(-1, 2).sum(axis=0)
    return _pooled(float(squares), int(freedom), "scatter about a polynomial in log N")


def _without_outliers(parts: list[tuple[float, int]]) -> list[tuple[float, int]]:
    """Sums of squares, and degrees of freedom, without the budgets that scatter more than the rest explains.

    A single curve with a fault must not drown the others.
    """
    squares, freedom = np.array(parts).reshape(-1, 2).T
    others, rest = squares.sum() - squares, freedom.sum() - freedom
    if len(parts) < 2 or rest.min() < _FEWEST_FREEDOM:
        return parts
    with np.errstate(all="ignore"):
        chance = scipy.special.fdtrc(freedom, rest, squares / freedom * rest / np.maximum(others, 0))
    worst = int(np.argmin(chance))
    return _without_outliers(parts[:worst] + parts[worst + 1 :]) if chance[worst] < _OUTLYING else parts


def _near_minimum(log_loss: np.ndarray) -> slice:
    """The sizes about that of the least loss whose losses lie near it, at least _FEWEST_NEAR if there are."""
    start = int(np.argmin(log_loss))
    stop, limit = start + 1, log_loss[start] + _NEAR
    padded = np.concatenate([log_loss, [np.inf]])
    while stop - start < len(log_loss):
        below, above = padded[start - 1], padded[stop]
        if min(below, above) > limit and stop - start >= _FEWEST_NEAR:
            break
        start, stop = (start - 1, stop) if below < above else (start, stop + 1)
    return slice(start, stop)


def _left_by_polynomial(log_n: np.ndarray, log_loss: np.ndarray, count: np.ndarray, degree: int) -> float:
    """The weighted sum of squares about the polynomial of this degree in log N; all [sizes]."""
    weight, low, high = np.sqrt(count), log_n[0], log_n[-1]
    basis = weight[:, None] * legvander(2 * (log_n - low) / (high - low) - 1, degree)
    target = weight * log_loss
    return float(np.sum((target - basis @ np.linalg.lstsq(basis, target)[0]) ** 2))


def _pooled(squares: float, freedom: int, source: str) -> LossNoise | None:
    return LossNoise(math.sqrt(squares / freedom), freedom, source) if freedom >= _FEWEST_FREEDOM else None


def _of_evaluation(table: pl.DataFrame) -> LossNoise | None:
    """The standard errors of the losses, where every point has one."""
    if "loss_sem" not in table.columns:
        return None
    relative = (table["loss_sem"].cast(pl.Float64, strict=False) / table["loss"]).to_numpy()
    if not (np.isfinite(relative) & (relative > 0)).all():
        return None
    return LossNoise(float(np.sqrt(np.mean(relative**2))), math.inf, "loss_sem")
