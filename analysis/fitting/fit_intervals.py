"""The intervals of a fit's parameters, and of what follows from them."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from quarry.analysis.fitting.bootstrap import Draws, jackknife
from quarry.analysis.fitting.coordinates import at_bounds, limits, natural_value, search_coordinate
from quarry.analysis.fitting.intervals import OPEN, Interval, IntervalSettings

if TYPE_CHECKING:
    from quarry.analysis.fitting.search import Data
    from quarry.analysis.fitting.settings import IntervalKind

# No share of draws, and no acceleration, is taken as more extreme than this by BCa.
_BCA_MARGIN = 1e-3


@dataclass(frozen=True)
class FitIntervals:
    """Intervals at `level` around the estimate `params` [parameters]: widened percentile, or BCa."""

    data: "Data"
    params: np.ndarray
    draws: Draws
    level: float
    kind: "IntervalKind"

    @cached_property
    def settings(self) -> IntervalSettings:
        if self.kind == "bca":
            return IntervalSettings(self.level)
        return IntervalSettings.of_runs(self.level, len(np.unique(self.draws.units)))

    @cached_property
    def refits(self) -> np.ndarray:
        """The jackknife's parameters: [refits, parameters]."""
        return jackknife(self.data, self.params, self.draws.units)

    def parameter(self, j: int) -> Interval:
        """The interval of the parameter in place `j` of the law's.

        Open on both sides if all of it lies on the lower bound: draws that would go on below say that the law
        misses the points, not that the irreducible loss is zero.
        """
        parameter = self.data.law.parameters[j]
        below, above = self._ends(
            lambda params: search_coordinate(parameter, params[..., j]),
            self.draws.below[:, j],
            self.draws.above[:, j],
        )
        lower, upper = limits(parameter)
        low, high = float(natural_value(parameter, below)), float(natural_value(parameter, above))
        if at_bounds(parameter, high)[0]:
            return OPEN
        return low if below > lower else None, high if above < upper else None

    def quantity(self, value: Callable[[Any], Any]) -> Interval:
        """The interval of a function of the parameters: `value` takes them by name, arrays over draws.

        A quantity that is positive in every draw is widened in its logarithm.
        """

        def values(params: np.ndarray) -> np.ndarray:
            named = dict(zip(self.data.law.parameter_names, params.T, strict=True))
            with np.errstate(all="ignore"):
                return np.broadcast_to(value(named), params.shape[:-1]).astype(float)

        drawn = values(self.draws.params)
        positive = bool((drawn[np.isfinite(drawn)] > 0).all() and values(self.params) > 0)

        def coordinate(params: np.ndarray) -> np.ndarray:
            with np.errstate(all="ignore"):
                return np.asarray(np.log(values(params))) if positive else values(params)

        unlimited = self.draws.below | self.draws.above
        lost = unlimited[:, _felt_by(values, self.params)].any(axis=1) | ~np.isfinite(
            coordinate(self.draws.params)
        )
        with np.errstate(over="ignore"):
            ends = np.array(self._ends(coordinate, lost, lost))
            known, ends = np.isfinite(ends), np.exp(ends) if positive else ends
        low, high = (
            float(end) if there and math.isfinite(end) else None
            for end, there in zip(ends, known, strict=True)
        )
        return low, high

    def _ends(self, coordinate: Callable, below: np.ndarray, above: np.ndarray) -> tuple[float, float]:
        """The two ends in a coordinate of the parameters; infinite where too many draws are unlimited."""
        values, middle = coordinate(self.draws.params), float(coordinate(self.params))
        if self.kind == "bca":
            refits = coordinate(self.refits)
            low = bca_quantile(np.where(below, -np.inf, values), middle, (1 - self.level) / 2, refits)
            high = bca_quantile(np.where(above, np.inf, values), middle, (1 + self.level) / 2, refits)
        else:
            low, high = (float(end) for end in self.settings.ends(values, middle, below, above))
        return min(low, middle), max(high, middle)


def _felt_by(coordinate: Callable[[np.ndarray], np.ndarray], params: np.ndarray) -> np.ndarray:
    """Which parameters a quantity depends on: it changes when they change by a thousandth."""
    changed = np.tile(params, (len(params), 1))
    np.fill_diagonal(changed, np.where(params == 0, 1e-3, params * 1.001))
    return coordinate(changed) != coordinate(params)


def bca_quantile(values: np.ndarray, middle: float, probability: float, refits: np.ndarray) -> float:
    """The bias-corrected and accelerated quantile of draws (Efron 1987), `refits` leaving out each unit."""
    normal = NormalDist()
    share = np.clip((np.mean(values < middle) + np.mean(values <= middle)) / 2, _BCA_MARGIN, 1 - _BCA_MARGIN)
    bias = normal.inv_cdf(float(share))
    skew = np.mean(refits) - refits
    spread = float(np.sum(skew**2)) ** 1.5
    acceleration = float(np.sum(skew**3)) / (6 * spread) if spread > 0 else 0.0
    shifted = bias + normal.inv_cdf(probability)
    corrected = normal.cdf(bias + shifted / max(_BCA_MARGIN, 1 - acceleration * shifted))
    method = "lower" if probability < 0.5 else "higher"
    return float(np.quantile(values, corrected, method=method))
