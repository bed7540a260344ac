"""How much of what finite data hold a model takes, by its size and its epochs: every quantity and verdict.

L*(U), the data floor, is the least loss of any size, epochs and recipe on U unique tokens; I(U) = L_0 - L*(U)
is what can be extracted, and eta = (L_0 - L) / I the share that a run extracted. Annealed losses only, but
for `code`. Each part stands in `analysis.extraction`.
"""

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import polars as pl

from analysis.extraction.causes import causes
from analysis.extraction.crossings import first_below
from analysis.extraction.decomposition import cells_table
from analysis.extraction.ensembles import ensemble_floors
from analysis.extraction.floors import Floors, floors
from analysis.extraction.gap import gap, gap_forms, gap_table
from analysis.extraction.grid import FirstPass, Grid, first_pass, plain_grid, tuned_grid
from analysis.extraction.multiplier import multipliers
from analysis.extraction.noise import Noise
from analysis.extraction.passes import Passes, passes_table, passes_to
from analysis.extraction.prequential import code_lengths
from analysis.extraction.reuse import reuse, reuse_table, shared_targets, tokens_to_loss
from analysis.extraction.terminal import RECIPE, EpochsError, Terminal, terminal
from analysis.extraction.told import Telling
from analysis.extraction.verdicts import Verdict, verdicts
from analysis.points import Points
from analysis.settings import check_settings
from analysis.strict import strict

RHO = (0.02, 0.10)
"""Relative distances to the floor that count as reaching it; .10 is that of the 10% rule of Kaplan's f."""
FRACTIONS = (0.9, 0.95)
"""Shares of I(U); it is mostly easy structure, so they lie near 1."""


@dataclass(frozen=True)
class Epochs:
    """Tables (losses in nats per token, each estimate with _low and _high at `level`) and verdicts.

    - `floors`, by U: grid, asymptote, floor, information, and ensemble where there are any; `irreducible` has
      L_inf.
    - `cells`, by N, U, k: see `analysis.extraction.decomposition.cells_table`.
    - `passes`, by criterion, N, U: k_rho and k_f to the floor, and `own`: to the least loss of the size.
    - `laws`: the power laws of passes and of r_inf - 1: by N and by U.
    - `first_pass`, by N, E: the annealed loss of tokens seen once.
    - `gaps`, by N, E; `tokens_to_loss`, by loss and N; `duality`, by loss, N, U: repeated over fresh tokens.
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
    tokens_to_loss: pl.DataFrame
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
        return strict(plain | tables | told)


def study(
    points: Points | pl.DataFrame,
    unigram_entropy: float | None = None,
    *,
    ensembles: pl.DataFrame | None = None,
    rho: float = RHO[-1],
    losses: tuple[float, ...] = (),
    bootstrap: int = 500,
    seed: int = 0,
    level: float = 0.95,
) -> Epochs:
    """Every quantity of `points`; `rho` decides claims 1 and 2, `losses` are those of `tokens_to_loss`.

    `ensembles` has the losses of averaged runs, as `quarry ensemble` writes them: another floor.
    `unigram_entropy` is L_0 of the held-out text in nats per token, by default the points' own column.
    Intervals are of simulated noise of runs and draws of U as measured between runs alike, everything done
    again in each draw; those of laws also weigh their cells anew. Raises EpochsError.
    """
    table = points.table if isinstance(points, Points) else points
    entropy = _entropy(table, unigram_entropy)
    check_settings(bootstrap, seed, level, EpochsError)
    if not 0 < rho < 1:
        raise EpochsError(f"rho={rho:g}: must lie between 0 and 1")
    surface = terminal(table, bootstrap, seed)
    telling = Telling(level, surface.noise.freedom)
    plain, tuned, fresh = plain_grid(surface), tuned_grid(surface), first_pass(surface)
    if not tuned.losses.size:
        raise EpochsError("no U was read more than once: repeated and annealed losses are what is studied")
    floor = floors(tuned)
    reached = _criteria(tuned, floor, entropy, rho, seed)
    worth, worth_tuned = reuse(plain, fresh, seed), reuse(tuned, fresh, seed)
    gaps = gap(fresh, tuned, floor)
    why = causes(plain, tuned, floor, worth, worth_tuned, telling)
    to_loss, dual = _to_loss(fresh, tuned, np.array(losses) if losses else shared_targets(fresh), telling)
    return Epochs(
        floors=_floors_table(tuned, floor, entropy, telling).join(
            ensemble_floors(ensembles, level), on="U", how="left"
        ),
        irreducible=telling.row({"L_inf": floor.irreducible}),
        cells=cells_table(plain, tuned, floor, entropy, telling),
        passes=passes_table(tuned, reached, telling),
        laws=_laws_table(
            reached, {"r_inf - 1, plain": worth.law, "r_inf - 1, tuned": worth_tuned.law}, telling
        ),
        first_pass=_first_pass_table(fresh),
        gaps=gap_table(gaps, telling),
        tokens_to_loss=to_loss,
        duality=dual,
        reuse=reuse_table(plain, worth, telling),
        reuse_tuned=reuse_table(tuned, worth_tuned, telling),
        multipliers=multipliers(surface, telling),
        code=code_lengths(_plain_rows(table, surface), tuned, floor, entropy, telling),
        causes=why.table,
        verdicts=verdicts(reached[0], gap_forms(gaps), worth.law, why, telling),
        noise=surface.noise,
        unigram_entropy=entropy,
        level=level,
        warnings=_warnings(surface, tuned, floor),
    )


def _entropy(table: pl.DataFrame, given: float | None) -> float:
    if given is None and "unigram_entropy" in table.columns:
        known = table["unigram_entropy"].cast(pl.Float64).drop_nulls()
        given = float(known.median()) if len(known) else None  # pyright: ignore[reportArgumentType]
    if given is None:
        raise EpochsError(
            "the points have no unigram_entropy (older runs, or another trainer's): give that of the "
            "held-out text, in nats per token, with --unigram-entropy"
        )
    if not (math.isfinite(given) and given > 0):
        raise EpochsError(f"unigram_entropy={given}: must be positive and finite")
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


def _floors_table(tuned: Grid, floor: Floors, entropy: float, telling: Telling) -> pl.DataFrame:
    rows = [
        {"U": unique} | telling.row({
            "grid": floor.grid[:, u], "asymptote": floor.asymptote[:, u], "floor": floor.default[:, u],
            "information": entropy - floor.default[:, u],
        })
        for u, unique in enumerate(tuned.unique)
    ]  # fmt: skip
    return pl.DataFrame(rows, infer_schema_length=None)


def _laws_table(reached: list[Passes], others: dict, telling: Telling) -> pl.DataFrame:
    """A row for each law: exponents of N and U with intervals, scatter, cells and how many are uncensored."""
    laws = {f"passes to {each.name}": each.law for each in reached} | others
    rows = [
        {"quantity": name, **telling.row({"of_N": law.of_n, "of_U": law.of_u, "scatter": law.deviation}),
         "known": law.known, "cells": law.cells}
        for name, law in laws.items()
        if law is not None
    ]  # fmt: skip
    return pl.DataFrame(rows, infer_schema_length=None)


def _to_loss(
    fresh: FirstPass, tuned: Grid, targets: np.ndarray, telling: Telling
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Tokens of the first pass to a loss, by N, and what repeats take of them, by N and U."""
    if not len(targets):
        return pl.DataFrame(), pl.DataFrame()
    found = tokens_to_loss(fresh, targets)
    once, again = [], []
    for t, target in enumerate(targets.tolist()):
        held = first_below(tuned.passes, tuned.losses, np.full(tuned.losses.shape[:-1], target))
        for n, size in enumerate(fresh.sizes):
            at = found.low[:, n, t]
            if not np.isfinite(at[0]) or found.high[0, n, t] != at[0]:
                continue
            once.append({"loss": target, "N": size, **telling.row({"tokens": np.exp(at)})})
            for u, unique in enumerate(tuned.unique):
                place = np.flatnonzero(tuned.sizes == size)
                if (
                    len(place)
                    and np.isfinite(k := held.low[:, place[0], u])[0]
                    and held.high[0, place[0], u] == k[0]
                ):
                    ratio = np.exp(k + np.log(unique) - at)
                    row = telling.row({"repeated_over_fresh": ratio})
                    again.append({"loss": target, "N": size, "U": unique, "k": float(np.exp(k[0])), **row})
    return pl.DataFrame(once, infer_schema_length=None), pl.DataFrame(again, infer_schema_length=None)


def _first_pass_table(fresh: FirstPass) -> pl.DataFrame:
    places = zip(*np.nonzero(~np.isnan(fresh.losses[0])), strict=True)
    rows = [(fresh.sizes[n], fresh.tokens[e], fresh.losses[0, n, e]) for n, e in places]
    return pl.DataFrame(rows, schema=dict.fromkeys(("N", "E", "loss"), pl.Float64), orient="row")


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
