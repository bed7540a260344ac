"""The misfit that grows with the distance beyond the fitted range: measured by backtests, else by the prior.

The standard deviation of log loss at d e-folds is scale (d / ln 10)^growth. The scale has a posterior on a
grid: the prior over ladders times the likelihood of the backtests' errors, less what the refits' parameters
and the noise of a run explain. What lies beyond one cut shares its fit, so the points of a cut count as
`_EVIDENCE` observations; a cut far below the largest compute says less of what lies beyond this.
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy

from quarry.analysis.fitting.prediction.distance import Ranges, distance

if TYPE_CHECKING:
    from collections.abc import Mapping

    from quarry.analysis.fitting.prediction.backtests import Backtests
    from quarry.analysis.fitting.prediction.prior import Prior

# Chosen by the interval score over the ladders of `experiments/results/bands`: what the points beyond a cut
# count together, in observations, and by what factor less for each decade that the cut lies below the top.
_EVIDENCE, _FADING = 2.0, 0.2

# By which part of a bias beyond chance the middle of an interval moves: all of it scores worse.
_TRUSTED = 0.5

SCALES = np.geomspace(1e-4, 3.0, 41)
"""The scales of the grid: standard deviations of log loss a decade beyond the range."""

# No run is known better than this (log loss); backtests without noise would claim a law to be exact.
_LEAST_NOISE = 1e-4

# How much lies within a standard deviation of a normal distribution.
_ONE_SIGMA = math.erf(math.sqrt(0.5))

# Halvings of the bracket of a quantile.
_BISECTIONS = 40


@dataclass(frozen=True)
class Extrapolation:
    """A mixture of normal errors of log loss beyond `ranges`: `weights` of the `scales` [grid].

    `bias` is their mean a decade out: what the backtests missed with one sign.
    """

    scales: np.ndarray
    weights: np.ndarray
    growth: float
    ranges: Ranges
    bias: float = 0.0

    def distance(self, inputs: "Mapping[str, Any]") -> np.ndarray:
        """The e-folds [...] by which inputs lie beyond the range."""
        return distance(inputs, self.ranges)

    def variance(self, distances: Any) -> np.ndarray:
        """The variance of log loss in each part of the mixture: [..., grid]."""
        return (self._grown(distances)[..., None] * self.scales) ** 2

    def shift(self, distances: Any) -> np.ndarray:
        """By how much the middle of an interval of log loss lies above the prediction [...]."""
        return np.asarray(self.bias * self._grown(distances))

    def _grown(self, distances: Any) -> np.ndarray:
        return np.asarray((np.asarray(distances, float) / math.log(10)) ** self.growth)

    def deviation(self, distances: Any) -> np.ndarray:
        """The standard deviation [...] of the normal error that holds as much within one: of log loss."""
        return np.asarray(self._a_decade_out * self._grown(distances))

    @cached_property
    def _a_decade_out(self) -> float:
        return float(mixture_quantile(self.scales, self.weights, (1 + _ONE_SIGMA) / 2))

    def reach(self, distances: Any, known: Any, level: float) -> np.ndarray:
        """How far an interval goes to one side [...], in log loss; `known` [...] is the other variance."""
        total = np.sqrt(np.asarray(known, float)[..., None] + self.variance(distances))
        return mixture_quantile(total, self.weights, (1 + level) / 2)


def mixture_quantile(deviations: np.ndarray, weights: np.ndarray, probability: float) -> np.ndarray:
    """The quantile [...] above 1/2 of centred normals mixed: deviations [..., parts], weights [parts]."""
    low = np.zeros(deviations.shape[:-1])
    high = deviations.max(axis=-1) * max(1.0, float(scipy.special.ndtri(probability)))
    with np.errstate(all="ignore"):
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            reached = (scipy.special.ndtr(middle[..., None] / deviations) * weights).sum(axis=-1)
            low, high = np.where(reached < probability, (middle, high), (low, middle))
    return np.asarray(high)


def measure_extrapolation(
    backtests: "Backtests", prior: "Prior", noise: float, ranges: Ranges
) -> Extrapolation:
    """The posterior of the scale, and the bias.

    `noise` is the standard deviation of log loss of a run about the law.
    """
    log_prior = -0.5 * ((np.log(SCALES) - math.log(prior.median)) / prior.spread) ** 2
    posterior = log_prior + log_likelihood(backtests, prior.growth, noise)
    weights = np.exp(posterior - posterior.max())
    found = Extrapolation(SCALES, weights / weights.sum(), prior.growth, ranges)
    return replace(found, bias=_bias(backtests, found, noise))


def _bias(backtests: "Backtests", found: Extrapolation, noise: float) -> float:
    """The mean error a decade out: its posterior mean under the misfit, less what may be chance, in part.

    The positive part of James and Stein 1961.
    """
    misfit = found.deviation(backtests.distance)
    grown, one = replace(found, bias=1.0).shift(backtests.distance), float(found.deviation(math.log(10)))
    weight = _counts(backtests) * grown / (_known(backtests, noise) + misfit**2)
    precision = float(weight @ grown) + 1 / one**2
    mean = float(weight @ backtests.error) / precision
    beyond_chance = precision * mean**2
    return _TRUSTED * mean * (1 - 1 / beyond_chance) if beyond_chance > 1 else 0.0


def log_likelihood(backtests: "Backtests", growth: float, noise: float) -> np.ndarray:
    """The log likelihood of each scale of the grid [grid]."""
    flat = Extrapolation(SCALES, np.ones(len(SCALES)), growth, {})
    variance = _known(backtests, noise)[:, None] + flat.variance(backtests.distance)
    each = -0.5 * (np.log(variance) + backtests.error[:, None] ** 2 / variance)
    return (_counts(backtests)[:, None] * each).sum(axis=0)


def _known(backtests: "Backtests", noise: float) -> np.ndarray:
    """The variance of each error that parameters and noise explain [rows]."""
    return backtests.parameters**2 + max(noise, _LEAST_NOISE) ** 2


def _counts(backtests: "Backtests") -> np.ndarray:
    """How many observations each row counts for [rows]."""
    return _EVIDENCE * backtests.weights() * _FADING ** (backtests.below / math.log(10))
