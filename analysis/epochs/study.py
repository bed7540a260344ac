"""How much of finite data a model extracts, by its size and its epochs: every quantity and every claim.

L*(U), the data floor, is the least loss of any size, epochs and recipe on U unique tokens. I(U) = L_0 - L*(U)
is the extractable information, and eta = (L_0 - L) / I the share that a run extracted. All losses are
annealed except those of `code`. Each quantity has its module in `quarry.analysis.epochs`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from quarry.analysis.epochs.capacity import states_table
from quarry.analysis.epochs.cells import CELL, annealed_rows, numeric_points, terminal
from quarry.analysis.epochs.circuits import circuits_table
from quarry.analysis.epochs.code_length import code_lengths
from quarry.analysis.epochs.decomposition import cells_table
from quarry.analysis.epochs.elasticities import elasticities_table
from quarry.analysis.epochs.ensembles import ensemble_floors
from quarry.analysis.epochs.estimates import estimate_row
from quarry.analysis.epochs.exchange import exchange_table
from quarry.analysis.epochs.floors import floors_table
from quarry.analysis.epochs.gap import gap_table
from quarry.analysis.epochs.gap_forms import forms_table, gap_laws
from quarry.analysis.epochs.grid import first_pass_table
from quarry.analysis.epochs.inputs import first_pass_batch, held_out_entropy, plain_rows
from quarry.analysis.epochs.judging import by_ensembles, judged
from quarry.analysis.epochs.multipliers import multipliers
from quarry.analysis.epochs.passes import RHO, passes_table
from quarry.analysis.epochs.power_laws import laws_table
from quarry.analysis.epochs.quantities import Quantities, measure
from quarry.analysis.epochs.recipes import batch_warnings, recipes_table
from quarry.analysis.epochs.result import Epochs
from quarry.analysis.epochs.reuse import reuse_table
from quarry.analysis.epochs.sample_efficiency import (
    duality_table,
    exponents_table,
    tokens_table,
)
from quarry.analysis.epochs.shares import fixed_passes_table, shares_table
from quarry.analysis.epochs.study_warnings import study_warnings, table_warnings
from quarry.analysis.fitting.intervals import IntervalSettings
from quarry.analysis.points.loading import PointsLike
from quarry.checks import check_positive, check_settings
from quarry.errors import FitError

if TYPE_CHECKING:
    from quarry.analysis.epochs.noise import Noise
    from quarry.analysis.epochs.power_laws import PowerLaw


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

    Examples:
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
    quantities = measure(surface, entropy, rho, losses, first_pass_batch(trained, critical), seed)
    tuned, floor = quantities.tuned, quantities.floor
    floor_rows = floors_table(tuned, floor, entropy, settings)
    return Epochs(
        floors=floor_rows.join(ensemble_floors(ensembles, level), on="U", how="left"),
        circuits=circuits_table(ensembles, quantities.plain, settings, seed),
        code=code_lengths(trained, tuned, floor, entropy, settings),
        multipliers=multipliers(surface, settings),
        noise=surface.noise,
        level=level,
        unigram_entropy=entropy,
        recipes=(recipes := recipes_table(rows := annealed_rows(points), CELL)),
        warnings=(
            *points.remarks,
            *table_warnings(rows, entropy),
            *study_warnings(surface, quantities),
            *batch_warnings(recipes),
        ),
        **(tables := _tables(quantities, surface.noise, entropy, settings)),
        **(claims := judged(quantities, tables, surface.noise, rho, seed, settings)),
        ensemble_verdicts=()
        if ensembles is None
        else by_ensembles(quantities, claims, tables, ensembles, entropy, surface.noise, rho, seed, settings),
    )


def exponents_alone(points: PointsLike, unigram_entropy: float | None = None) -> pl.DataFrame:
    """The table `laws` of `study_epochs` without draws, in a third of its time: the claims take the rest.

    Raises PointsError, FitError.
    """
    points = numeric_points(points)
    surface = terminal(points, 0, 0)
    entropy = held_out_entropy(points.table, unigram_entropy)
    batch = first_pass_batch(plain_rows(points.table, surface), None)
    found = measure(surface, entropy, RHO[-1], (), batch, 0)
    return laws_table(_laws(found), IntervalSettings.of_noise(0.95, surface.noise.freedom))


def _laws(found: Quantities) -> "dict[str, PowerLaw | None]":
    """Power laws of passes and of reuse, by the name to show."""
    laws = {f"passes to {each.name}": each.law for each in found.passes}
    laws |= {
        f"passes to {each.name}, with N x U": each.laws.interaction
        for each in (found.passes[0], found.passes[1], found.passes[-1])
        if each.laws is not None
    }
    return laws | {"r_inf - 1, plain": found.reuse.law, "r_inf - 1, tuned": found.reuse_tuned.law}


def _tables(found: Quantities, noise: "Noise", entropy: float, settings: IntervalSettings) -> dict[str, Any]:
    """The tables of one quantity each, by their names in `Epochs`."""
    plain, tuned, floor, reached = found.plain, found.tuned, found.floor, found.passes[0]
    return {
        "irreducible": estimate_row(settings, {"L_inf": floor.irreducible}),
        "cells": cells_table(plain, tuned, floor, entropy, settings),
        "elasticities": elasticities_table(tuned, settings),
        "exchange": exchange_table(tuned, settings),
        "states": states_table(tuned, reached.logs, found.limits, reached.target, settings),
        "passes": passes_table(tuned, found.passes, settings),
        "laws": laws_table(_laws(found), settings),
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
