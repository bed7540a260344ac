"""Linear regression with censored values (Tobit 1958), over many draws at once.

By expectation and maximisation (Dempster, Laird and Rubin 1977, example 4.4): a censored value is replaced
by its mean given its bounds, the line is refitted, and so on; the likelihood rises at every step.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import log_ndtr

_STEPS, _CONVERGED = 500, 1e-6
_FIRST_DEVIATION, _LEAST_DEVIATION = 1e-2, 1e-9
"""Lower limits of the standard deviation, at the start and later."""
_TOGETHER = 10
"""Steps after which the draws that have converged are left out of further ones."""
_LARGEST_SHARE = 0.95
"""Of one step in the one before, when the rest of the steps is added at once."""
_RIDGE = 1e-9
"""Added to the normal equations, so that a draw without full rank stays solvable."""
_FARTHEST_CUT = 1e6
"""In standard deviations: beyond it the censored value is its bound."""


@dataclass(frozen=True)
class Censored:
    """Bounds [draws, units] of each value: equal where it is known, -inf or inf where there is none.

    NaN in both marks a unit without information.
    """

    low: np.ndarray
    high: np.ndarray

    @property
    def known(self) -> np.ndarray:
        return self.low == self.high

    @property
    def value(self) -> np.ndarray:
        """The value where it is known, else its one bound."""
        return np.where(np.isinf(self.low), self.high, self.low)

    def at(self, place: Any) -> "Censored":
        """Some of the values: `place` indexes both bounds."""
        return Censored(self.low[place], self.high[place])


def tobit(design: np.ndarray, values: Censored, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients [draws, terms] and standard deviation [draws] of `values` on `design` [units, terms].

    `weights` [draws, units] say how often a unit counts. Each value is known or bounded on one side. NaN in
    draws in which the design has no full rank over the known values.
    """
    weights = np.where(np.isnan(values.low), 0.0, weights)
    low, high = (np.where(np.isnan(side), 0.0, side) for side in (values.low, values.high))
    enough = np.linalg.matrix_rank((values.known & (weights > 0))[:, :, None] * design) == design.shape[1]
    weights = np.where(enough[:, None], weights, 0.0)
    start = np.where(np.isfinite(low), low, high)
    line = _solved(design, start, weights, _gram(design, weights))
    deviation = np.maximum(_spread(start - line @ design.T, 0.0, weights), _FIRST_DEVIATION)
    left = np.flatnonzero(enough)
    for _ in range(0, _STEPS, _TOGETHER):
        if not len(left):
            break
        moved = _climb(design, low[left], high[left], weights[left], line[left], deviation[left])
        line[left], deviation[left], change = moved
        left = left[change >= _CONVERGED]
    return np.where(enough[:, None], line, np.nan), np.where(enough, deviation, np.nan)


def _climb(
    design: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    weights: np.ndarray,
    line: np.ndarray,
    deviation: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`_TOGETHER` steps: line [draws, terms], deviation [draws], and by how much the last step moved it.

    The steps of a draw shrink by a constant factor: before the last two, the rest of them is added at once
    (Aitken), which leaves the fixed point where it is.
    """
    former = earlier = line
    gram = _gram(design, weights)
    for step in range(_TOGETHER):
        if step == _TOGETHER - 2:
            line = line + _rest(line - former, former - earlier)
        mean, variance = _moments(line @ design.T, deviation[:, None], low, high)
        earlier, former, line = former, line, _solved(design, mean, weights, gram)
        deviation = np.maximum(_spread(mean - line @ design.T, variance, weights), _LEAST_DEVIATION)
    return line, deviation, np.abs(line - former).max(axis=1)


def _rest(last: np.ndarray, before: np.ndarray) -> np.ndarray:
    """The sum of the further steps [draws, terms] if each is the last one's share of the one before."""
    size, former = (np.abs(step).max(axis=1) for step in (last, before))
    share = np.clip(size / np.maximum(former, 1e-12), 0.0, _LARGEST_SHARE)
    return last * (share / (1 - share))[:, None]


def log_likelihood(
    design: np.ndarray,
    values: Censored,
    line: np.ndarray,
    deviation: np.ndarray,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """The log-likelihood [draws] of censored `values` [draws, units]: densities of the known, else tails.

    Each unit counts once, or as often as `weights` [draws, units] say; units without information count 0.
    """
    mean, known = line @ design.T, values.known
    with np.errstate(invalid="ignore", divide="ignore"):
        low, high = ((side - mean) / deviation[:, None] for side in (values.low, values.high))
        density = -(low**2) / 2 - np.log(deviation[:, None] * np.sqrt(2 * np.pi))
        terms = np.where(known, density, np.where(np.isinf(high), log_ndtr(-low), log_ndtr(high)))
    terms = np.where(np.isnan(values.low), 0.0, terms)
    return (terms if weights is None else weights * terms).sum(axis=1)


def _gram(design: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The matrix of the normal equations of each draw, with the ridge: [draws, terms, terms]."""
    products = (design[:, :, None] * design[:, None, :]).reshape(len(design), -1)
    gram = (weights @ products).reshape(-1, design.shape[1], design.shape[1])
    return gram + _RIDGE * np.eye(design.shape[1])


def _solved(design: np.ndarray, values: np.ndarray, weights: np.ndarray, gram: np.ndarray) -> np.ndarray:
    """Weighted least squares of each draw, [draws, terms]."""
    side = (weights * values) @ design
    return np.linalg.solve(gram, side[:, :, None])[:, :, 0]


def _spread(residuals: np.ndarray, variance: np.ndarray | float, weights: np.ndarray) -> np.ndarray:
    return np.sqrt((weights * (residuals**2 + variance)).sum(axis=1) / np.maximum(weights.sum(axis=1), 1.0))


def _moments(
    mean: np.ndarray, deviation: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of a normal value given its bounds; where it is known, itself and 0.

    Beyond a cut of a standard deviations the mean is that of the inverse Mills ratio, phi(a) / Phi(-a). It is
    computed for the censored values alone: with all, a regression of 1,000 draws took 1.3 times as long.
    """
    censored = low != high
    upwards = np.isinf(high)
    value, variance = np.where(upwards, low, high), np.zeros(mean.shape)
    bound, centre, side = value[censored], mean[censored], np.where(upwards, 1.0, -1.0)[censored]
    spread = np.broadcast_to(deviation, mean.shape)[censored]
    cut = side * (bound - centre) / spread
    alone, cut = cut > _FARTHEST_CUT, np.minimum(cut, _FARTHEST_CUT)
    ratio = np.exp(-(cut**2) / 2 - log_ndtr(-cut)) / np.sqrt(2 * np.pi)
    left = spread**2 * np.maximum(1 - ratio * (ratio - cut), 0.0)
    value[censored] = np.where(alone, bound, centre + side * spread * ratio)
    variance[censored] = np.where(alone, 0.0, left)
    return value, variance
