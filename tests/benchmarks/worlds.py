"""`python -m tests.benchmarks.worlds`: the estimators of `quarry epochs` graded where the answer is known.

Worlds: regression on both sides of the line where one pass is enough (`easy`, `hard`), several draws of each,
and the committed runs on a Markov source (`markov`, experiments/results/worlds). Tables: `worlds-answers`, a
row for each estimate with its 95% interval and the exact answer; `worlds-grades`, their bias and coverage;
`worlds-first-pass`, how far one pass and the best number of passes of each size stay above the exact floor.
"""

import argparse
import dataclasses
import math
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from quarry.analysis.epochs.cells import annealed_rows
from quarry.analysis.epochs.result import Epochs
from quarry.analysis.epochs.study import study_epochs
from quarry.analysis.points.loading import load_points
from quarry.analysis.theory.exact import reuse_rate
from quarry.analysis.theory.features import Features
from quarry.analysis.theory.predictions import Mean
from quarry.analysis.theory.simulated import WORLDS, Ladder
from tests.benchmarks.tables import write_dated

MARKOV = Path("experiments/results/worlds/points.parquet")
RHO = 0.10
FLOORS = ("grid", "asymptote", "floor")
SAID = ("yes", "no", "undecided", "not measured")
REUSED = ((64, 256), (64, 1024), (256, 256), (256, 1024))
"""The cells (N, U) of regression whose exact reuse rate is computed: a search of a second each."""


def main() -> None:
    """Write the three tables."""
    options = argparse.ArgumentParser("python -m tests.benchmarks.worlds", description=__doc__)
    options.add_argument("--repeats", type=int, default=8, help="draws of each world of regression")
    options.add_argument("--draws", type=int, default=200, help="draws for the intervals")
    chosen = options.parse_args()
    warnings.simplefilter("ignore")
    answers: list[dict[str, Any]] = []
    passes: list[dict[str, Any]] = []

    def add(world: str, repeat: int, found: tuple[list[dict[str, Any]], list[dict[str, Any]]]) -> None:
        for rows, new in zip((answers, passes), found, strict=True):
            rows.extend({"world": world, "repeat": repeat} | row for row in new)

    if MARKOV.exists():
        add("markov", 0, markov(MARKOV))
    for repeat in range(chosen.repeats):
        for name, ladder in WORLDS.items():
            drawn = dataclasses.replace(ladder, seeds=(2 * repeat, 2 * repeat + 1))
            add(name, repeat, regression(drawn, chosen.draws))
        write(answers, passes)


def write(answers: list[dict[str, Any]], passes: list[dict[str, Any]]) -> None:
    """The tables of what has been graded so far."""
    table = pl.DataFrame(answers, infer_schema_length=None)
    write_dated("worlds-answers", table.to_dicts())
    write_dated("worlds-first-pass", above_floor(pl.DataFrame(passes, infer_schema_length=None)).to_dicts())
    write_dated("worlds-grades", grades(table).to_dicts())


def regression(ladder: Ladder, draws: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The answers and the passes of one ladder of regression."""
    points = ladder.points()
    found = study_epochs(points, ladder.unigram_entropy, rho=RHO, bootstrap=draws)
    rows = [*floor_rows(found, points), *gap_rows(found, points)]
    assert isinstance(ladder.model, Features)
    exact = Mean(ladder.model, ladder.seeds)
    best = {(row["N"], row["U"]): row for row in found.reuse.iter_rows(named=True)}
    for n, unique in REUSED:
        cell = best[n, unique]
        rate = reuse_rate(exact, n, unique, cell["k_opt"])
        rows.append(_row("r_inf", cell, "r_inf", rate))
    return [*rows, *verdict_rows(found, one_pass_size(ladder, exact))], pass_rows(points)


def one_pass_size(ladder: Ladder, exact: Mean) -> float:
    """The exact N_1 at the middle U: the least size whose first pass is within RHO of the floor, or inf."""
    middle = math.sqrt(min(ladder.unique) * max(ladder.unique))
    assert isinstance(ladder.model, Features)
    enough = (1 + RHO) * sum(ladder.model.floor(middle, seed) for seed in ladder.seeds) / len(ladder.seeds)
    sizes = (2.0 ** (step / 4) for step in range(12, 33))
    return next((round(n) for n in sizes if exact.loss(round(n), middle, 1.0) <= enough), math.inf)


def markov(path: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The answers and the passes of the committed runs on a Markov source."""
    found = study_epochs(load_points(path, annealed_only=False), rho=RHO, bootstrap=0)  # no two runs alike
    points = markov_points(path)
    rows = [*floor_rows(found, points), *gap_rows(found, points), *verdict_rows(found)]
    return rows, pass_rows(points)


def markov_passes(path: Path) -> list[dict[str, Any]]:
    """The passes of the committed runs on a Markov source."""
    return pass_rows(markov_points(path))


def markov_points(path: Path) -> pl.DataFrame:
    """Their annealed points; less than one pass over U is a first pass over E tokens, with its floor."""
    points = annealed_rows(load_points(path, annealed_only=False))
    once = points.filter(pl.col("k") < 1).with_columns(U="E", floor="floor_seen", k=pl.lit(1.0))
    return pl.concat([points.filter(pl.col("k") >= 1), once])


def floor_rows(found: Epochs, points: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """L*(U) by each estimator."""
    exact = {row["U"]: row["floor"] for row in points.group_by("U").agg(pl.col("floor").mean()).to_dicts()}
    for row in found.floors.iter_rows(named=True):
        for name in FLOORS:
            yield _row(f"floor: {name}", row, name, exact[row["U"]])


def gap_rows(found: Epochs, points: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """g(N, E): one pass over E tokens above the floor of E."""
    once = points.filter(pl.col("k") == 1).group_by("N", "U").agg(pl.col("loss", "floor").mean())
    exact = {(row["N"], row["U"]): row["loss"] - row["floor"] for row in once.to_dicts()}
    for row in found.gaps.iter_rows(named=True):
        if (row["N"], row["E"]) in exact:
            yield _row("gap", row | {"U": row["E"]}, "gap", exact[row["N"], row["E"]])


def verdict_rows(found: Epochs, one_pass: float | None = None) -> Iterator[dict[str, Any]]:
    """What is said of each claim, and its estimate; of claim 2 also the exact N_1."""
    for verdict in found.verdicts:
        low, high = verdict.interval
        yield {
            "quantity": verdict.claim,
            "estimate": verdict.estimate,
            "low": low,
            "high": high,
            "exact": one_pass if verdict.claim.startswith("2") else None,
            "holds": verdict.holds,
        }


def _row(quantity: str, row: dict[str, Any], name: str, exact: float) -> dict[str, Any]:
    return {
        "quantity": quantity,
        "N": row.get("N"),
        "U": row["U"],
        "estimate": row[name],
        "low": row.get(f"{name}_low"),
        "high": row.get(f"{name}_high"),
        "exact": exact,
        "holds": None,
    }


def pass_rows(points: pl.DataFrame) -> list[dict[str, Any]]:
    """For each N and U: the loss of one pass, the best loss with its k, the exact floor and entropy rate."""
    means = points.group_by("N", "U", "k").agg(pl.col("loss", "floor", "entropy_rate").mean())
    once = means.filter(pl.col("k") == 1).rename({"loss": "once"}).drop("k")
    repeated = means.filter((pl.col("k") > 1).any().over("N", "U")).sort("loss")
    best = repeated.group_by("N", "U").agg(best=pl.col("loss").first(), k_best=pl.col("k").first())
    return once.join(best, on=["N", "U"], how="left").sort("U", "N").to_dicts()


def above_floor(passes: pl.DataFrame) -> pl.DataFrame:
    """Means over repeats; `once_above` and `best_above` the floor, and as shares of floor - entropy rate."""
    means = passes.group_by("world", "U", "N").agg(
        pl.col("once", "best", "floor", "entropy_rate").mean(), pl.col("k_best").median()
    )
    gained = pl.col("floor") - pl.col("entropy_rate")
    return means.with_columns(
        once_above=pl.col("once") - pl.col("floor"),
        best_above=pl.col("best") - pl.col("floor"),
        once_share=(pl.col("once") - pl.col("floor")) / gained,
        best_share=(pl.col("best") - pl.col("floor")) / gained,
    ).sort("world", "U", "N")


def grades(answers: pl.DataFrame) -> pl.DataFrame:
    """By world and quantity: bias, the median of estimate / exact - 1, its quantiles, and coverage.

    Of the claims: the share of the repeats in which each was said.
    """
    asked = answers.filter(pl.col("exact").is_finite() & (pl.col("exact") > 0))
    error = pl.col("estimate") / pl.col("exact") - 1
    inside = (pl.col("low") <= pl.col("exact")) & (pl.col("exact") <= pl.col("high"))
    numbers = asked.group_by("world", "quantity").agg(
        answers=pl.len(),
        estimated=pl.col("estimate").is_not_null().sum(),
        bias=error.median(),
        error_low=error.quantile(0.1),
        error_high=error.quantile(0.9),
        intervals=inside.is_not_null().sum(),
        coverage=inside.mean(),
    )
    said = (
        answers.filter(pl.col("holds").is_not_null())
        .group_by("world", "quantity")
        .agg(
            answers=pl.len(),
            **{word: (pl.col("holds") == word).mean() for word in SAID},
        )
    )
    return pl.concat([numbers, said], how="diagonal").sort("world", "quantity")


if __name__ == "__main__":
    main()
