"""Budgets found in C alone: by the gaps between them, or as the fullest windows."""

import math

import numpy as np
import polars as pl

_ROUNDING, _WIDEST = 0.02, math.log(2)
"""A gap in log C that a whole number of steps makes; the widest budget in log C."""
_SIZES, _MOST, _TRIED, _CLEAR = 4, 0.75, 20, 2.0
"""Clusters are budgets if the share _MOST of the points lies in clusters of _SIZES sizes or more, each
of them at one C. The clearest cuts are tried. Of 600 tables without budgets, random or in a grid of N and E,
none passed."""


def clusters(log_c: np.ndarray, size: np.ndarray) -> np.ndarray | None:
    """The number of the cluster of each point, by rising C; None where the gaps show no budgets.

    The points are cut at every gap from some width on: that which exceeds the next smaller gap the most, in
    proportion, of those that make budgets. With C uniform within 20%, 4 budgets of 7 sizes and 9 of 10 were
    found in each of 200 repeats where they lie a factor of 3 apart, in 80% and 96% a factor of 2 apart.
    """
    order = np.argsort(log_c, kind="stable")
    ascending = log_c[order]
    gaps = np.diff(ascending)
    for width in _cuts(gaps):
        if _widest(ascending, gaps >= width) > _WIDEST:
            continue
        found = np.empty(len(log_c), int)
        found[order] = np.concatenate([[0], np.cumsum(gaps >= width)])
        if _are_budgets(found, log_c, size):
            return found
    return None


def _cuts(gaps: np.ndarray) -> np.ndarray:
    """The least gap to cut at, the clearest first; infinite for no cut, which a gap must exceed by _CLEAR."""
    widths = np.unique(gaps[gaps > _ROUNDING])
    ratio = widths / np.maximum(_ROUNDING, np.concatenate([[0.0], widths[:-1]]))
    clearest = np.argsort(-np.append(ratio, _CLEAR), kind="stable")
    return np.append(widths, np.inf)[clearest][:_TRIED]


def _widest(ascending: np.ndarray, cut: np.ndarray) -> float:
    """The largest extent of a cluster of ascending values [points], cut where `cut` [points - 1] says."""
    begins = np.concatenate([[True], cut, [True]])
    return float(np.max(ascending[begins[1:]] - ascending[begins[:-1]]))


def _are_budgets(found: np.ndarray, log_c: np.ndarray, size: np.ndarray) -> bool:
    """Whether most points lie in clusters of several sizes, and no size at several C of one."""
    points = pl.DataFrame({"cluster": found, "size": size, "log_c": log_c})
    extent = (pl.col("log_c").max() - pl.col("log_c").min()).over("cluster", "size")
    several = pl.col("size").n_unique().over("cluster") >= _SIZES
    share, widest = points.select(several.mean(), widest=extent.max()).row(0)
    return share >= _MOST and widest <= _ROUNDING


def windows(log_c: np.ndarray, tolerance: float) -> pl.Series:
    """A number for each budget, null for a point alone: in turn the window that holds most points."""
    width = math.log((1 + tolerance) / (1 - tolerance)) * (1 + 1e-9)
    left, budget = np.argsort(log_c), np.full(len(log_c), -1)
    for number in range(len(log_c)):
        window = _fullest(log_c[left], width)
        if window.stop - window.start == 1:
            break
        budget[left[window]] = number
        left = np.delete(left, window)
        if not len(left):
            break
    return pl.Series(budget).replace(-1, None)


def _fullest(x: np.ndarray, width: float) -> slice:
    """The window of ascending x that holds most points, the narrowest of them if several do."""
    ends = np.searchsorted(x, x + width, side="right")
    held, extent = ends - np.arange(len(x)), x[ends - 1] - x
    first = np.lexsort((extent, -held))[0]
    return slice(first, ends[first])
