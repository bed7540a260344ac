"""The noise of the losses of isoFLOP curves: how much replicate runs would differ."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.polynomial.legendre import legvander

if TYPE_CHECKING:
    from quarry.analysis.allocation.budgets import Curve

_FEWEST_FREEDOM, _DEGREE = 3, 4
"""Degrees of freedom that a noise level needs; the degree of the polynomial about which it is measured."""


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
    """Between runs of one size and budget."""
    freedom = sum(int(curve.count.sum()) - len(curve.count) for curve in curves)
    return _pooled(sum(curve.squares for curve in curves), freedom, "runs of one size and budget")


def _about_smooth(curves: "list[Curve]") -> LossNoise | None:
    """About a polynomial in log N for each budget. Misfit of the polynomial counts as noise."""
    squares, freedom = 0.0, 0
    for curve in curves:
        degree = min(_DEGREE, len(curve.log_n) - 2)
        if degree >= 2:
            squares += _left_by_polynomial(curve, degree)
            freedom += len(curve.log_n) - degree - 1
    return _pooled(squares, freedom, "scatter about a polynomial in log N")


def _left_by_polynomial(curve: "Curve", degree: int) -> float:
    """The weighted sum of squares about the polynomial of this degree in log N."""
    weight, low, high = np.sqrt(curve.count), curve.log_n[0], curve.log_n[-1]
    basis = weight[:, None] * legvander(2 * (curve.log_n - low) / (high - low) - 1, degree)
    target = weight * curve.log_loss
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
