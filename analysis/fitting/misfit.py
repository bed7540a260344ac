"""Does the law describe the points at all? What residuals still know of the inputs, and which stand out."""

from dataclasses import dataclass

import numpy as np
import scipy

from quarry.analysis.fitting.search import Data

# A residual this many times the typical one is an outlier.
_OUTLYING = 6.0


@dataclass(frozen=True)
class Misfit:
    """How curved the residuals are: the probability of that, were the law right, and the typical size.

    The size is the root mean square over the points, in units of the residual (a fraction of the loss).
    """

    probability: float
    size: float


def misfit(data: Data, params: np.ndarray) -> Misfit | None:
    """What the residuals still know of the inputs; None with too few runs to tell.

    A score test of the squares and products of the logarithms of the inputs, with what the law's own
    parameters explain taken out of them. Rows of one run count as one observation (the variance of the score
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
    most = _OUTLYING * _typical(relative, len(params))
    bounded = np.clip(relative, -most, most)
    return Misfit(probability, float(np.linalg.norm(extra.T @ bounded) / np.sqrt(data.points)))


def outliers(data: Data, params: np.ndarray) -> list[str]:
    """The runs with a residual of more than six times the typical one (median absolute / .6745), in order."""
    residuals = data.residuals(params)
    size, typical = np.abs(residuals), _typical(residuals, len(params))
    found = data.runs[(size > _OUTLYING * typical) & (size > 0)]
    return list(dict.fromkeys(found.tolist())) if typical > 0 else []


def _typical(residuals: np.ndarray, parameters: int) -> float:
    """The standard deviation of a normal distribution with the same median absolute value.

    A robust fit passes through about as many points as it has parameters: these residuals do not count.
    """
    size = np.sort(np.abs(residuals))[parameters:]
    return float(np.median(size)) / 0.6745 if size.size else 0.0


def _second_order(data: Data) -> np.ndarray:
    """Squares and products of the logarithms of the inputs, centred and scaled: [points, terms]."""
    logs = [np.log(values) for values in data.inputs.values()]
    logs = [(log - log.mean()) / log.std() for log in logs if log.std() > 1e-9]
    products = [logs[i] * logs[j] for i in range(len(logs)) for j in range(i + 1)]
    return np.stack([np.ones(data.points), *logs, *products], axis=1)


def _without(known: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """An orthonormal basis of what `columns` span beyond the span of `known`."""
    usable = np.isfinite(known).all(axis=0) & (np.linalg.norm(known, axis=0) > 0)
    known = known[:, usable] / np.linalg.norm(known[:, usable], axis=0)
    basis, singular, _ = np.linalg.svd(known, full_matrices=False)
    basis = basis[:, singular > 1e-8 * singular.max()] if singular.size else basis
    rest = columns - basis @ (basis.T @ columns)
    extra, singular, _ = np.linalg.svd(rest, full_matrices=False)
    return extra[:, singular > 1e-3 * np.linalg.norm(columns, axis=0).max()]


def _hotelling(scores: np.ndarray, freedom: int) -> float | None:
    """The probability of a sum of scores [runs, terms] this large, by Hotelling's T squared."""
    terms = scores.shape[1]
    if terms == 0 or freedom <= 2 * terms:
        return None
    total, apart = scores.sum(axis=0), scores - scores.mean(axis=0)
    # About the mean: around zero, what a wrong law does to every run alike would count as noise.
    variance = apart.T @ apart
    if np.linalg.matrix_rank(variance) < terms:
        return None
    statistic = float(total @ np.linalg.solve(variance, total))
    rest = freedom - terms
    return float(scipy.special.fdtrc(terms, rest, statistic / terms * rest / freedom))
