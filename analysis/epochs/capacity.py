"""Capacity apart from speed: can a size come down to a loss at all, and after how many passes if it can?

A cell (N, U) has reached a loss, or not yet, or the loss is out of reach of its size. A censored regression
takes the third for the second. Here its own least loss over k is carried on to k without end, in each draw of
noise: a cell that has not reached the loss counts in the regression of passes with the probability that its
size can. This is the mixture (cure) model of Farewell 1982 with the cured fraction by the losses themselves.
"""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from quarry.analysis.epochs.agreement import DECIDED_FROM
from quarry.analysis.epochs.estimates import estimate_row, estimates
from quarry.analysis.epochs.floors import limit
from quarry.analysis.epochs.grid import falling

if TYPE_CHECKING:
    from quarry.analysis.epochs.censored_regression import Censored
    from quarry.analysis.epochs.grid import Grid
    from quarry.analysis.fitting.intervals import IntervalSettings

_FROM = 2.0
"""Passes from which on the losses of a cell are carried on: before, it still reads fresh tokens."""
COMMON = 1.05
"""Times the least loss of the worst size at U: a loss that every size reaches well before its own least."""


def least_without_end(grid: "Grid") -> np.ndarray:
    """The least loss of each cell over k without end, [draws, N, U].

    Where the last pass trained is the best: the limit of c k^-gamma + L from the second pass on, one gamma
    for all cells, and at most the least trained. Where the loss has turned up before: the least trained.
    """
    own = grid.of_size
    late = grid.passes >= _FROM
    if not late.any():
        return own
    losses = grid.losses[..., late]
    lines = np.where(falling(losses[0])[None, ..., None], losses, np.nan)
    draws, sizes, unique, _ = lines.shape
    lines = lines.reshape(draws, sizes * unique, -1)
    limits = limit(grid.passes[late], lines, lowest=grid.entropy_rate)
    return np.fmin(limits.reshape(draws, sizes, unique), own)


def certainties(logs: "Censored", limits: np.ndarray, target: np.ndarray) -> np.ndarray:
    """How much each cell counts as one that reaches `target`, [draws, N, U]: 1 where it has.

    Elsewhere 1 or 0 in a draw by whether its least loss without end, `limits`, is below the target; in the
    first the share of the draws.
    """
    can = (limits <= target).astype(float)
    if len(can) > 1:
        can[0] = can[1:].mean(axis=0)
    return np.where(np.isinf(logs.high), can, 1.0)


def common_targets(grid: "Grid") -> np.ndarray:
    """A loss that every size trained at U reaches, [draws, U]; NaN at U with one size."""
    several = (~np.isnan(grid.of_size[0])).sum(axis=0) > 1
    with np.errstate(invalid="ignore"):
        worst = np.fmax.reduce(grid.of_size, axis=1)
    return np.where(several, COMMON * worst, np.nan)


def states_table(
    grid: "Grid", logs: "Censored", limits: np.ndarray, target: np.ndarray, settings: "IntervalSettings"
) -> pl.DataFrame:
    """A row for each N and U with a target: state, the probability that the size can reach it, `limit`."""
    can = certainties(logs, limits, target)
    rows = [
        {"N": grid.sizes[n], "U": grid.unique[u],
         "state": _state(bool(np.isinf(logs.high[0, n, u])), can[0, n, u]),
         "reachable": float(can[0, n, u]), **estimate_row(settings, {"limit": limits[:, n, u]})}
        for n, u in zip(*np.nonzero(~np.isnan(logs.low[0])), strict=True)
    ]  # fmt: skip
    keys = {"N": pl.Float64, "U": pl.Float64, "state": pl.String, "reachable": pl.Float64}
    return pl.DataFrame(rows, schema=keys | estimates("limit"))


def _state(censored: bool, reachable: float) -> str:
    if not censored:
        return "reached"
    if reachable >= DECIDED_FROM:
        return "not yet"
    return "out of reach" if reachable <= 1 - DECIDED_FROM else "undecided"
