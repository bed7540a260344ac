"""The 2 x 2 of extraction and overfitting, by the signs of three slopes at fixed U.

Extraction: the first pass already comes nearer the floor (the excess after one pass falls with N).
Overfitting: it does not, and with tuned weight decay and dropout r_inf no longer falls. Signs say nothing of
how much of the fall each accounts for, so no verdict names a cause from them.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from quarry.analysis.epochs.estimates import estimate_row, probability
from quarry.analysis.epochs.power_laws import slope
from quarry.analysis.points.schema import ONE_PASS

if TYPE_CHECKING:
    from quarry.analysis.epochs.floors import Floors
    from quarry.analysis.epochs.grid import Grid
    from quarry.analysis.epochs.reuse import Reuse
    from quarry.analysis.fitting.intervals import IntervalSettings

CAUSES = ("extraction", "overfitting", "both", "neither")


@dataclass(frozen=True)
class Causes:
    """`table`: a row for each U with at least two sizes, d ln / d ln N of three quantities with intervals:
    `first` (the excess after one pass), `plain` and `tuned` (r_inf of the plain and of the best recipe, of
    the sizes whose r_inf is no bound), the probability that r_inf `falls`, and those of the four causes of a
    fall. `falls` and `causes` are over all U together."""

    table: pl.DataFrame
    falls: float | None
    causes: dict[str, float | None]


def causes(
    plain: "Grid",
    tuned: "Grid",
    floor: "Floors",
    worth: "Reuse",
    worth_tuned: "Reuse",
    settings: "IntervalSettings",
) -> Causes:
    """The causes for each U, and for all U together by the means of the slopes."""
    rows, slopes = [], []
    one = int(np.argmin(np.abs(np.log(plain.passes)))) if len(plain.passes) else 0
    for u, unique in enumerate(plain.unique):
        at = int(np.flatnonzero(tuned.unique == unique)[0])
        first = _first_excess(plain, floor, u, at, one)
        found = {
            "first": slope(plain.sizes, first),
            "plain": slope(plain.sizes, _measured(worth, u)),
            "tuned": slope(tuned.sizes, _measured(worth_tuned, at)),
        }
        if any(np.isnan(values[0]) for values in found.values()):
            continue
        slopes.append(np.stack(list(found.values())))
        rows.append({"U": unique, **estimate_row(settings, found), **_probabilities(*slopes[-1])})
    if not slopes:
        return Causes(pl.DataFrame(), None, dict.fromkeys(CAUSES))
    together = _probabilities(*np.nanmean(slopes, axis=0))
    return Causes(pl.DataFrame(rows), together.pop("falls"), {name: together[name] for name in CAUSES})


def _measured(worth: "Reuse", u: int) -> np.ndarray:
    """ln r_inf [draws, N] of the sizes whose fresh runs reach it; NaN of those where it is only bounded."""
    logs = worth.saturation.at((slice(None), slice(None), u))
    return np.where(logs.known[0], logs.value, np.nan)


def _first_excess(plain: "Grid", floor: "Floors", u: int, at: int, one: int) -> np.ndarray:
    """ln of the excess after one pass, [draws, N]; NaN where k = 1 is missing or not above the floor."""
    if abs(np.log(plain.passes[one])) > np.log(ONE_PASS):
        return np.full(plain.losses.shape[:2], np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        logs = np.log(plain.losses[:, :, u, one] - floor.default[:, at, None])
    return np.where(np.isfinite(logs), logs, np.nan)


def _probabilities(first: np.ndarray, plain: np.ndarray, tuned: np.ndarray) -> dict[str, float | None]:
    falls, near, undone = plain < 0, first < 0, tuned > plain / 2
    found = {
        "falls": falls,
        "extraction": falls & near & ~undone,
        "overfitting": falls & ~near & undone,
        "both": falls & near & undone,
        "neither": falls & ~near & ~undone,
    }
    known = np.isfinite(first) & np.isfinite(plain) & np.isfinite(tuned)
    return {name: probability(holds, known) for name, holds in found.items()}
