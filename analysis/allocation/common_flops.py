"""Losses of one budget moved to a common C, where its runs were trained to slightly different C."""

import numpy as np
import polars as pl

from quarry.analysis.allocation.budgets import middle_of

_EXACT = 1e-6
"""Budgets within which log C varies by less are left as they are."""
_DEGREE, _POINTS_PER_TERM = 3, 2
"""The degree of the surface that gives the slopes; a lower one if there are fewer points than this."""


def at_middle(groups: list[pl.DataFrame]) -> list[pl.DataFrame]:
    """The points of each budget, their losses moved to the middle of its C at fixed N.

    The slope of log loss in log C is that of a polynomial in log N and log C through all points. Measured
    without noise on Chinchilla surfaces of 4 budgets with C uniform within 20%: minima are off by 1% to 2% in
    place of 35%.
    """
    table = pl.concat(groups)
    log_n, log_c = (np.log(table[name].to_numpy()) for name in ("N", "C"))
    middle = np.repeat([middle_of(group) for group in groups], [len(group) for group in groups])
    if np.abs(log_c - middle).max() < _EXACT or len(groups) < 2:
        return groups
    slope = _slopes(log_n, log_c, np.log(table["loss"].to_numpy()), len(groups))
    moved = table.with_columns(loss=pl.col("loss") * pl.Series(np.exp(slope * (middle - log_c))))
    starts = np.cumsum([0, *map(len, groups)])
    return [moved.slice(start, len(group)) for start, group in zip(starts[:-1].tolist(), groups, strict=True)]


def _slopes(log_n: np.ndarray, log_c: np.ndarray, log_loss: np.ndarray, budgets: int) -> np.ndarray:
    """The slope of log loss in log C at each point, all [points]."""
    unit = float(max(np.ptp(log_n), np.ptp(log_c))) / 2
    n, c = (log_n - log_n.mean()) / unit, (log_c - log_c.mean()) / unit
    powers = _powers(len(n), budgets)
    basis = np.stack([n**i * c**j for i, j in powers], axis=1)
    weight = np.linalg.lstsq(basis, log_loss)[0]
    slopes = [w * j * n**i * c ** (j - 1) for w, (i, j) in zip(weight, powers, strict=True) if j]
    return np.sum(slopes, axis=0) / unit


def _powers(points: int, budgets: int) -> list[tuple[int, int]]:
    """The powers of log N and log C in the polynomial: of log C fewer than there are budgets."""
    for degree in range(_DEGREE, 0, -1):
        pairs = [(i, j) for i in range(degree + 1) for j in range(degree + 1 - i) if j < budgets]
        if points >= _POINTS_PER_TERM * len(pairs):
            return pairs
    return [(0, 0), (0, 1)]
