"""Estimates with their intervals, from values whose first draw is what was measured."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
import scipy

from quarry.analysis.epochs.censored_regression import Censored
from quarry.analysis.fitting.intervals import widened_quantile


@dataclass(frozen=True)
class Telling:
    """How draws become intervals: their level, and the degrees of freedom of the noise they simulate."""

    level: float
    freedom: int

    @cached_property
    def widening(self) -> float:
        """Student's quantile over the normal one: the noise itself is estimated."""
        tail = (1 + self.level) / 2
        if not self.freedom:
            return 1.0
        return float(scipy.stats.t.ppf(tail, self.freedom) / scipy.stats.norm.ppf(tail))

    def ends(self, values: np.ndarray) -> tuple[float | None, float | None]:
        """The interval of values [1 + draws]; None without draws, or where too many have no end there.

        Values that are all positive are widened in their logarithm.
        """
        middle, drawn = values[0], values[1:]
        if not len(drawn) or not np.isfinite(middle):
            return None, None
        positive = np.nanmin(values) > 0
        ends = [self._end(np.log(values) if positive else values, side) for side in (-1, 1)]
        low, high = (None if math.isinf(end) else math.exp(end) if positive else end for end in ends)
        return low, high

    def _end(self, values: np.ndarray, side: int) -> float:
        """A draw without a value has no end on either side."""
        drawn = np.where(np.isnan(values[1:]), side * np.inf, values[1:])
        return float(widened_quantile(drawn, values[0], (1 + side * self.level) / 2, self.widening))

    def widened(self, values: np.ndarray) -> np.ndarray:
        """Values [1 + draws], the draws as far from the first as the interval's ends are."""
        return values[0] + self.widening * (values - values[0])

    def row(self, found: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Of each name the estimate, _low and _high; null what is not known."""
        row: dict[str, Any] = {}
        for name, values in found.items():
            row[name] = finite(values[0])
            row[f"{name}_low"], row[f"{name}_high"] = self.ends(values)
        return row

    def bounded(self, name: str, logs: Censored) -> dict[str, Any]:
        """Of the logarithms [1 + draws] of a value: as `row`, and `censored`: right, left or null.

        A censored value is its bound, and open on the other side.
        """
        side = "right" if np.isinf(logs.high[0]) else "left" if np.isinf(logs.low[0]) else None
        ends = self.ends(logs.low)[0], self.ends(logs.high)[1]
        low, high = (None if end is None else math.exp(end) for end in ends)
        value = float(np.exp(logs.value[0]))
        return {
            name: value,
            f"{name}_low": None if side == "left" else low,
            f"{name}_high": None if side == "right" else high,
            "censored": side,
        }


def finite(value: Any) -> float | None:
    """The number, or None where it is not one."""
    return float(value) if np.isfinite(value) else None


def estimates(*names: str) -> dict[str, Any]:
    """The schema of columns that `Telling.row` makes of these names."""
    return {f"{name}{end}": pl.Float64 for name in names for end in ("", "_low", "_high")}


def probability(holds: np.ndarray, known: np.ndarray) -> float | None:
    """The share of the draws (all but the first) in which a statement holds; None without draws.

    Of draws that are not `known` half count: they say nothing.
    """
    return float(np.where(known, holds, 0.5)[1:].mean()) if len(holds) > 1 else None
