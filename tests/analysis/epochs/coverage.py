"""How often the intervals of `quarry epochs` hold the truth, over repeats of a known surface, as a table.

    python -m tests.analysis.epochs.coverage 200

writes runs/benchmarks/epochs-coverage.csv: of each quantity the share of intervals that hold the truth, and
how many there were. The truth of floors, passes and their law is the surface's own; of the rest it is what
the study makes of the same runs without noise.
"""

import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl

from quarry.analysis.epochs.result import Epochs
from quarry.analysis.epochs.study import study_epochs
from quarry.train.record.points_table import write_table
from tests.analysis.epochs.known_surface import L_0, L_INF, REMEDY, RHO, SIZES, Surface, floor, runs

SCATTER, DRAWS, LOSSES = 0.03, 200, (1.6, 1.8)
TABLES = {
    "cells": ("N", "U", "k"),
    "gaps": ("N", "E"),
    "gap_laws": ("E",),
    "tokens_to_loss": ("N", "loss"),
    "sample_efficiency": ("loss", "sizes"),
    "duality": ("N", "U", "loss"),
    "reuse": ("N", "U"),
    "reuse_tuned": ("N", "U"),
    "multipliers": ("U",),
    "causes": ("U",),
}
"""Tables whose truth is that of the same runs without noise, and the columns that name a row."""

Held = tuple[str, bool]


def held(seed: int, **surface) -> Iterator[Held]:
    """(quantity, whether its interval held the truth) of one repeat."""
    known = Surface(scatter=SCATTER, seed=seed, **surface)
    found = study_epochs(runs(known, seed), L_0, losses=LOSSES, bootstrap=DRAWS, seed=seed)
    exact = study_epochs(runs(known, seed, noise=0.0), L_0, losses=LOSSES, bootstrap=0)
    yield from _floors(found)
    yield from _passes(found, known)
    yield from _laws(found, known)
    for name, keys in TABLES.items():
        yield from _against(getattr(found, name), getattr(exact, name), keys)


def inside(low: float | None, true: float, high: float | None) -> bool:
    return (low is None or low <= true) and (high is None or true <= high)


def _floors(found: Epochs) -> Iterator[Held]:
    for row in found.floors.iter_rows(named=True):
        true = floor(REMEDY * row["U"])
        yield "floor L*(U)", inside(row["floor_low"], true, row["floor_high"])
        yield "information I(U)", inside(row["information_low"], L_0 - true, row["information_high"])
    ends = found.irreducible
    yield "L_inf", inside(ends["L_inf_low"], L_INF, ends["L_inf_high"])


def _passes(found: Epochs, known: Surface) -> Iterator[Held]:
    own = found.passes.filter(pl.col("criterion") == f"{RHO:.0%} above the floor")
    for row in own.iter_rows(named=True):
        yield "k_rho", inside(row["k_low"], known.needed(row["N"], row["U"]), row["k_high"])


def _laws(found: Epochs, known: Surface) -> Iterator[Held]:
    law = found.laws.filter(pl.col("quantity") == f"passes to {RHO:.0%} above the floor").row(0, named=True)
    yield "b", inside(law["of_N_low"], -known.b, law["of_N_high"])
    yield "c", inside(law["of_U_low"], known.c, law["of_U_high"])
    # k*(N_1) = 1 at the middle U.
    one = np.exp(np.log(SIZES).mean()) * known.middle ** (1 / known.b) if known.b > 0 else np.inf
    answer = found.answers.filter(statement="one pass", law="k ~ N^-b U^c").row(0, named=True)
    yield "N_1", inside(answer["N_low"], one, answer["N_high"])
    ideal = _ideal_laws(known.b, known.c)
    for name in ("r_inf - 1, plain", "r_inf - 1, tuned"):
        row, true = (
            table.filter(pl.col("quantity") == name).row(0, named=True) for table in (found.laws, ideal)
        )
        yield f"q {name[11:]}", inside(row["of_N_low"], true["of_N"], row["of_N_high"])
        yield f"p {name[11:]}", inside(row["of_U_low"], true["of_U"], row["of_U_high"])


@cache
def _ideal_laws(b: float, c: float) -> pl.DataFrame:
    """What the study makes of the surface without scatter or noise: the same in every repeat."""
    return study_epochs(runs(Surface(b=b, c=c), 0, noise=0.0), L_0, bootstrap=0).laws


def _against(found: pl.DataFrame, exact: pl.DataFrame, keys: tuple[str, ...]) -> Iterator[Held]:
    both = found.join(exact, on=[key for key in keys if key in found.columns], suffix="_true")
    for name in (name[:-4] for name in found.columns if name.endswith("_low")):
        for row in both.drop_nulls([name, f"{name}_true"]).iter_rows(named=True):
            yield name, inside(row[f"{name}_low"], row[f"{name}_true"], row[f"{name}_high"])


def coverage(repeats: int, **surface) -> pl.DataFrame:
    """quantity, share, intervals."""
    rows = [each for seed in range(repeats) for each in held(seed, **surface)]
    table = pl.DataFrame(rows, schema=["quantity", "held"], orient="row")
    return table.group_by("quantity", maintain_order=True).agg(
        share=pl.col("held").mean(), intervals=pl.len()
    )


if __name__ == "__main__":
    result = coverage(int(sys.argv[1]))
    output = Path("runs/benchmarks/epochs-coverage.csv")
    write_table(result, output)
    print(result, f"-> {output}", sep="\n")
