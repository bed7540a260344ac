"""The quantities of the study, computed together as arrays [draws, ...]."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from quarry.analysis.epochs.capacity import least_without_end
from quarry.analysis.epochs.floors import Floors, floors
from quarry.analysis.epochs.gap import Gap, gap
from quarry.analysis.epochs.gap_forms import GapForms, gap_forms
from quarry.analysis.epochs.grid import FirstPass, Grid, first_pass, plain_grid, tuned_grid
from quarry.analysis.epochs.passes import Passes, passes_to_criteria
from quarry.analysis.epochs.reuse import Reuse, reuse
from quarry.analysis.epochs.sample_efficiency import (
    ToLoss,
    shared_targets,
    tokens_to_loss,
)
from quarry.analysis.epochs.surfaces import Surface, fit_surfaces, surface_cells

if TYPE_CHECKING:
    from quarry.analysis.epochs.cells import Terminal
    from quarry.analysis.epochs.inputs import FirstPassBatch


@dataclass(frozen=True)
class Quantities:
    """The quantities that the tables show, as arrays [draws, ...]."""

    plain: Grid
    tuned: Grid
    fresh: FirstPass
    floor: Floors
    limits: np.ndarray
    passes: list[Passes]
    reuse: Reuse
    reuse_tuned: Reuse
    gap: Gap
    forms: GapForms | None
    to_loss: ToLoss
    seed: int

    @cached_property
    def surfaces(self) -> list[Surface]:
        """Every law of repeated data; only the claims look at them, and the fits take most of a study."""
        return fit_surfaces(surface_cells(self.tuned, self.fresh), len(self.tuned.losses) - 1, self.seed)


def measure(
    surface: "Terminal",
    entropy: float,
    rho: float,
    losses: tuple[float, ...],
    batch: "FirstPassBatch | None",
    seed: int,
) -> Quantities:
    plain, tuned, fresh = plain_grid(surface), tuned_grid(surface), first_pass(surface)
    floor, limits = floors(tuned, fresh), least_without_end(tuned)
    gaps = gap(fresh, tuned, floor)
    return Quantities(
        plain=plain,
        tuned=tuned,
        fresh=fresh,
        floor=floor,
        limits=limits,
        passes=passes_to_criteria(tuned, limits, floor, entropy, rho, seed),
        reuse=reuse(plain, fresh, seed),
        reuse_tuned=reuse(tuned, fresh, seed),
        gap=gaps,
        forms=gap_forms(gaps),
        to_loss=tokens_to_loss(fresh, np.array(losses) if losses else shared_targets(fresh), batch),
        seed=seed,
    )
