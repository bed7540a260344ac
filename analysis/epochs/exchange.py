"""Exchange rates of N for U: how many fewer unique tokens a larger model needs for the same least loss."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from quarry.analysis.epochs.censored_regression import Censored
from quarry.analysis.epochs.estimates import censored_row, estimates
from quarry.analysis.epochs.first_reached import first_below

if TYPE_CHECKING:
    from quarry.analysis.epochs.grid import Grid
    from quarry.analysis.fitting.intervals import IntervalSettings

_SCHEMA = dict.fromkeys(("N", "N_larger", "U"), pl.Float64) | estimates("saved") | {"censored": pl.String}


def exchange_table(tuned: "Grid", settings: "IntervalSettings") -> pl.DataFrame:
    """A row for each size, the next larger one and U: `saved`, U over the tokens of the larger one.

    Both at the least loss over the passes and recipes trained, between the U trained linear in ln U. At
    `saved` = 4 a quarter of the tokens is enough for the larger model; below 1 it needs more. A bound where
    the larger model does not come down to the loss at any U, or is below it at the least.
    """
    rows = []
    least = tuned.of_size
    for small in range(len(tuned.sizes) - 1):
        found = first_below(
            tuned.unique, np.repeat(least[:, small + 1, None], len(tuned.unique), 1), least[:, small]
        )
        logs = Censored(np.log(tuned.unique) - found.high, np.log(tuned.unique) - found.low)
        for u in np.flatnonzero(~np.isnan(least[0, small]) & ~np.isnan(found.low[0])):
            keys = (tuned.sizes[small], tuned.sizes[small + 1], tuned.unique[u])
            row = dict(zip(("N", "N_larger", "U"), keys, strict=True))
            rows.append(row | censored_row(settings, "saved", Censored(logs.low[:, u], logs.high[:, u])))
    return pl.DataFrame(rows, schema=_SCHEMA)
