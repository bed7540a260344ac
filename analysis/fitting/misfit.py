"""Whether the law describes the points: curvature left in the residuals."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy

if TYPE_CHECKING:
    from quarry.analysis.fitting.search import Data

OUTLYING = 6.0
"""A residual this many times the typical one is an outlier."""

# The median absolute value of a normal distribution of standard deviation 1.
_NORMAL_MEDIAN = 0.6745

# An input whose logarithm varies by less is constant.
_NO_SPREAD = 1e-9

# Directions weaker than this, relative to the strongest, are rounding: among the law's own derivatives, and
# among what is left of the second-order terms without them.
_DEPENDENT, _EXPLAINED = 1e-8, 1e-3


@dataclass(frozen=True)
class Misfit:
    """How curved the residuals are: the probability of such a curvature under the law, and the typical size.

    The size is the root mean square over the points, in units of the residual (a fraction of the loss).
    """

    probability: float
    size: float


def measure_misfit(data: "Data", params: np.ndarray) -> Misfit | None:
    """The curvature that the residuals still have along the inputs; None with too few runs to test it.

    A score test of the squares and products of the logarithms of the inputs, less what the law's own
    parameters explain. Rows of one run count as one observation (the variance of the score
    is that between runs), and a residual counts as the objective counts it, so that outliers do not decide.
    """
    residuals = data.residuals(params)
    names, index = np.unique(data.runs, return_inverse=True)
    extra = _without(data.jacobian(params), _second_order(data))
    scores = np.zeros((len(names), extra.shape[1]))
    np.add.at(scores, index.reshape(-1), data.objective.slopes(residuals)[:, None] * extra)
    probability = _hotelling(scores, len(names) - len(params))
    if probability is None:
        return None
    relative = residuals / data.scale
    most = OUTLYING * typical(relative, len(params))
    bounded = np.clip(relative, -most, most)
    return Misfit(probability, float(np.linalg.norm(extra.T @ bounded) / np.sqrt(data.points)))


def typical(residuals: np.ndarray, parameters: int) -> float:
    """The standard deviation of a normal distribution with the same median absolute value.

    A robust fit passes through about as many points as it has parameters: these residuals do not count.
    """
    size = np.sort(np.abs(residuals))[parameters:]
    return float(np.median(size)) / _NORMAL_MEDIAN if size.size else 0.0


def _second_order(data: "Data") -> np.ndarray:
    """Squares and products of the logarithms of the inputs, centred and scaled: [points, terms]."""
    logs = [np.log(values) for values in data.inputs.values()]
    logs = [(log - log.mean()) / log.std() for log in logs if log.std() > _NO_SPREAD]
    products = [logs[i] * logs[j] for i in range(len(logs)) for j in range(i + 1)]
    return np.stack([np.ones(data.points), *logs, *products], axis=1)


def _without(known: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """An orthonormal basis of the span of `columns` outside the span of `known`."""
    usable = np.isfinite(known).all(axis=0) & (np.linalg.norm(known, axis=0) > 0)
    known = known[:, usable] / np.linalg.norm(known[:, usable], axis=0)
    basis, singular, _ = np.linalg.svd(known, full_matrices=False)
    basis = basis[:, singular > _DEPENDENT * singular.max()] if singular.size else basis
    rest = columns - basis @ (basis.T @ columns)
    extra, singular, _ = np.linalg.svd(rest, full_matrices=False)
    return extra[:, singular > _EXPLAINED * np.linalg.norm(columns, axis=0).max()]


def _hotelling(scores: np.ndarray, freedom: int) -> float | None:
    """The probability of a sum of scores [runs, terms] this large, by Hotelling's T squared."""
    terms = scores.shape[1]
    if terms == 0 or freedom <= 2 * terms:
        return None
    total, apart = scores.sum(axis=0), scores - scores.mean(axis=0)
    # About the mean: around zero, an error of the law that all runs share would count as noise.
    variance = apart.T @ apart
    if np.linalg.matrix_rank(variance) < terms:
        return None
    statistic = float(total @ np.linalg.solve(variance, total))
    rest = freedom - terms
    return float(scipy.special.fdtrc(terms, rest, statistic / terms * rest / freedom))
