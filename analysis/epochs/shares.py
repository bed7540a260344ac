"""Why all passes together are worth less to bigger models: the fall of r_inf split into two terms.

With E_l(N) the fresh tokens of one pass to a loss l and l* the size's own least loss on U, r_inf is
E_l*(N) / U:

    d ln r_inf / d ln N = d ln E_l / d ln N at fixed l  +  (d ln E / d l at fixed N) d l* / d ln N

The first term is extraction: a larger size needs fewer fresh tokens to one loss. The second is the change of
the own least loss: it raises r_inf where larger sizes come lower, and lowers it where they overfit. Between
neighbouring sizes each term is the mean over the two orders of the steps, so that both sum to the whole.
"""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from quarry.analysis.epochs.estimates import estimate_row, estimates
from quarry.analysis.epochs.first_reached import first_below
from quarry.analysis.epochs.power_laws import slope

if TYPE_CHECKING:
    from quarry.analysis.epochs.grid import FirstPass, Grid
    from quarry.analysis.epochs.reuse import Reuse
    from quarry.analysis.fitting.intervals import IntervalSettings

TERMS = ("total", "extraction", "own_least")
_FEWEST_SIZES = 3


def shares_table(grids: "dict[str, Grid]", fresh: "FirstPass", settings: "IntervalSettings") -> pl.DataFrame:
    """A row for each recipe and U with three neighbouring sizes or more.

    The slope of ln r_inf in ln N (`total`) and its two terms with intervals, `extracted` (the first over the
    whole), the number of sizes, least and largest N.
    """
    rows = []
    for recipe, grid in grids.items():
        for u, unique in enumerate(grid.unique):
            found = _terms(grid, fresh, u)
            if found is not None:
                sizes, terms = found
                with np.errstate(divide="ignore", invalid="ignore"):  # r_inf may be the same at every N
                    terms["extracted"] = terms["extraction"] / terms["total"]
                ends = {"sizes": len(sizes), "N_least": sizes[0], "N_largest": sizes[-1]}
                rows.append({"recipe": recipe, "U": unique, **ends, **estimate_row(settings, terms)})
    keys = {
        "recipe": pl.String,
        "U": pl.Float64,
        "sizes": pl.Int64,
        "N_least": pl.Float64,
        "N_largest": pl.Float64,
    }
    return pl.DataFrame(rows, schema=keys | estimates(*TERMS, "extracted"))


def _terms(grid: "Grid", fresh: "FirstPass", u: int) -> tuple[np.ndarray, dict[str, np.ndarray]] | None:
    """The sizes, and each term [draws]; None with fewer than three neighbouring sizes."""
    sizes = np.intersect1d(grid.sizes, fresh.sizes)
    at, of = np.isin(grid.sizes, sizes), np.isin(fresh.sizes, sizes)
    tokens = _tokens(fresh, of, np.where(grid.cut, np.nan, grid.of_size)[:, at, u])
    run = _longest(~np.isnan(tokens[0]))
    if len(run) < _FEWEST_SIZES:
        return None
    inner = tokens[:, run][:, :, run]
    diagonal = np.diagonal(inner, axis1=1, axis2=2)
    lower, upper = np.diagonal(inner, 1, 1, 2), np.diagonal(inner, -1, 1, 2)
    # tokens[n, m] are those of size n to the least loss of size m.
    extraction = (upper - diagonal[:, :-1] + diagonal[:, 1:] - lower) / 2
    own = (lower - diagonal[:, :-1] + diagonal[:, 1:] - upper) / 2
    parts = {"extraction": extraction, "own_least": own}
    summed = {name: np.cumsum(np.pad(step, ((0, 0), (1, 0))), axis=1) for name, step in parts.items()}
    terms = {name: slope(sizes[run], value) for name, value in summed.items()}
    return sizes[run], {"total": terms["extraction"] + terms["own_least"], **terms}


def _tokens(fresh: "FirstPass", of: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """ln E [draws, N, M] of size N to the targets [draws, M]; NaN where the fresh runs do not show it.

    A draw in which they do not is at its bound.
    """
    losses = fresh.losses[:, of]
    seen = np.where(np.isnan(losses), np.inf, losses)
    curve = np.where(np.isnan(losses), np.nan, np.minimum.accumulate(seen, axis=-1))
    shape = (*losses.shape[:2], targets.shape[1])
    found = first_below(
        fresh.tokens,
        np.broadcast_to(curve[:, :, None, :], (*shape, losses.shape[-1])),
        np.broadcast_to(targets[:, None, :], shape),
    )
    return np.where(found.known[:1], found.value, np.nan)


def _longest(known: np.ndarray) -> np.ndarray:
    """The places of the longest run of sizes that show their own and their neighbours' least losses."""
    alone = np.diagonal(known)
    joined = alone[:-1] & alone[1:] & np.diagonal(known, 1) & np.diagonal(known, -1)
    best: list[int] = []
    run: list[int] = []
    for place, both in enumerate(joined):
        run = [*(run or [place]), place + 1] if both else []
        best = max(best, run, key=len)
    return np.array(best, int)


def fixed_passes_table(
    grids: "dict[str, Grid]", found: "dict[str, Reuse]", settings: "IntervalSettings"
) -> pl.DataFrame:
    """A row for each recipe, U and k > 1: `slope`, d ln r / d ln N at that k, over the sizes that show it."""
    rows = []
    for recipe, grid in grids.items():
        logs = found[recipe].equivalent
        for u, k in np.ndindex(len(grid.unique), len(grid.passes)):
            known = logs.known[0, :, u, k]
            if grid.passes[k] > 1 and known.sum() >= _FEWEST_SIZES:
                values = slope(grid.sizes[known], logs.value[:, known, u, k])
                row = {"recipe": recipe, "U": grid.unique[u], "k": grid.passes[k], "sizes": int(known.sum())}
                rows.append(row | estimate_row(settings, {"slope": values}))
    keys = {"recipe": pl.String, "U": pl.Float64, "k": pl.Float64, "sizes": pl.Int64}
    return pl.DataFrame(rows, schema=keys | estimates("slope"))
