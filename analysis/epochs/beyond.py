"""What every law says of sizes beyond those trained: whose one pass comes near the floor, or meets it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from quarry.analysis.epochs.agreement import (
    Answer,
    Fitted,
    floor_at,
    of_forms,
    of_passes,
    of_surfaces,
    within_noise,
)

if TYPE_CHECKING:
    from quarry.analysis.epochs.floors import Floors
    from quarry.analysis.epochs.gap import Gap
    from quarry.analysis.epochs.gap_forms import GapForms
    from quarry.analysis.epochs.grid import FirstPass, Grid
    from quarry.analysis.epochs.noise import Noise
    from quarry.analysis.epochs.passes import Passes
    from quarry.analysis.epochs.surfaces import Surface


@dataclass(frozen=True)
class Criterion:
    """Within `rho` of the floor: the passes to that, and to within `rho` of each size's own least loss."""

    rho: float
    passes: "Passes"
    own: "Passes"


@dataclass(frozen=True)
class Laws:
    """A grid with its first passes and a floor, and the laws fitted to them."""

    grid: "Grid"
    fresh: "FirstPass"
    noise: "Noise"
    floor: "Floors"
    gap: "Gap"
    forms: "GapForms | None"
    surfaces: "Sequence[Surface]"

    @property
    def unique(self) -> np.ndarray:
        """The U that have a floor."""
        return self.grid.unique[~np.isnan(self.floor.default[0])]


def answers_beyond(
    laws: Laws, criteria: Sequence[Criterion], seed: int
) -> tuple[list[list[Answer]], list[Answer]]:
    """For each criterion each law's answer; and its answer to a first pass that meets the floor.

    The latter within two standard deviations of noise. At the middle U of those that have a floor.
    """
    if not len(laws.unique):
        return [[] for _ in criteria], []
    middle = float(np.exp(np.log(laws.unique).mean()))
    floor = floor_at(laws.floor, laws.grid.unique, middle)
    shares = [within_noise(laws.noise, floor), *(each.rho for each in criteria)]
    fitted = Fitted.of(laws.grid, laws.fresh, laws.noise)
    by_forms = of_forms(laws.gap, laws.forms, middle, [share * floor for share in shares])
    by_surfaces = of_surfaces(laws.surfaces, fitted, middle, shares)
    meets, *near = ([*forms, *surfaces] for forms, surfaces in zip(by_forms, by_surfaces, strict=True))
    return [
        [*of_passes(each.passes, each.own, laws.grid, middle, seed), *answers]
        for each, answers in zip(criteria, near, strict=True)
    ], meets
