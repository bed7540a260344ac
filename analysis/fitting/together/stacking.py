"""The weights of laws: stacking (Yao et al. 2018, arXiv 1704.02030) by the interval score of backtests."""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from statistics import NormalDist

import numpy as np

from quarry.analysis.fitting.prediction.backtests import Backtests
from quarry.analysis.fitting.prediction.scores import interval_score

# Weights are tried in steps of one over this, and the misfit a decade out at these values.
_STEPS, _MISFITS = 10, np.geomspace(1e-4, 1.0, 17)

# Weights whose score is worse than the best by this fraction count e times less: backtests are few. At 0.1
# the intervals of published ladders held 88% of the largest runs, at 0.3 90%; scores 0.425 and 0.428 (both
# by the prior of one law).
_TEMPERATURE = 0.3


def stack(backtests: Sequence[Backtests], noise: float, growth: float, level: float) -> np.ndarray:
    """The weight of each law [laws], from backtests of the same cuts and points.

    The mean of all weights on a grid, by how well the mixture's intervals score.
    """
    if len(backtests) == 1 or not len(backtests[0].error):
        return np.full(len(backtests), 1 / len(backtests))
    grid = _simplex(len(backtests))
    scores = np.array([_score(backtests, weights, noise, growth, level) for weights in grid])
    odds = np.exp(-(scores / scores.min() - 1) / _TEMPERATURE)
    return odds @ grid / odds.sum()


def mixed(backtests: Sequence[Backtests], weights: np.ndarray) -> Backtests:
    """The backtests of the mixture: its error, and the spread of the laws beside that of their parameters."""
    first = backtests[0]
    errors = np.stack([one.error for one in backtests])
    with np.errstate(all="ignore"):
        mean = -np.log(weights @ np.exp(-errors))
    variance = weights @ (np.stack([one.parameters for one in backtests]) ** 2 + (errors - mean) ** 2)
    return replace(first, error=mean, parameters=np.sqrt(variance))


def _score(
    backtests: Sequence[Backtests], weights: np.ndarray, noise: float, growth: float, level: float
) -> float:
    """The mean interval score of the mixture with the misfit that suits it best."""
    found = mixed(backtests, weights)
    misfit = _MISFITS[:, None] * (found.distance / math.log(10)) ** growth
    reach = NormalDist().inv_cdf((1 + level) / 2) * np.sqrt(found.parameters**2 + noise**2 + misfit**2)
    return float((interval_score(found.error, -reach, reach, level) @ found.weights()).min())


def _simplex(laws: int) -> np.ndarray:
    """Every weight of so many laws in steps that adds to one: [weights, laws]."""
    steps = product(range(_STEPS + 1), repeat=laws - 1)
    return np.array([(*some, _STEPS - sum(some)) for some in steps if sum(some) <= _STEPS]) / _STEPS
