"""What backtests found: the errors of fits below cuts on the points beyond them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Backtests:
    """What fits below cuts said of the points beyond: each array [rows], a row for each cut and point.

    - `error` is log measured - log predicted, `parameters` the standard deviation of the refits' log loss.
    - `distance` is in e-folds beyond the points below the cut; `below` the e-folds from the cut to the
      largest compute of all points.
    - `point` numbers the points of the fit, `run` the runs, `cut` the cuts, alike for all laws of these
      points.
    """

    error: np.ndarray
    parameters: np.ndarray
    distance: np.ndarray
    below: np.ndarray
    point: np.ndarray
    cut: np.ndarray
    run: np.ndarray

    @property
    def cuts(self) -> int:
        return len(np.unique(self.cut))

    @property
    def furthest(self) -> float:
        """The largest distance, in e-folds; 0 without backtests."""
        return float(self.distance.max(initial=0.0))

    def weights(self) -> np.ndarray:
        """What each row counts [rows]: the rows of a cut count 1 together, and so does each of its runs."""
        cuts, runs = (np.unique(each, return_inverse=True)[1] for each in (self.cut, self.run))
        pair = cuts * (runs.max(initial=0) + 1) + runs
        _, first, of_pair, rows = np.unique(pair, return_index=True, return_inverse=True, return_counts=True)
        runs_of_cut = np.bincount(cuts[first])
        return 1 / (rows[of_pair] * runs_of_cut[cuts])

    def rows(self, kept: np.ndarray) -> "Backtests":
        """Only these rows (a mask or indices)."""
        return Backtests(**{name: values[kept] for name, values in vars(self).items()})


def joined(parts: Sequence[Backtests]) -> Backtests:
    """The backtests of several cuts, one after the other; without any, no rows."""
    columns = {name: [vars(part)[name] for part in parts] for name in Backtests.__dataclass_fields__}
    return Backtests(**{name: np.concatenate([np.empty(0), *values]) for name, values in columns.items()})


def deviation(values: np.ndarray) -> np.ndarray:
    """The standard deviation over the first axis of what is finite; infinite where less than half is."""
    known = np.isfinite(values)
    with np.errstate(all="ignore"):
        mean = np.where(known, values, 0.0).sum(axis=0) / known.sum(axis=0)
        square = np.where(known, (values - mean) ** 2, 0.0).sum(axis=0) / (known.sum(axis=0) - 1)
    return np.where(known.sum(axis=0) > len(values) / 2, np.sqrt(square), np.inf)
