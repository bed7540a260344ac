"""Porian's steps from Kaplan's exponent to Chinchilla's, by the studies porian and chinchilla_isoflop."""

from collections.abc import Sequence

import polars as pl
from results_chinchilla import LADDER
from results_rows import RESULTS, Table, shown
from results_tables import judge

from quarry import fit_isoflop
from quarry.analysis.allocation.isoflop import IsoFlop
from quarry.analysis.allocation.learning_curves import read_at
from quarry.analysis.fitting.intervals import Interval
from quarry.analysis.laws.published_trends import PORIAN_EXPONENTS
from quarry.errors import FitError
from quarry.experiments.chinchilla_isoflop import CPU
from quarry.experiments.porian import AT_CPU
from quarry.text import count, number, power

HEAD = "n_nonembedding+n_head"
PORIAN = RESULTS / "porian"
LONG = Table(PORIAN / "long.parquet", mid_schedule=True)
SHORT = Table(PORIAN / "short.parquet", mid_schedule=True)
SMALL_BATCH = Table(PORIAN / "small-batch.parquet")
TRIALS = Table(PORIAN / "trials.parquet", count=HEAD)
TUNED = (
    ("the best of three rates at the ladder's batch", (LADDER, TRIALS.but(exclude=("batch_tokens = 256",)))),
    ("the better of both batches at each size and budget", (LADDER, SMALL_BATCH)),
    ("the best of both batches, three rates each and three beta2", (LADDER, SMALL_BATCH, TRIALS)),
)
"""What is chosen at each size and budget, and the tables that it is chosen from; the last is Porian's."""
BUDGETS = CPU.budgets

STEPS = (
    ("Kaplan's protocol: head not counted, long warm-up, one horizon", LONG, "kaplan"),
    ("the head's parameters and FLOPs counted", LONG.but(count=HEAD), "head"),
    ("short warm-up", SHORT.but(count=HEAD), "warmup"),
    ("a decay for each budget", LADDER.but(count=HEAD), "decay"),
    ("the same runs, the head not counted", LADDER, None),
    ("the same runs, all parameters counted", LADDER.but(count="n_params"), None),
    (
        "or a constant rate, no decay",
        LADDER.but(count=HEAD, mid_schedule=True, exclude=("annealed=true",)),
        None,
    ),
    ("a quarter of the batch at every size", SMALL_BATCH.but(count=HEAD), None),
)


def row(step: str, found: IsoFlop | str, theirs: str | None, command: str) -> dict[str, str]:
    """The row of a step, of the paper's by the name `theirs`; a step without two minima says why."""
    cells = {"step": step, "published": "", "verdict": "", "command": command}
    if isinstance(found, str):
        return cells | {"a": "cannot say", "budgets": found, "N": "–"}
    if theirs is not None:
        cells |= beside(theirs, found.trend.a_interval)
    optima = found.budgets
    ends = f"{power(optima['C'][0])} to {power(optima['C'][-1])}"
    refused = (
        f", {len(found.refused)} of {len(optima) + len(found.refused)} without a minimum"
        if len(found.refused)
        else ""
    )
    return cells | {
        "a": shown(found.trend.a, found.trend.a_interval),
        "budgets": ends + refused,
        "N": f"{count(optima['N'][0])} and {count(optima['N'][-1])}",
    }


def beside(theirs: str, ends: Interval) -> dict[str, str]:
    """The paper's exponent, and whether ours holds it and not those of the steps before and after."""
    names, values = list(PORIAN_EXPONENTS), [value for value, _ in PORIAN_EXPONENTS.values()]
    place = names.index(theirs)
    rivals = (*values[max(0, place - 1) : place], *values[place + 1 : place + 2])
    return {"published": number(values[place], 3), "verdict": judge(ends, values[place], rivals=rivals)}


def of_step(step: str, table: Table, theirs: str | None) -> dict[str, str]:
    budgets = " ".join(f"{each:g}" for each in BUDGETS)
    command = f"quarry allocate {table.words()} --method isoflop --flops {BUDGETS[-1]:g} --read-at {budgets}"
    try:
        found = fit_isoflop(table.points(), read_at=BUDGETS)
    except FitError as error:
        found = str(error).split(" (")[0]
    return row(step, found, theirs, command)


def of_best(step: str, tables: Sequence[Table], theirs: str | None) -> dict[str, str]:
    """The least loss at each size and budget, of the budgets that all tables were trained to."""
    budgets = AT_CPU.small_batch.budgets
    read = pl.concat([read_at(_table(table.but(count=HEAD)), budgets) for table in tables])
    best = read.sort("loss").unique(["N", "budget"], keep="first")
    return row(step, fit_isoflop(best), theirs, "make results  # docs/scripts/results_porian.py")


def _table(table: Table) -> pl.DataFrame:
    return table.points().table


def rows() -> list[dict[str, str]]:
    tuned = [of_best(*step, "tuned" if step is TUNED[-1] else None) for step in TUNED]
    return [*(of_step(*step) for step in STEPS), *tuned]
