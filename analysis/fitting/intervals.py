"""Intervals from the draws of the bootstrap.

With few runs the percentile interval is too narrow: resamples of n runs spread as n - 1 degrees of freedom
do, and their quantiles are read as normal ones. Hesterberg 2015 (arXiv 1411.5279, "expanded percentile")
widens it by sqrt(n / (n - 1)) t / z, moving to a farther quantile of the draws. Here the distance from the
estimate to the ordinary quantile is multiplied instead, in the coordinates of the search: the same for normal
draws, and it needs no quantile such as 1 in 1,000, which few draws cannot give.

Measured over 200 repeats of each of the first three laws, noise of .05% to 1%: 95% intervals covered the
truth 91.5% to 98.5% of the time with 40 or 49 runs, and 92% to 100% with 4 to 30. n - p in place of n - 1
gave up to 100% where n - 1 gave 99%; the plain percentile fell to 90%.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
import scipy

from quarry.analysis.fitting.bootstrap import Draws, jackknife
from quarry.analysis.fitting.coordinates import limits, natural, search_coordinate
from quarry.analysis.fitting.search import Data

Interval = tuple[float | None, float | None]
"""None on a side that the runs do not bound."""

IntervalKind = Literal["percentile", "bca"]


@dataclass(frozen=True)
class Intervals:
    """Intervals at `level` around the estimate `params` [parameters]: widened percentile, or BCa."""

    data: Data
    params: np.ndarray
    draws: Draws
    level: float
    kind: IntervalKind

    @cached_property
    def widening(self) -> float:
        units = len(np.unique(self.draws.units))
        return widening_factor(units, self.level) if self.kind == "percentile" else 1.0

    @cached_property
    def refits(self) -> np.ndarray:
        return jackknife(self.data, self.params, self.draws.units)

    def parameter(self, j: int) -> Interval:
        """Of the parameter in place `j` of the law's."""
        parameter = self.data.law.parameters[j]
        below, above = self._ends(
            lambda params: search_coordinate(parameter, params[..., j]),
            (self.draws.below[:, j], self.draws.above[:, j]),
        )
        lower, upper = limits(parameter)
        return (
            float(natural(parameter, below)) if below > lower else None,
            float(natural(parameter, above)) if above < upper else None,
        )

    def quantity(self, value: Callable[[Any], Any]) -> Interval:
        """Of what follows from the parameters: `value` takes them by name, arrays over draws.

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
            ends = np.array(self._ends(coordinate, (lost, lost)))
            known, ends = np.isfinite(ends), np.exp(ends) if positive else ends
        low, high = (
            float(end) if there and math.isfinite(end) else None
            for end, there in zip(ends, known, strict=True)
        )
        return low, high

    def _ends(self, coordinate: Callable, unlimited: tuple[np.ndarray, np.ndarray]) -> tuple[float, float]:
        """The two ends in a coordinate of the parameters; infinite where too many draws are unlimited."""
        values, middle = coordinate(self.draws.params), float(coordinate(self.params))
        below, above = (
            self._end(np.where(lost, side * np.inf, values), middle, (1 + side * self.level) / 2, coordinate)
            for side, lost in zip((-1, 1), unlimited, strict=True)
        )
        return min(below, middle), max(above, middle)

    def _end(self, values: np.ndarray, middle: float, probability: float, coordinate: Callable) -> float:
        if self.kind == "bca":
            return bca_quantile(values, middle, probability, coordinate(self.refits))
        return float(widened_quantile(values, middle, probability, self.widening))


def _felt_by(coordinate: Callable[[np.ndarray], np.ndarray], params: np.ndarray) -> np.ndarray:
    """Which parameters a quantity depends on: it changes when they change by a thousandth."""
    changed = np.tile(params, (len(params), 1))
    np.fill_diagonal(changed, np.where(params == 0, 1e-3, params * 1.001))
    return coordinate(changed) != coordinate(params)


def bca_quantile(values: np.ndarray, middle: float, probability: float, refits: np.ndarray) -> float:
    """The bias-corrected and accelerated quantile of draws (Efron 1987), `refits` leaving out each unit."""
    normal = NormalDist()
    share = np.clip((np.mean(values < middle) + np.mean(values <= middle)) / 2, 1e-3, 1 - 1e-3)
    bias = normal.inv_cdf(float(share))
    skew = np.mean(refits) - refits
    spread = float(np.sum(skew**2)) ** 1.5
    acceleration = float(np.sum(skew**3)) / (6 * spread) if spread > 0 else 0.0
    shifted = bias + normal.inv_cdf(probability)
    corrected = normal.cdf(bias + shifted / max(1e-3, 1 - acceleration * shifted))
    method = "lower" if probability < 0.5 else "higher"
    return float(np.quantile(values, corrected, method=method))


def widened_quantile(values: Any, middle: Any, probability: float, widening: float) -> Any:
    """The quantile of draws (over the first axis), its distance from `middle` times `widening`."""
    method = "lower" if probability < 0.5 else "higher"
    return middle + (np.quantile(values, probability, axis=0, method=method) - middle) * widening


def band(
    losses: np.ndarray, middle: np.ndarray, level: float, widening: float, noise: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """The interval of a law at new inputs: losses [draws, ...], middle [...].

    A draw without a loss there limits neither side. `noise`, the standard deviation of log loss between runs
    alike, widens it to one of a new run.
    """
    with np.errstate(all="ignore"):
        logs, log_middle = np.log(losses), np.log(middle)
        low, high = (
            widened_quantile(
                np.where(np.isnan(logs), side * np.inf, logs), log_middle, (1 + side * level) / 2, widening
            )
            for side in (-1, 1)
        )
        reach = (np.maximum(log_middle - low, 0.0), np.maximum(high - log_middle, 0.0))
    return with_noise(middle, reach, level, noise)


def with_noise(
    middle: np.ndarray, reach: tuple[np.ndarray, np.ndarray], level: float, noise: float
) -> tuple[np.ndarray, np.ndarray]:
    """Ends at `reach` below and above `middle` (in logarithms), and further by `noise` (s.d. of log loss)."""
    own = NormalDist().inv_cdf((1 + level) / 2) * noise
    with np.errstate(all="ignore"):
        low, high = middle * np.exp(-np.hypot(reach[0], own)), middle * np.exp(np.hypot(reach[1], own))
    return np.where(np.isnan(low), 0.0, low), np.where(np.isnan(high), np.inf, high)


def widening_factor(runs: int, level: float) -> float:
    """sqrt(n / (n - 1)) t / z for n > 1 runs (Hesterberg 2015, "expanded percentile")."""
    probability = (1 + level) / 2
    scale = math.sqrt(runs / (runs - 1)) / NormalDist().inv_cdf(probability)
    return scale * float(scipy.special.stdtrit(runs - 1, probability))
