"""By what predicted intervals are judged: how many hold what was measured, and the interval score."""

import numpy as np


def interval_score(measured: np.ndarray, low: np.ndarray, high: np.ndarray, level: float) -> np.ndarray:
    """The interval score of Gneiting and Raftery 2007 (eq. 43) [...]: the width, and 2 / (1 - level) times
    the distance by which a measured value lies outside. Smaller is better."""
    outside = np.maximum(low - measured, 0.0) + np.maximum(measured - high, 0.0)
    return (high - low) + 2 / (1 - level) * outside
