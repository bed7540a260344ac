"""A line with intervals that hold by two noises: that of replicates, and the scatter about the line.

The scatter also holds what bends the line, and knows little: n - 2 degrees of freedom. Each noise gives an
interval with Student's t of its own degrees of freedom. The wider of the two counts, so that the level holds
whichever noise dominates.
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


def fit_line(x: np.ndarray, y: np.ndarray, variance: np.ndarray, freedom: int, level: float = 0.95) -> Line:
    """The line of least squares through n points, three at least.

    variance (n,): of each y by replicates, known with `freedom` degrees of freedom.
    """
    x = x - x.mean()
    slope, height = float(x @ y) / float(x @ x), float(y.mean())
    left = len(x) - 2
    scatter = np.full(len(x), ((y - height - slope * x) ** 2).sum() / left)
    halves = [_halves(x, *noise, level) for noise in ((variance, freedom), (scatter, left))]
    return Line(slope, height, *np.max(halves, axis=0))


def _halves(x: np.ndarray, variance: np.ndarray, freedom: int, level: float) -> tuple[float, float]:
    """Half the intervals of the slope and of the height."""
    factor = t_factor(freedom, level)
    slope = math.sqrt(float(x**2 @ variance)) / float(x @ x)
    return factor * slope, factor * math.sqrt(float(variance.mean()) / len(x))
