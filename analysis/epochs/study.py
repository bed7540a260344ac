"""How much of what finite data hold a model takes, by its size and its epochs: every quantity and verdict.

L*(U), the data floor, is the least loss of any size, epochs and recipe on U unique tokens; I(U) = L_0 - L*(U)
is what can be extracted, and eta = (L_0 - L) / I the share that a run extracted. Annealed losses only, but
for `code`. Each part stands in `quarry.analysis.epochs`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import polars as pl

from quarry.analysis.epochs.causes import causes
from quarry.analysis.epochs.cells import Terminal, terminal
from quarry.analysis.epochs.claims import Verdict, verdicts
from quarry.analysis.epochs.code_length import code_lengths
from quarry.analysis.epochs.decomposition import cells_table
from quarry.analysis.epochs.ensembles import ensemble_floors
from quarry.analysis.epochs.estimates import estimate_row
from quarry.analysis.epochs.floors import Floors, floors, floors_table
from quarry.analysis.epochs.gap import Gap, gap, gap_table
from quarry.analysis.epochs.gap_forms import forms_table, gap_forms, gap_laws
from quarry.analysis.epochs.grid import FirstPass, Grid, first_pass, first_pass_table, plain_grid, tuned_grid
from quarry.analysis.epochs.multipliers import multipliers
from quarry.analysis.epochs.noise import Noise
from quarry.analysis.epochs.passes import Passes, passes_table, passes_to
from quarry.analysis.epochs.power_laws import laws_table
from quarry.analysis.epochs.reuse import Reuse, reuse, reuse_table
from quarry.analysis.epochs.sample_efficiency import (
    FirstPassBatch,
    ToLoss,
    duality_table,
    exponents_table,
    shared_targets,
    tokens_table,
    tokens_to_loss,
)
from quarry.analysis.fitting.intervals import IntervalSettings
from quarry.analysis.points.loading import PointsLike, as_points
from quarry.analysis.points.schema import BATCH, RECIPE
from quarry.checks import check_positive, check_settings
from quarry.errors import FitError
from quarry.train.record.files import json_values

RHO = (0.02, 0.10)
"""Relative distances to the floor that count as reaching it; .10 is that of the 10% rule of Kaplan's f."""
FRACTIONS = (0.9, 0.95)
"""Shares of I(U); it is mostly easy structure, so they lie near 1."""


@dataclass(frozen=True)
class Epochs:
    """Tables (losses in nats per token, each estimate with _low and _high at `level`) and verdicts.

    - `floors`, by U: grid, asymptote, floor, information, and ensemble where there are any; `irreducible` has
      L_inf.
    - `cells`, by N, U, k: see `quarry.analysis.epochs.decomposition.cells_table`.
    - `passes`, by criterion, N, U: k_rho and k_f to the floor, and `own`: to the least loss of the size.
    - `laws`: the power laws of passes and of r_inf - 1: by N and by U.
    - `first_pass`, by N, E: the annealed loss of tokens seen once.
    - `gaps`, by N, E; `gap_forms`: errors at larger N; `gap_laws`, by E: exponent of N, and N_merge.
    - `tokens_to_loss`, by loss and N, with S_min; `sample_efficiency`, by loss: their exponent in N.
    - `duality`, by loss, N, U: repeated over fresh tokens.
    - `reuse` and `reuse_tuned`, by N, U: r_inf, k_opt. `multipliers`, by remedy and U. `code`, by N, U.
    - `causes`, by U: the 2 x 2.
    """

    floors: pl.DataFrame
    irreducible: dict[str, float | None]
    cells: pl.DataFrame
    passes: pl.DataFrame
    laws: pl.DataFrame
    first_pass: pl.DataFrame
    gaps: pl.DataFrame
    gap_forms: pl.DataFrame
    gap_laws: pl.DataFrame
    tokens_to_loss: pl.DataFrame
    sample_efficiency: pl.DataFrame
    duality: pl.DataFrame
    reuse: pl.DataFrame
    reuse_tuned: pl.DataFrame
    multipliers: pl.DataFrame
    code: pl.DataFrame
    causes: pl.DataFrame
    verdicts: tuple[Verdict, ...]
    noise: Noise
    unigram_entropy: float
    level: float
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Strict JSON values."""
        plain = {each.name: getattr(self, each.name) for each in fields(self)}
        tables = {name: value.to_dicts() for name, value in plain.items() if isinstance(value, pl.DataFrame)}
        told = {"verdicts": [vars(verdict) for verdict in self.verdicts], "noise": vars(self.noise)}
        return json_values(plain | tables | told)


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
    """Every quantity of `points`; `rho` decides claims 1 and 2, `losses` are those of `tokens_to_loss`.

    `ensembles` has the losses of averaged runs, as `quarry ensemble` writes them: another floor.
    `unigram_entropy` is L_0 of the held-out text in nats per token, by default the points' own column. With
    `critical`, the critical batch's B_star and alpha_B, tokens to a loss are E_min.
    Intervals are of simulated noise of runs and draws of U as measured between runs alike, everything done
    again in each draw; those of laws also weigh their cells anew. Raises FitError.
    """
    table = as_points(points, annealed_only=False).table
    entropy = _entropy(table, unigram_entropy)
    check_settings(FitError, bootstrap, seed, level)
    if not 0 < rho < 1:
        raise FitError(f"rho={rho:g}: must lie between 0 and 1")
    check_positive(FitError, losses=losses)
    surface = terminal(table, bootstrap, seed)
    trained = _plain_rows(table, surface)
    found = _measured(surface, entropy, rho, losses, _batch(trained, critical), seed)
    settings = IntervalSettings.of_noise(level, surface.noise.freedom)
    floor_rows = floors_table(found.tuned, found.floor, entropy, settings)
    return Epochs(
        floors=floor_rows.join(ensemble_floors(ensembles, level), on="U", how="left"),
        code=code_lengths(trained, found.tuned, found.floor, entropy, settings),
        multipliers=multipliers(surface, settings),
        unigram_entropy=entropy,
        warnings=_warnings(surface, found.tuned, found.floor),
        **_tables(found, surface.noise, entropy, settings),
    )


@dataclass(frozen=True)
class _Measured:
    """What the tables are made of, [draws, ...]."""

    plain: Grid
    tuned: Grid
    fresh: FirstPass
    floor: Floors
    reached: list[Passes]
    worth: Reuse
    worth_tuned: Reuse
    gaps: Gap
    to_loss: ToLoss


def _measured(
    surface: Terminal,
    entropy: float,
    rho: float,
    losses: tuple[float, ...],
    batch: FirstPassBatch | None,
    seed: int,
) -> _Measured:
    plain, tuned, fresh = plain_grid(surface), tuned_grid(surface), first_pass(surface)
    if not tuned.losses.size:
        raise FitError("no U was read more than once: repeated and annealed losses are what is studied")
    floor = floors(tuned, fresh)
    return _Measured(
        plain=plain,
        tuned=tuned,
        fresh=fresh,
        floor=floor,
        reached=_criteria(tuned, floor, entropy, rho, seed),
        worth=reuse(plain, fresh, seed),
        worth_tuned=reuse(tuned, fresh, seed),
        gaps=gap(fresh, tuned, floor),
        to_loss=tokens_to_loss(fresh, np.array(losses) if losses else shared_targets(fresh), batch),
    )


def _tables(found: _Measured, noise: Noise, entropy: float, settings: IntervalSettings) -> dict[str, Any]:
    plain, tuned, floor = found.plain, found.tuned, found.floor
    forms = gap_forms(found.gaps)
    why = causes(plain, tuned, floor, found.worth, found.worth_tuned, settings)
    laws = {f"passes to {each.name}": each.law for each in found.reached}
    laws |= {"r_inf - 1, plain": found.worth.law, "r_inf - 1, tuned": found.worth_tuned.law}
    return {
        "irreducible": estimate_row(settings, {"L_inf": floor.irreducible}),
        "cells": cells_table(plain, tuned, floor, entropy, settings),
        "passes": passes_table(tuned, found.reached, settings),
        "laws": laws_table(laws, settings),
        "first_pass": first_pass_table(found.fresh),
        "gaps": gap_table(found.gaps, settings),
        "gap_forms": forms_table(forms, settings),
        "gap_laws": gap_laws(found.gaps, forms, noise, settings),
        "tokens_to_loss": tokens_table(found.to_loss, settings),
        "sample_efficiency": exponents_table(found.to_loss, settings),
        "duality": duality_table(found.to_loss, tuned, settings),
        "reuse": reuse_table(plain, found.worth, settings),
        "reuse_tuned": reuse_table(tuned, found.worth_tuned, settings),
        "causes": why.table,
        "verdicts": verdicts(found.reached[0], forms, found.worth.law, why, settings),
        "noise": noise,
        "level": settings.level,
    }


def _batch(trained: pl.DataFrame, critical: Mapping[str, float] | None) -> FirstPassBatch | None:
    """The one batch of the plain runs, where the critical one is known."""
    if critical is None:
        return None
    if set(critical) != {"B_star", "alpha_B"}:
        raise FitError(f"critical={dict(critical)}: must be B_star and alpha_B")
    check_positive(FitError, **critical)
    name = next((name for name in BATCH["B"] if name in trained.columns), None)
    batches = [] if name is None else trained[name].cast(pl.Float64).drop_nulls().unique().to_list()
    if len(batches) != 1:
        raise FitError(
            f"with a critical batch the points need one B (or batch_tokens) for all of the plain recipe; "
            f"they have {', '.join(f'{batch:g}' for batch in sorted(batches)) or 'none'}"
        )
    return FirstPassBatch(batches[0], dict(critical))


def _entropy(table: pl.DataFrame, given: float | None) -> float:
    if given is None and "unigram_entropy" in table.columns:
        known = table["unigram_entropy"].cast(pl.Float64).drop_nulls()
        given = float(known.median()) if len(known) else None  # pyright: ignore[reportArgumentType]
    if given is None:
        raise FitError(
            "the points have no unigram_entropy (older runs, or another trainer's): give that of the "
            "held-out text, in nats per token, with --unigram-entropy"
        )
    check_positive(FitError, unigram_entropy=given)
    return given


def _criteria(tuned: Grid, floor: Floors, entropy: float, rho: float, seed: int) -> list[Passes]:
    """The passes to each criterion, that which decides the claims first."""
    chosen = [rho, *(other for other in RHO if other != rho)]
    found = [
        passes_to(tuned, (1 + value) * floor.default, f"{value:.0%} above the floor", seed)
        for value in chosen
    ]
    for share in FRACTIONS:
        target = entropy - share * (entropy - floor.default)
        found.append(passes_to(tuned, target, f"{share:.0%} of what can be extracted", seed))
    own = (1 + rho) * tuned.of_size
    return [*found, passes_to(tuned, own, f"{rho:.0%} above the size's own least", seed)]


def _plain_rows(table: pl.DataFrame, surface: Terminal) -> pl.DataFrame:
    """The rows of each size's plain recipe, annealed or not."""
    recipe = [name for name in RECIPE if name in table.columns]
    plain = surface.cells.filter("plain").select("N", *recipe).unique()
    numbers = table.with_columns(pl.col("N", *recipe).cast(pl.Float64))
    return numbers.join(plain, on=["N", *recipe], how="semi")


def _warnings(surface: Terminal, tuned: Grid, floor: Floors) -> tuple[str, ...]:
    found = []
    if np.isnan(floor.irreducible[0]):
        found.append(
            f"L_inf needs a floor at four U, and there are {len(tuned.unique)}: no regimes, no slopes"
        )
    falling, cells = _falling_cells(tuned), int((~np.isnan(tuned.of_size[0])).sum())
    if falling:
        found.append(
            f"in {falling} of {cells} cells (N, U) the most passes trained are the best: floors may lie lower"
        )
    if surface.noise.freedom and surface.noise.freedom < 5:
        found.append(
            f"the noise has {surface.noise.freedom} degrees of freedom only: intervals are wide for it"
        )
    return tuple(found)


def _falling_cells(tuned: Grid) -> int:
    """Cells (N, U) whose least loss over k is at the largest k trained, of those with several k."""
    measured = tuned.losses[0]
    several = (~np.isnan(measured)).sum(axis=-1) > 1
    filled = np.where(np.isnan(measured), np.inf, measured)
    last = measured.shape[-1] - 1 - (~np.isnan(measured))[..., ::-1].argmax(axis=-1)
    return int((several & (filled.argmin(axis=-1) == last)).sum())
