"""The table of choices: each verdict by every combination of criterion, floor, batch, recipe, counts and law.

A claim that holds by one set of choices alone is a claim about the choices. A choice is admissible if its law
is not rejected at 1% and predicts the largest N within noise of the best (`agreement`).
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from quarry.analysis.epochs.agreement import Answer, decided
from quarry.analysis.epochs.beyond import Criterion, Laws, answers_beyond
from quarry.analysis.epochs.capacity import common_targets, least_without_end
from quarry.analysis.epochs.cells import terminal
from quarry.analysis.epochs.ensembles import ensemble_draws
from quarry.analysis.epochs.floors import FLOORS, floors
from quarry.analysis.epochs.gap import gap
from quarry.analysis.epochs.gap_forms import gap_forms
from quarry.analysis.epochs.grid import FirstPass, Grid, first_pass, plain_grid, tuned_grid
from quarry.analysis.epochs.passes import Passes, passes_to
from quarry.analysis.epochs.power_laws import BothLaws
from quarry.analysis.epochs.reuse import reuse
from quarry.analysis.epochs.surfaces import Surface, fit_surfaces, surface_cells
from quarry.analysis.fitting.intervals import IntervalSettings
from quarry.analysis.laws.batch_size import critical_batch
from quarry.analysis.points.schema import BATCH
from quarry.analysis.points.table import Points
from quarry.errors import FitError

if TYPE_CHECKING:
    from quarry.analysis.epochs.floors import Floors
    from quarry.analysis.epochs.noise import Noise

RHOS = (0.02, 0.05, 0.10, 0.15)
ALL_BATCHES, BELOW = "as trained", "below critical"
COUNTS = {"non-embedding": "N", "total": "n_params"}
COLUMNS = ("claim", "rho", "floor", "batch", "recipe", "counts", "smallest", "law")
_OPEN = {"rho": None, "floor": None}
"""Choices that a claim does not depend on."""


def table_of_choices(
    points: "Points",
    ensembles: pl.DataFrame | None,
    critical: Mapping[str, float] | None,
    bootstrap: int = 100,
    seed: int = 0,
    level: float = 0.95,
    workers: int = 2,
) -> pl.DataFrame:
    """A row for each claim and choice: COLUMNS, `admissible`, `objection`, `holds` and the share of draws.

    `points` are those of `quarry.analysis.epochs.cells.numeric_points`. Without `critical` (B_star, alpha_B)
    there is no choice of batch, without the column n_params none of counts. With several `workers` the
    worlds are computed in as many processes.
    """
    batches = (ALL_BATCHES, BELOW) if critical else (ALL_BATCHES,)
    counts = [name for name, column in COUNTS.items() if column in points.table.columns]
    worlds = list(product(batches, counts, ("in", "out")))
    tables = [
        _world(points.table, batch, COUNTS[count], smallest, critical) for batch, count, smallest in worlds
    ]
    tasks = [(table, points.source, ensembles, bootstrap, seed, level) for table in tables]
    rows: list[dict[str, Any]] = []
    for world, found in zip(worlds, _computed(tasks, workers), strict=True):
        chosen = dict(zip(("batch", "counts", "smallest"), world, strict=True))
        rows += [chosen | {"admissible": not row["objection"]} | row for row in found]
    keys = {"claim": pl.Int64, "rho": pl.Float64} | dict.fromkeys(COLUMNS[2:], pl.String)
    rest = {"admissible": pl.Boolean, "objection": pl.String, "holds": pl.String, "share": pl.Float64}
    return pl.DataFrame(rows, schema=keys | rest)


def headlines(choices: pl.DataFrame) -> pl.DataFrame:
    """By claim: in how many of the admissible choices it holds, is undecided, fails, and their number."""
    counted = choices.filter("admissible").group_by("claim").agg(
        *(pl.col("holds").eq(name).sum().alias(name) for name in ("yes", "undecided", "no")),
        choices=pl.len(),
    )  # fmt: skip
    return counted.sort("claim")


def no_choice(choices: pl.DataFrame) -> dict[str, list[int]]:
    """The claims without an admissible choice, by the objection to most of their choices."""
    known = set(choices.filter("admissible")["claim"])
    found: dict[str, list[int]] = {}
    for claim in sorted(set(range(1, 5)) - known):
        told = choices.filter(claim=claim)["objection"].to_list() or ["no U has a floor"]
        found.setdefault(max(told, key=told.count), []).append(claim)
    return found


def _world(
    table: pl.DataFrame, batch: str, column: str, smallest: str, critical: Mapping[str, float] | None
) -> pl.DataFrame:
    """The rows of a choice, with its count of parameters as N."""
    name = next((name for name in BATCH["B"] if name in table.columns), None)
    if batch == BELOW and critical and name is not None:
        limit = pl.Series(critical_batch(table["loss"].to_numpy(), critical))
        table = table.filter(pl.col(name) <= limit)
    if column != "N":
        table = table.with_columns(N=pl.col(column).cast(pl.Float64))
    return table if smallest == "in" else table.filter(pl.col("N") > pl.col("N").min())


_Task = tuple[pl.DataFrame, str, pl.DataFrame | None, int, int, float]


def _computed(tasks: Sequence[_Task], workers: int) -> Iterator[list[dict[str, Any]]]:
    if workers < 2:
        yield from map(_rows, tasks)
        return
    # A process forked beside the threads of polars may hang: each starts anew.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_rows, tasks)


def _rows(task: _Task) -> list[dict[str, Any]]:
    try:
        return list(_of_world(*task))
    except FitError as reason:
        return [{"claim": claim, "objection": str(reason)} for claim in range(1, 5)]


def _of_world(
    table: pl.DataFrame, source: str, ensembles: pl.DataFrame | None, draws: int, seed: int, level: float
) -> Iterator[dict[str, Any]]:
    surface = terminal(Points(table, (), source, ""), draws, seed)
    fresh = first_pass(surface)
    settings = IntervalSettings.of_noise(level, surface.noise.freedom)
    grids = {"plain": plain_grid(surface)}
    if not surface.cells["plain"].all():  # else the best recipe is no further choice
        grids["tuned"] = tuned_grid(surface)
    for recipe, grid in grids.items():
        if not grid.losses.size:
            raise FitError("no U was read more than once")
        averaged = ensemble_draws(ensembles, grid.unique, surface.noise, draws, seed)
        study = _Study(grid, fresh, surface.noise, averaged, settings, seed)
        yield from ({"recipe": recipe} | row for row in study.rows())


@dataclass(frozen=True)
class _Study:
    """One grid with its first passes: every verdict by criterion, floor and law."""

    grid: Grid
    fresh: FirstPass
    noise: "Noise"
    ensembles: np.ndarray | None
    settings: IntervalSettings
    seed: int

    def rows(self) -> Iterator[dict[str, Any]]:
        surfaces = fit_surfaces(surface_cells(self.grid, self.fresh), len(self.grid.losses) - 1, self.seed)
        limits = least_without_end(self.grid)
        common = passes_to(self.grid, limits, common_targets(self.grid), "common", self.seed)
        owns = [passes_to(self.grid, limits, (1 + rho) * self.grid.of_size, "own", self.seed) for rho in RHOS]
        kinds = [kind for kind in FLOORS if kind != "ensemble" or self.ensembles is not None]
        for kind in kinds:
            floor = floors(self.grid, self.fresh, kind, self.ensembles)
            for row in self._of_floor(floor, limits, common, owns, surfaces):
                yield {"floor": kind} | row
        yield self._reuse()

    def _of_floor(
        self,
        floor: "Floors",
        limits: np.ndarray,
        common: Passes,
        owns: list[Passes],
        surfaces: list[Surface],
    ) -> Iterator[dict[str, Any]]:
        gaps = gap(self.fresh, self.grid, floor)
        laws = Laws(self.grid, self.fresh, self.noise, floor, gaps, gap_forms(gaps), surfaces)
        if not len(laws.unique):
            return
        targets = [(rho, f"{rho:.0%}", (1 + rho) * floor.default) for rho in RHOS]
        criteria = [
            Criterion(rho, passes_to(self.grid, limits, target, name, self.seed), own)
            for (rho, name, target), own in zip(targets, owns, strict=True)
        ]
        near, meets = answers_beyond(laws, criteria, self.seed)
        yield from ({"claim": 3, **_answered(answer)} for answer in meets)
        for each, answers in zip(criteria, near, strict=True):
            fewer = self._fewer(each.passes, common, laws.unique)
            yield from ({"claim": 1, "rho": each.rho, **row} for row in fewer)
            yield from ({"claim": 2, "rho": each.rho, **_answered(answer)} for answer in answers)

    def _fewer(self, passes: Passes, common: Passes, unique: np.ndarray) -> Iterator[dict[str, Any]]:
        """b > 0 at every U, by each of the two laws, to the floor and to a loss that all sizes reach."""
        for name in ("separable", "interaction"):
            falls = [_falling(each.laws, name, unique, self.settings) for each in (passes, common)]
            if falls[0] is None:
                yield {"law": name, "objection": "too few cells show the passes"}
                continue
            both = np.vstack([one for one in falls if one is not None])
            share = float(both[:, 1:].all(axis=0).mean())
            some = float(both[:, 1:].mean(axis=1).max())
            holds = decided(share)
            assert passes.laws is not None
            rejected = name == "separable" and passes.laws.rejected
            yield {
                "law": name,
                "objection": "rejected: interaction of N and U" if rejected else "",
                "holds": "undecided" if holds == "no" and decided(some) != "no" else holds,
                "share": share,
            }

    def _reuse(self) -> dict[str, Any]:
        law = reuse(self.grid, self.fresh, self.seed).law
        if law is None or np.isnan(law.of_n[0]):
            return {"claim": 4, "law": "r_inf - 1", "objection": "too few cells with fresh runs", **_OPEN}
        share = float((self.settings.widened(-law.of_n)[1:] > 0).mean())
        return {
            "claim": 4,
            "law": "r_inf - 1",
            "objection": "",
            "holds": decided(share),
            "share": share,
            **_OPEN,
        }


def _falling(
    laws: BothLaws | None, name: str, unique: np.ndarray, settings: IntervalSettings
) -> np.ndarray | None:
    """Whether the law falls with N, [U, draws]; None where the cells do not bear it."""
    law = None if laws is None else getattr(laws, name)
    if law is None or np.isnan(law.of_n[0]):
        return None
    return np.stack([settings.widened(-law.exponent(u)) > 0 for u in unique])


def _answered(answer: Answer) -> dict[str, Any]:
    row = {"law": answer.law, "objection": answer.objection}
    return row | {"holds": answer.holds, "share": answer.share}
