"""Estimates with their intervals, from values whose first draw is what was measured."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy

from analysis.intervals import widened_quantile


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
        """The interval of values [1 + draws]; None without draws, or where too many have no end there."""
        middle, drawn = values[0], values[1:]
        if not len(drawn) or not np.isfinite(middle):
            return None, None
        ends = []
        for side in (-1, 1):
            told = np.where(np.isnan(drawn), side * np.inf, drawn)
            end = widened_quantile(told, middle, (1 + side * self.level) / 2, self.widening)
            ends.append(float(end) if np.isfinite(end) else None)
        return ends[0], ends[1]

    def row(self, found: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Of each name the estimate, _low and _high; null what is not known."""
        row: dict[str, Any] = {}
        for name, values in found.items():
            row[name] = float(values[0]) if np.isfinite(values[0]) else None
            row[f"{name}_low"], row[f"{name}_high"] = self.ends(values)
        return row


def probability(holds: np.ndarray) -> float | None:
    """The share of the draws (all but the first) in which a statement holds; None without draws."""
    return float(np.mean(holds[1:])) if len(holds) > 1 else None
