"""Epochs to a fraction of what can be extracted: k_rho(N, U), its power law, and N_1, the one-pass size."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from quarry.analysis.epochs.capacity import certainties, common_targets
from quarry.analysis.epochs.estimates import censored_row, estimates
from quarry.analysis.epochs.first_reached import first_below
from quarry.analysis.epochs.power_laws import BothLaws, PowerLaw, both_laws
from quarry.analysis.fitting.intervals import finite

if TYPE_CHECKING:
    from quarry.analysis.epochs.censored_regression import Censored
    from quarry.analysis.epochs.floors import Floors
    from quarry.analysis.epochs.grid import Grid
    from quarry.analysis.fitting.intervals import IntervalSettings

RHO = (0.02, 0.10)
"""Relative distances to the floor that count as reaching it; 0.10 is that of the 10% rule of Kaplan's f."""
COMMON_LOSS = "a loss that all sizes reach"
"""The criterion that capacity does not limit: `COMMON` (in `capacity`) times the worst size's least loss."""
FRACTIONS = (0.9, 0.95)
"""Shares of I(U) to reach. I(U) is mostly easy structure, so they lie near 1."""


@dataclass(frozen=True)
class Passes:
    """ln k [draws, N, U] of the passes to one criterion, and its power laws: -of_n is b, of_u is c.

    `target` [draws, N, U] is the loss to reach, `certainty` that of `quarry.analysis.epochs.capacity`.
    """

    name: str
    logs: "Censored"
    laws: BothLaws | None
    target: np.ndarray
    certainty: np.ndarray

    @property
    def law(self) -> PowerLaw | None:
        """The separable law."""
        return None if self.laws is None else self.laws.separable

    def by_law(self, n: float, u: float) -> float | None:
        """The passes that the chosen law says of N and U; None without one."""
        return None if self.laws is None else finite(self.laws.chosen.at(n, u)[0])


def passes_to(grid: "Grid", limits: np.ndarray, target: np.ndarray, name: str, seed: int) -> Passes:
    """The passes after which the loss first comes down to `target` [draws, U] or [draws, N, U].

    `limits` [draws, N, U] are the least losses without end, by which sizes that cannot reach it are known.
    """
    target = np.broadcast_to(_for_sizes(target), grid.losses.shape[:-1])
    logs = first_below(grid.passes, grid.losses, target)
    certainty = certainties(logs, limits, target)
    laws = both_laws(grid.sizes, grid.unique, logs, seed, certainty)
    return Passes(name, logs, laws, target, certainty)


def passes_to_criteria(
    tuned: "Grid", limits: np.ndarray, floor: "Floors", entropy: float, rho: float, seed: int
) -> list[Passes]:
    """Passes to every criterion: the first decides the claims, then `COMMON_LOSS`; `own` is the last."""

    def to(target: np.ndarray, name: str) -> Passes:
        return passes_to(tuned, limits, target, name, seed)

    distances = [rho, *(other for other in RHO if other != rho)]
    reached = [to((1 + value) * floor.default, f"{value:.0%} above the floor") for value in distances]
    for share in FRACTIONS:
        target = entropy - share * (entropy - floor.default)
        reached.append(to(target, f"{share:.0%} of what can be extracted"))
    common = to(common_targets(tuned), COMMON_LOSS)
    own = to((1 + rho) * tuned.of_size, f"{rho:.0%} above the size's own least")
    return [reached[0], common, *reached[1:], own]


def _for_sizes(target: np.ndarray) -> np.ndarray:
    return target[:, None, :] if target.ndim == 2 else target


def passes_table(grid: "Grid", found: list[Passes], settings: "IntervalSettings") -> pl.DataFrame:
    """A row for each criterion, N and U trained: k with its interval, and on which side it is censored.

    `k_law` is what the law through them says there, that with N x U where it is significantly better.
    """
    rows = [
        {"criterion": each.name, "N": grid.sizes[n], "U": grid.unique[u]}
        | censored_row(settings, "k", each.logs.at((slice(None), n, u)))
        | {"k_law": each.by_law(float(grid.sizes[n]), float(grid.unique[u]))}
        for each in found
        for n, u in zip(*np.nonzero(~np.isnan(each.logs.low[0])), strict=True)
    ]
    keys = {"criterion": pl.String, "N": pl.Float64, "U": pl.Float64}
    return pl.DataFrame(rows, schema=keys | estimates("k") | {"censored": pl.String, "k_law": pl.Float64})
