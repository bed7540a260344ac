"""Epochs to a fraction of what can be extracted: k_rho(N, U), its power law, and N_1, the one-pass size."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from quarry.analysis.epochs.estimates import censored_row, estimates
from quarry.analysis.epochs.first_reached import first_below
from quarry.analysis.epochs.power_laws import PowerLaw, power_law

if TYPE_CHECKING:
    from quarry.analysis.epochs.censored_regression import Censored
    from quarry.analysis.epochs.floors import Floors
    from quarry.analysis.epochs.grid import Grid
    from quarry.analysis.fitting.intervals import IntervalSettings

RHO = (0.02, 0.10)
"""Relative distances to the floor that count as reaching it; 0.10 is that of the 10% rule of Kaplan's f."""
FRACTIONS = (0.9, 0.95)
"""Shares of I(U) to reach. I(U) is mostly easy structure, so they lie near 1."""


@dataclass(frozen=True)
class Passes:
    """ln k [draws, N, U] of the passes to one criterion, and its power law: -of_n is b, of_u is c."""

    name: str
    logs: "Censored"
    law: PowerLaw | None

    def one_pass_size(self, unique: float) -> np.ndarray:
        """N_1 at U, [draws]: the N that meets the criterion in one pass; inf where more N needs no fewer."""
        assert self.law is not None
        law = self.law
        of_u = np.nan_to_num(law.of_u) * np.log(unique / law.u_middle)
        with np.errstate(divide="ignore", over="ignore"):
            size = law.n_middle * np.exp((law.intercept + of_u) / -law.of_n)
        return np.where(law.of_n < 0, size, np.inf)


def passes_to(grid: "Grid", target: np.ndarray, name: str, seed: int) -> Passes:
    """The passes after which the loss first comes down to `target` [draws, U] or [draws, N, U]."""
    shape = grid.losses.shape[:-1]
    logs = first_below(grid.passes, grid.losses, np.broadcast_to(_for_sizes(target), shape))
    return Passes(name, logs, power_law(grid.sizes, grid.unique, logs, seed))


def passes_to_criteria(tuned: "Grid", floor: "Floors", entropy: float, rho: float, seed: int) -> list[Passes]:
    """Passes to every criterion; the first one decides the claims."""
    distances = [rho, *(other for other in RHO if other != rho)]
    reached = [
        passes_to(tuned, (1 + value) * floor.default, f"{value:.0%} above the floor", seed)
        for value in distances
    ]
    for share in FRACTIONS:
        target = entropy - share * (entropy - floor.default)
        reached.append(passes_to(tuned, target, f"{share:.0%} of what can be extracted", seed))
    own = (1 + rho) * tuned.of_size
    return [*reached, passes_to(tuned, own, f"{rho:.0%} above the size's own least", seed)]


def _for_sizes(target: np.ndarray) -> np.ndarray:
    return target[:, None, :] if target.ndim == 2 else target


def passes_table(grid: "Grid", found: list[Passes], settings: "IntervalSettings") -> pl.DataFrame:
    """A row for each criterion, N and U trained: k with its interval, and on which side it is censored."""
    rows = [
        {"criterion": each.name, "N": grid.sizes[n], "U": grid.unique[u]}
        | censored_row(settings, "k", each.logs.at((slice(None), n, u)))
        for each in found
        for n, u in zip(*np.nonzero(~np.isnan(each.logs.low[0])), strict=True)
    ]
    keys = {"criterion": pl.String, "N": pl.Float64, "U": pl.Float64}
    return pl.DataFrame(rows, schema=keys | estimates("k") | {"censored": pl.String})
