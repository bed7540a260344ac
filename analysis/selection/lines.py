"""A line with intervals that hold by two noises: that of replicates, and the scatter about the line.

The scatter also holds what bends the line, and knows little: n - 2 degrees of freedom. Replicates know the
noise of each point with few of their own. Each noise gives an interval with Student's t of its degrees of
freedom. The wider of the two counts, so that the level holds whichever noise dominates.
"""

import math
from typing import NamedTuple

import numpy as np

from quarry.analysis.selection.cells import t_factor


class Line(NamedTuple):
    """y = height + slope (x - mean of x), with half the intervals of both."""

    slope: float
    height: float
    slope_half: float
    height_half: float


def fit_line(
    x: np.ndarray, y: np.ndarray, variance: np.ndarray, freedom: np.ndarray, level: float = 0.95
) -> Line:
    """The line of least squares through n points, three at least.

    variance (n, k): that of each y by replicates, the sum of k parts, each known with its own `freedom` (k,),
    degrees of freedom.
    """
    x = x - x.mean()
    slope, height = float(x @ y) / float(x @ x), float(y.mean())
    left = len(x) - 2
    scatter = float(((y - height - slope * x) ** 2).sum()) / left
    halves = []
    for weights in ((x / (x @ x)) ** 2, np.full(len(x), len(x) ** -2.0)):
        by_scatter = t_factor(left, level) * math.sqrt(scatter * weights.sum())
        halves.append(max(_half(weights @ variance, freedom, level), by_scatter))
    return Line(slope, height, *halves)


def _half(variances: np.ndarray, freedom: np.ndarray, level: float) -> float:
    """Half the interval of a sum whose parts have these variances (k,), each known with its own degrees of
    freedom: those of the sum are Satterthwaite's (1946, recalled)."""
    total = float(variances.sum())
    if total == 0:
        return 0.0
    return t_factor(total**2 / float((variances**2 / freedom).sum()), level) * math.sqrt(total)
