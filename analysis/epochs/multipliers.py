"""The value of a regulariser in data: U_plain / U_regularised at equal loss, N and k tuned on both sides."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from quarry.analysis.epochs.censored_regression import Censored
from quarry.analysis.epochs.estimates import censored_row, estimates
from quarry.analysis.epochs.first_reached import first_below
from quarry.analysis.epochs.grid import Grid, least, recipe_grid

if TYPE_CHECKING:
    from quarry.analysis.epochs.cells import Terminal
    from quarry.analysis.fitting.intervals import IntervalSettings


def multipliers(surface: "Terminal", settings: "IntervalSettings") -> pl.DataFrame:
    """A row for each regulariser and U: multiplier with its interval, censored where the plain runs end.

    The U at which the plain recipe gives the loss of the regularised one at U, over U. Only sizes that both
    trained at that U count, and weight decay and dropout other than the plain recipe's count as regularisers,
    one at a time.
    """
    base, *regularisers = _recipes(surface)
    rows = []
    for decay, dropout in regularisers:
        both = _shared(recipe_grid(surface, *base), recipe_grid(surface, decay, dropout))
        if both is None:
            continue
        unique, plain, other = both
        found = _equivalent(unique, plain, other)
        regulariser = {"weight_decay": decay, "dropout": dropout}
        rows += [
            regulariser | {"U": u} | censored_row(settings, "multiplier", found.at((slice(None), place)))
            for place, u in enumerate(unique)
        ]
    keys = dict.fromkeys(("weight_decay", "dropout", "U"), pl.Float64)
    return pl.DataFrame(rows, schema=keys | estimates("multiplier") | {"censored": pl.String})


def _recipes(surface: "Terminal") -> list[tuple[float, float]]:
    """(weight decay, dropout) at the ruled learning rate, the plain recipe's of most sizes first."""
    ruled = surface.cells.filter("ruled")
    base = (
        ruled.filter("plain")
        .group_by("weight_decay", "dropout")
        .len()
        .sort("len", "weight_decay", "dropout")
        .row(-1)[:2]
    )
    others = ruled.select("weight_decay", "dropout").unique().sort("weight_decay", "dropout").rows()
    return [base, *(pair for pair in others if pair != base)]


def _shared(base: Grid, other: Grid) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """The U of both, and the least loss [draws, U] of each over the sizes (at that U) and k of both."""
    sizes, unique = np.intersect1d(base.sizes, other.sizes), np.intersect1d(base.unique, other.unique)
    if not len(sizes) or len(unique) < 2:
        return None
    tables = [
        grid.of_size[:, np.isin(grid.sizes, sizes)][:, :, np.isin(grid.unique, unique)]
        for grid in (base, other)
    ]
    there = ~np.isnan(tables[0]) & ~np.isnan(tables[1])
    plain, regularised = (least(np.where(there, table, np.nan), 1) for table in tables)
    known = ~np.isnan(plain[0])
    return (unique[known], plain[:, known], regularised[:, known]) if known.sum() > 1 else None


def _equivalent(unique: np.ndarray, plain: np.ndarray, other: np.ndarray) -> Censored:
    """ln(U_base / U) [draws, U] at the loss of the other recipe."""
    falling = np.minimum.accumulate(plain, axis=1)
    shape = (*other.shape, len(unique))
    found = first_below(unique, np.broadcast_to(falling[:, None, :], shape), other)
    return Censored(found.low - np.log(unique), found.high - np.log(unique))
