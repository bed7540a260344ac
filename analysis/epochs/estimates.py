"""Estimates with their intervals, from values whose first draw is what was measured."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from quarry.analysis.fitting.intervals import OPEN, Interval, IntervalSettings, finite

if TYPE_CHECKING:
    from quarry.analysis.epochs.censored_regression import Censored


def interval_of(values: np.ndarray, settings: IntervalSettings) -> Interval:
    """The interval of values [1 + draws]; None without draws, or where too many draws have no value.

    Values that are all positive are widened in their logarithm.
    """
    if len(values) < 2 or not np.isfinite(values[0]):
        return OPEN
    positive = np.nanmin(values) > 0
    position = np.log(values) if positive else values
    missing = np.isnan(position[1:])
    ends = (float(end) for end in settings.ends(position[1:], position[0], missing, missing))
    low, high = (None if math.isinf(end) else math.exp(end) if positive else end for end in ends)
    return low, high


def estimate_row(settings: IntervalSettings, estimates: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """For each name the estimate, _low and _high, from values [1 + draws]; null where it is not known."""
    row: dict[str, Any] = {}
    for name, values in estimates.items():
        row[name] = finite(values[0])
        row[f"{name}_low"], row[f"{name}_high"] = interval_of(values, settings)
    return row


def censored_row(settings: IntervalSettings, name: str, logs: "Censored") -> dict[str, Any]:
    """As `estimate_row`, from the logarithms [1 + draws] of a value; `censored` is right, left or null.

    A censored value is its bound, and open on the other side.
    """
    side = "right" if np.isinf(logs.high[0]) else "left" if np.isinf(logs.low[0]) else None
    ends = interval_of(logs.low, settings)[0], interval_of(logs.high, settings)[1]
    low, high = (None if end is None else math.exp(end) for end in ends)
    value = float(np.exp(logs.value[0]))
    return {
        name: value,
        f"{name}_low": None if side == "left" else low,
        f"{name}_high": None if side == "right" else high,
        "censored": side,
    }


def estimates(*names: str) -> dict[str, Any]:
    """The schema of columns that `estimate_row` makes for these names."""
    return {f"{name}{end}": pl.Float64 for name in names for end in ("", "_low", "_high")}


def probability(holds: np.ndarray, known: np.ndarray) -> float | None:
    """The share of the draws (all but the first) in which a statement holds; None without draws.

    Of draws that are not `known` half count: they say nothing.
    """
    return float(np.where(known, holds, 0.5)[1:].mean()) if len(holds) > 1 else None
