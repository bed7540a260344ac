"""What more of N, U or k would give at each cell: the marginal elasticities, and the regime by them.

eps_x = -d ln(L - L_inf) / d ln x. The regime compares the three, in which L - L_inf cancels: -dL / d ln x in
nats per e-fold, of the best recipe. U grows at fixed k, so that all three cost the same compute.
"""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from quarry.analysis.epochs.agreement import DECIDED_FROM
from quarry.analysis.epochs.estimates import estimate_row, estimates

if TYPE_CHECKING:
    from quarry.analysis.epochs.grid import Grid
    from quarry.analysis.fitting.intervals import IntervalSettings

REGIMES = {"N": "size", "U": "data", "k": "passes"}
MUCH = 4.0
"""More data is the only way down where it gives this many times what more of N and of k would."""


def elasticities_table(grid: "Grid", settings: "IntervalSettings") -> pl.DataFrame:
    """A row for each N, U and k with neighbours along each axis: gain_N, gain_U, gain_k, nats per e-fold.

    `regime` names the largest of the three if it is so in 97.5% of the draws, else it is mixed; `only_data`
    is the share of the draws in which gain_U is `MUCH` times both others, or they are no gain.
    """
    axes = {"N": (1, grid.sizes), "U": (2, grid.unique), "k": (3, grid.passes)}
    gains = np.stack([gain(grid.losses, axis, x) for axis, x in axes.values()])
    rows = []
    for n, u, k in zip(*np.nonzero(~np.isnan(gains[:, 0]).any(axis=0)), strict=True):
        cell = gains[:, :, n, u, k]
        row = {"N": grid.sizes[n], "U": grid.unique[u], "k": grid.passes[k]}
        row |= estimate_row(settings, {f"gain_{name}": cell[j] for j, name in enumerate(axes)})
        rows.append(row | _regime(cell[:, 1:] if cell.shape[1] > 1 else cell))
    keys = dict.fromkeys(("N", "U", "k"), pl.Float64) | estimates("gain_N", "gain_U", "gain_k")
    return pl.DataFrame(rows, schema=keys | {"regime": pl.String, "only_data": pl.Float64})


def gain(losses: np.ndarray, axis: int, x: np.ndarray) -> np.ndarray:
    """-dL / d ln x along an axis of losses [draws, N, U, k]: the mean of the sides measured, else NaN."""
    if len(x) < 2:
        return np.full(losses.shape, np.nan)
    moved, order = np.moveaxis(losses, axis, -1), np.log(x)
    steps = -np.diff(moved) / np.diff(order)
    edge = np.full((*moved.shape[:-1], 1), np.nan)
    sides = np.stack([np.concatenate([edge, steps], -1), np.concatenate([steps, edge], -1)])
    known = ~np.isnan(sides)
    total = np.where(known, sides, 0.0).sum(axis=0)
    with np.errstate(invalid="ignore"):
        return np.moveaxis(total / known.sum(axis=0), -1, axis)


def _regime(gains: np.ndarray) -> dict[str, object]:
    """The label of a cell by gains [3, draws]."""
    largest = gains.argmax(axis=0)
    shares = np.bincount(largest, minlength=3) / gains.shape[1]
    label = list(REGIMES.values())[int(shares.argmax())] if shares.max() >= DECIDED_FROM else "mixed"
    others = np.maximum(np.maximum(gains[0], gains[2]), 0.0)
    only = (gains[1] > 0) & (gains[1] >= MUCH * others)
    return {"regime": label, "only_data": float(only.mean())}
