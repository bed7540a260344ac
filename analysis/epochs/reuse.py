"""The value of repeats in fresh tokens: one-pass equivalents and reuse rates."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from quarry.analysis.epochs.censored_regression import Censored
from quarry.analysis.epochs.estimates import censored_row, estimates
from quarry.analysis.epochs.first_reached import first_below
from quarry.analysis.epochs.power_laws import PowerLaw, power_law

if TYPE_CHECKING:
    from quarry.analysis.epochs.grid import FirstPass, Grid
    from quarry.analysis.fitting.intervals import IntervalSettings

_WORTHLESS = np.log(0.05)
"""ln(r_inf - 1) below which repeats count as worthless: there the value has an upper bound only."""


@dataclass(frozen=True)
class Reuse:
    """`equivalent`, ln U_eq [draws, N, U, k]: the fresh tokens that give the same loss in one pass.

    `saturation`, ln r_inf [draws, N, U], is the largest U_eq / U over k, first reached at `best` (k_opt,
    [draws, N, U]). `law` is that of r_inf - 1: -of_n is q, of_u is p. Bounds where the fresh runs end, and
    where the passes do while the loss falls and other N have more of them (`Grid.cut`): else q would be that
    of the passes each size was given.
    """

    equivalent: Censored
    saturation: Censored
    best: np.ndarray
    law: PowerLaw | None


def reuse(grid: "Grid", fresh: "FirstPass", seed: int) -> Reuse:
    """Reuse of every cell whose size was also trained on fresh tokens; NaN elsewhere."""
    equivalent = _equivalents(grid, fresh)
    spread = np.log(grid.unique)[:, None]
    low, high = equivalent.low - spread, equivalent.high - spread
    best, saturation = _most(grid.passes, Censored(low, high))
    high = np.where(grid.cut, np.inf, saturation.high)
    low = np.where(np.isinf(saturation.low) & np.isinf(high), np.nan, saturation.low)
    saturation = Censored(low, np.where(np.isnan(low), np.nan, high))
    logs = _above_one(saturation)
    return Reuse(equivalent, saturation, best, power_law(grid.sizes, grid.unique, logs, seed))


def _equivalents(grid: "Grid", fresh: "FirstPass") -> Censored:
    low = np.full(grid.losses.shape, np.nan)
    high = low.copy()
    for place, size in enumerate(grid.sizes):
        at = np.flatnonzero(fresh.sizes == size)
        if not len(at):
            continue
        curve = np.minimum.accumulate(np.nan_to_num(fresh.losses[:, at[0]], nan=np.inf), axis=-1)
        curve = np.where(np.isnan(fresh.losses[:, at[0]]), np.nan, curve)
        targets = grid.losses[:, place]
        found = first_below(
            fresh.tokens,
            np.broadcast_to(_spread(curve, targets), (*targets.shape, len(fresh.tokens))),
            targets,
        )
        low[:, place], high[:, place] = found.low, found.high
    return Censored(low, high)


def _spread(curve: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """[draws, E] with an axis of one for each further axis of the targets [draws, ...]."""
    return curve.reshape(len(curve), *(1 for _ in targets.shape[1:]), -1)


def _most(passes: np.ndarray, ratios: Censored) -> tuple[np.ndarray, Censored]:
    """The k of the largest ratio, and that ratio; a lower bound where that of any k is."""
    value = ratios.value
    ranked = np.where(np.isnan(value), -np.inf, np.where(np.isinf(ratios.high), value + 1e-9, value))
    place = ranked.argmax(axis=-1)
    nothing = np.isinf(ranked.max(axis=-1))
    low, high = (np.take_along_axis(side, place[..., None], -1)[..., 0] for side in (ratios.low, ratios.high))
    low, high = np.where(nothing, np.nan, low), np.where(nothing, np.nan, high)
    return np.where(nothing, np.nan, passes[place]), Censored(low, high)


def _above_one(logs: Censored) -> Censored:
    """ln(r - 1) from ln r; of a rate of one or less there is a bound from above only, NaN without any."""
    with np.errstate(invalid="ignore", divide="ignore"):
        low, high = (np.log(np.maximum(np.expm1(side), 0.0)) for side in (logs.low, logs.high))
    worthless = (low < _WORTHLESS) & ~np.isinf(high)
    low = np.where(worthless, -np.inf, low)
    high = np.where(worthless, np.maximum(high, _WORTHLESS), high)
    nothing = np.isinf(low) & np.isinf(high)
    return Censored(np.where(nothing, np.nan, low), np.where(nothing, np.nan, high))


def reuse_table(grid: "Grid", found: Reuse, settings: "IntervalSettings") -> pl.DataFrame:
    """A row for each N and U: r_inf with its interval, censored where the fresh runs are too short, k_opt."""
    rows = [
        {"N": grid.sizes[n], "U": grid.unique[u], "k_opt": found.best[0, n, u]}
        | censored_row(settings, "r_inf", found.saturation.at((slice(None), n, u)))
        for n, u in zip(*np.nonzero(~np.isnan(found.saturation.low[0])), strict=True)
    ]
    keys = dict.fromkeys(("N", "U", "k_opt"), pl.Float64)
    return pl.DataFrame(rows, schema=keys | estimates("r_inf") | {"censored": pl.String})
