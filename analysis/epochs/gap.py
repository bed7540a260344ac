"""The gap between the first pass and the floor, g(N, E) = L_first(N, E) - L*(U = E).

Henighan et al. 2020 (2010.14701), Figure 14, measured.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from quarry.analysis.epochs.estimates import estimate_row, estimates
from quarry.analysis.epochs.grid import FirstPass, Grid, same_tokens

if TYPE_CHECKING:
    from quarry.analysis.epochs.floors import Floors
    from quarry.analysis.fitting.intervals import IntervalSettings


@dataclass(frozen=True)
class Gap:
    """`values` [draws, N, E], NaN where there is none, at `sizes` and `tokens`; `floor` is L* [draws, E]."""

    sizes: np.ndarray
    tokens: np.ndarray
    values: np.ndarray
    floor: np.ndarray


def gap(fresh: FirstPass, tuned: Grid, floor: "Floors") -> Gap:
    """The gap at each E of the first pass that is also a U with a floor for N to infinity.

    The first pass is of the plain recipe: a gain that tuning would give counts to the gap.
    """
    known = ~np.isnan(floor.asymptote[0]) & ~np.isnan(floor.default[0])
    pairs = [(e, u) for e, u in same_tokens(fresh, tuned) if known[u]]
    at_e, at_u = ([pair[j] for pair in pairs] for j in range(2))
    floors = floor.default[:, at_u]
    return Gap(fresh.sizes, tuned.unique[at_u], fresh.losses[:, :, at_e] - floors[:, None, :], floors)


def gap_table(found: Gap, settings: "IntervalSettings") -> pl.DataFrame:
    """A row for each N and E: gap, _low, _high."""
    rows = [
        {"N": found.sizes[n], "E": found.tokens[e], **estimate_row(settings, {"gap": found.values[:, n, e]})}
        for n, e in zip(*np.nonzero(~np.isnan(found.values[0])), strict=True)
    ]
    return pl.DataFrame(rows, schema={"N": pl.Float64, "E": pl.Float64} | estimates("gap"))
