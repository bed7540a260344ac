"""Measured optima, and straight lines through them in logarithms."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

ONE_C = 1e-6
"""Optima whose log C has a smaller variance count as at one C."""
SHORTEST = math.log(1.5) - 1e-9
"""The least extent of a line in log C: over less an error of 4% in N, which interpolation alone makes between
wide sizes, moves a by 0.1."""


@dataclass(frozen=True)
class Optima:
    """Minima of the loss: log C, log N, log E and the weight of each, [optima] or [draws, optima].

    A weight of 0 marks an optimum that a draw does not have.
    """

    log_c: np.ndarray
    log_n: np.ndarray
    log_e: np.ndarray
    weight: np.ndarray


def straight_line(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> tuple[Any, Any]:
    """Slope and value at x = 0 of the weighted least-squares line, over the last axis; NaN at a single x."""
    share = weight / weight.sum(axis=-1, keepdims=True)
    x_mean, y_mean = (share * x).sum(axis=-1), (share * y).sum(axis=-1)
    from_mean = x - x_mean[..., None]
    spread = (share * from_mean**2).sum(axis=-1)
    slope = (share * from_mean * y).sum(axis=-1) / np.where(spread > ONE_C, spread, np.nan)
    return slope, y_mean - slope * x_mean
