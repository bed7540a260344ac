"""Linear regression of values of which only bounds are known (Tobit 1958), over many draws at once.

By expectation and maximisation (Dempster, Laird and Rubin 1977, example 4.4): a censored value is replaced
by its mean given its bounds, the line is refitted, and so on; the likelihood rises at every step.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr

_STEPS, _CLOSE = 500, 1e-6


@dataclass(frozen=True)
class Censored:
    """Bounds [draws, units] of each value: equal where it is known, -inf or inf where there is none.

    NaN in both is a unit that says nothing.
    """

    low: np.ndarray
    high: np.ndarray

    @property
    def known(self) -> np.ndarray:
        return self.low == self.high


def tobit(design: np.ndarray, values: Censored, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients [draws, terms] and standard deviation [draws] of `values` on `design` [units, terms].

    `weights` [draws, units] say how often a unit counts. NaN in draws whose known values cannot bear the
    line: fewer distinct units than terms, or a design without full rank over them.
    """
    weights = np.where(np.isnan(values.low), 0.0, weights)
    low, high = (
        np.nan_to_num(values.low, nan=0.0, neginf=-np.inf, posinf=np.inf),
        np.nan_to_num(values.high, nan=0.0, neginf=-np.inf, posinf=np.inf),
    )
    known = values.known & (weights > 0)
    enough = _ranks(design, known) == design.shape[1]
    start = np.where(np.isfinite(low), low, high)
    coefficients = _solved(design, start, weights)
    deviation = np.maximum(_spread(design, coefficients, start, 0.0, weights), 1e-3)
    for _ in range(_STEPS):
        mean, variance = _moments(coefficients @ design.T, deviation[:, None], low, high)
        former = coefficients
        coefficients = _solved(design, mean, weights)
        deviation = np.maximum(_spread(design, coefficients, mean, variance, weights), 1e-9)
        if np.abs(coefficients - former)[enough].max(initial=0.0) < _CLOSE:
            break
    return np.where(enough[:, None], coefficients, np.nan), np.where(enough, deviation, np.nan)


def _ranks(design: np.ndarray, known: np.ndarray) -> np.ndarray:
    return np.linalg.matrix_rank(known[:, :, None] * design)


def _solved(design: np.ndarray, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted least squares of each draw, [draws, terms]."""
    gram = np.einsum("du,ui,uj->dij", weights, design, design)
    side = np.einsum("du,ui,du->di", weights, design, values)
    return np.einsum("dij,dj->di", np.linalg.pinv(gram, hermitian=True), side)


def _spread(design, coefficients, values, variance, weights) -> np.ndarray:
    squares = weights * ((values - coefficients @ design.T) ** 2 + variance)
    return np.sqrt(squares.sum(axis=1) / np.maximum(weights.sum(axis=1), 1e-9))


def _moments(mean: np.ndarray, deviation: np.ndarray, low: np.ndarray, high: np.ndarray):
    """Mean and variance of a normal value given its bounds; where it is known, itself and 0."""
    below, above = (low - mean) / deviation, (high - mean) / deviation
    right = np.isinf(high) & (high > 0)
    # One-sided bounds only: a value censored on the right lies above `low`, on the left below `high`.
    cut = np.where(right, below, -above)
    ratio = np.exp(-0.5 * np.where(np.isfinite(cut), cut, 0.0) ** 2 - log_ndtr(-cut)) / np.sqrt(2 * np.pi)
    side = np.where(right, 1.0, -1.0)
    inside = mean + side * deviation * ratio
    spread = deviation**2 * np.maximum(1 - ratio * (ratio - np.where(np.isfinite(cut), cut, 0.0)), 0.0)
    known = low == high
    return np.where(known, low, inside), np.where(known, 0.0, spread)
