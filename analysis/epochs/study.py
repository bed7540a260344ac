"""How much of finite data a model extracts, by its size and its epochs: every quantity and every claim.

L*(U), the data floor, is the least loss of any size, epochs and recipe on U unique tokens. I(U) = L_0 - L*(U)
is the extractable information, and eta = (L_0 - L) / I the share that a run extracted. All losses are
annealed except those of `code`. Each quantity has its module in `quarry.analysis.epochs`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from quarry.analysis.epochs.agreement import (
    Answer,
    Fitted,
    answers_table,
    floor_at,
    of_forms,
    of_passes,
    of_surfaces,
)
from quarry.analysis.epochs.capacity import least_without_end, states_table
from quarry.analysis.epochs.causes import causes
from quarry.analysis.epochs.cells import Terminal, numeric_points, terminal
from quarry.analysis.epochs.claims import Evidence, judge
from quarry.analysis.epochs.code_length import code_lengths
from quarry.analysis.epochs.decomposition import cells_table
from quarry.analysis.epochs.elasticities import elasticities_table
from quarry.analysis.epochs.ensembles import ensemble_floors
from quarry.analysis.epochs.estimates import estimate_row
from quarry.analysis.epochs.floors import Floors, floors, floors_table
from quarry.analysis.epochs.gap import Gap, gap, gap_table
from quarry.analysis.epochs.gap_forms import GapForms, forms_table, gap_forms, gap_laws
from quarry.analysis.epochs.grid import FirstPass, Grid, first_pass, first_pass_table, plain_grid, tuned_grid
from quarry.analysis.epochs.inputs import FirstPassBatch, first_pass_batch, held_out_entropy, plain_rows
from quarry.analysis.epochs.multipliers import multipliers
from quarry.analysis.epochs.passes import RHO, Passes, passes_table, passes_to_criteria
from quarry.analysis.epochs.power_laws import laws_table
from quarry.analysis.epochs.result import Epochs
from quarry.analysis.epochs.reuse import Reuse, reuse, reuse_table
from quarry.analysis.epochs.sample_efficiency import (
    ToLoss,
    duality_table,
    exponents_table,
    shared_targets,
    tokens_table,
    tokens_to_loss,
)
from quarry.analysis.epochs.shares import fixed_passes_table, shares_table
from quarry.analysis.epochs.study_warnings import study_warnings
from quarry.analysis.epochs.surfaces import Surface, fit_surfaces, surface_cells
from quarry.analysis.fitting.intervals import IntervalSettings
from quarry.analysis.points.loading import PointsLike
from quarry.checks import check_positive, check_settings
from quarry.errors import FitError

if TYPE_CHECKING:
    from quarry.analysis.epochs.noise import Noise

_MEETS = 0.005
"""The standard deviation of log loss between runs where none was measured, for claim 3."""


def study_epochs(
    points: PointsLike,
    unigram_entropy: float | None = None,
    *,
    ensembles: pl.DataFrame | None = None,
    rho: float = RHO[-1],
    losses: tuple[float, ...] = (),
    critical: Mapping[str, float] | None = None,
    bootstrap: int = 500,
    seed: int = 0,
    level: float = 0.95,
) -> Epochs:
    """Measure what passes over the same data give: floors, passes, reuse, gap, causes, and four claims.

    Intervals come from draws in which the losses are shifted by simulated noise of runs, branches and draws
    of U, as measured between replicates; everything is computed again in each draw. Fits of laws also
    reweight their cells.

    Args:
        points: Annealed losses at several N, U and k: a path, a data frame or `Points`.
        unigram_entropy: L_0 of the held-out text, nats per token; by default the points' own column.
        ensembles: Losses of averaged runs, as `quarry ensemble` writes them, for a floor of their own.
        rho: The relative distance to the floor that counts as reaching it, for claims 1 and 2.
        losses: The losses of `tokens_to_loss`, nats per token; by default four that most sizes reached.
        critical: The critical batch, B_star and alpha_B; tokens to a loss are then E_min.
        bootstrap: The draws for the intervals; 0 gives none.
        seed: The seed of the draws.
        level: The probability of the intervals.

    Returns:
        The tables and verdicts of the study.

    Raises:
        PointsError: The points cannot be read.
        FitError: The points or the settings do not allow the study.

    Example:
        >>> import polars as pl
        >>> import quarry
        >>> cells = [(n, u, k) for n in (1e4, 4e4, 1.6e5) for u in (1e5, 4e5) for k in (1, 2, 4, 8, 16)]
        >>> rows = [
        ...     {"N": n, "U": u, "E": k * u, "loss": 1 + 20 / n**0.4 + 30 / (u * (1 - 0.8**k)) ** 0.3}
        ...     for n, u, k in cells
        ... ]
        >>> found = quarry.study_epochs(pl.DataFrame(rows), unigram_entropy=3.0, bootstrap=0)
        >>> found.floors["U"].to_list()
        [100000.0, 400000.0]
        >>> len(found.verdicts)
        4
    """
    check_settings(FitError, bootstrap, seed, level)
    if not 0 < rho < 1:
        raise FitError(f"rho={rho:g}: must lie between 0 and 1")
    check_positive(FitError, losses=losses)
    points = numeric_points(points)
    table = points.table
    entropy = held_out_entropy(table, unigram_entropy)
    surface = terminal(points, bootstrap, seed)
    trained = plain_rows(table, surface)
    settings = IntervalSettings.of_noise(level, surface.noise.freedom)
    quantities = _measure(surface, entropy, rho, losses, first_pass_batch(trained, critical), seed)
    tuned, floor = quantities.tuned, quantities.floor
    floor_rows = floors_table(tuned, floor, entropy, settings)
    return Epochs(
        floors=floor_rows.join(ensemble_floors(ensembles, level), on="U", how="left"),
        code=code_lengths(trained, tuned, floor, entropy, settings),
        multipliers=multipliers(surface, settings),
        noise=surface.noise,
        level=level,
        unigram_entropy=entropy,
        warnings=(*points.remarks, *study_warnings(surface, tuned, floor)),
        **(tables := _tables(quantities, surface.noise, entropy, settings)),
        **_claims(quantities, tables, surface.noise, rho, seed, settings),
    )


@dataclass(frozen=True)
class _Quantities:
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
    surfaces: list[Surface]


def _measure(
    surface: Terminal,
    entropy: float,
    rho: float,
    losses: tuple[float, ...],
    batch: FirstPassBatch | None,
    seed: int,
) -> _Quantities:
    plain, tuned, fresh = plain_grid(surface), tuned_grid(surface), first_pass(surface)
    if not tuned.losses.size:
        raise FitError("no U was read more than once: the study needs annealed losses on repeated data")
    floor, limits = floors(tuned, fresh), least_without_end(tuned)
    gaps = gap(fresh, tuned, floor)
    return _Quantities(
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
        surfaces=fit_surfaces(surface_cells(tuned, fresh), len(surface.losses) - 1, seed),
        to_loss=tokens_to_loss(fresh, np.array(losses) if losses else shared_targets(fresh), batch),
    )


def _tables(found: _Quantities, noise: "Noise", entropy: float, settings: IntervalSettings) -> dict[str, Any]:
    """The tables of one quantity each, by their names in `Epochs`."""
    plain, tuned, floor, reached = found.plain, found.tuned, found.floor, found.passes[0]
    laws = {f"passes to {each.name}": each.law for each in found.passes}
    laws |= {
        f"passes to {each.name}, with N x U": each.laws.interaction
        for each in (found.passes[0], found.passes[1], found.passes[-1])
        if each.laws is not None
    }
    laws |= {"r_inf - 1, plain": found.reuse.law, "r_inf - 1, tuned": found.reuse_tuned.law}
    return {
        "irreducible": estimate_row(settings, {"L_inf": floor.irreducible}),
        "cells": cells_table(plain, tuned, floor, entropy, settings),
        "elasticities": elasticities_table(tuned, settings),
        "states": states_table(tuned, reached.logs, found.limits, reached.target, settings),
        "passes": passes_table(tuned, found.passes, settings),
        "laws": laws_table(laws, settings),
        "first_pass": first_pass_table(found.fresh),
        "gaps": gap_table(found.gap, settings),
        "gap_forms": forms_table(found.forms, settings),
        "gap_laws": gap_laws(found.gap, found.forms, noise, settings),
        "tokens_to_loss": tokens_table(found.to_loss, settings),
        "sample_efficiency": exponents_table(found.to_loss, settings),
        "duality": duality_table(found.to_loss, tuned, settings),
        "reuse": reuse_table(plain, found.reuse, settings),
        "shares": shares_table({"plain": plain, "tuned": tuned}, found.fresh, settings),
        "fixed_passes": fixed_passes_table(
            {"plain": plain, "tuned": tuned}, {"plain": found.reuse, "tuned": found.reuse_tuned}, settings
        ),
        "reuse_tuned": reuse_table(tuned, found.reuse_tuned, settings),
    }


def _claims(
    found: _Quantities,
    tables: dict[str, Any],
    noise: "Noise",
    rho: float,
    seed: int,
    settings: IntervalSettings,
) -> dict[str, Any]:
    """`causes`, `answers` and `verdicts` of `Epochs`."""
    why = causes(found.plain, found.tuned, found.floor, found.reuse, found.reuse_tuned, settings)
    one_pass, merging = _answers(found, noise, rho, seed)
    evidence = Evidence(
        found.passes[0],
        found.passes[1],
        found.tuned.unique[~np.isnan(found.floor.default[0])],
        float(found.tuned.sizes.max()),
        one_pass,
        merging,
        found.forms,
        found.reuse.law,
        tables["shares"],
        tables["fixed_passes"],
        settings,
    )
    answers = answers_table({"one pass": one_pass, "the first pass meets the floor": merging}, settings)
    return {"causes": why.table, "answers": answers, "verdicts": judge(evidence)}


def _answers(found: _Quantities, noise: "Noise", rho: float, seed: int) -> tuple[list[Answer], list[Answer]]:
    """What each law says of one pass within rho of the floor, and within two deviations of runs of it.

    At the middle U of those that have a floor.
    """
    unique = found.tuned.unique[~np.isnan(found.floor.default[0])]
    if not len(unique):
        return [], []
    middle = float(np.exp(np.log(unique).mean()))
    floor = floor_at(found.floor, found.tuned.unique, middle)
    within = 2 * (np.hypot(noise.run, noise.branch) if noise.freedom else _MEETS)
    trunks = int((~np.isnan(found.tuned.of_size[0])).sum()) + len(found.fresh.sizes)
    least = float(found.tuned.sizes.min())
    fitted = Fitted(trunks, least, noise.mean_variance(found.tuned.unique), noise.freedom)
    passes = of_passes(found.passes[0], found.passes[-1], found.tuned, middle, seed)
    near, meets = (of_forms(found.gap, found.forms, share * floor, middle) for share in (rho, within))
    for share, answers in ((rho, near), (within, meets)):
        answers += of_surfaces(found.surfaces, fitted, middle, share)
    return [*passes, *near], meets
