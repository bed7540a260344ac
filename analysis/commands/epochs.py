"""`quarry epochs`: the verdicts on the four claims, and the tables that they rest on."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.table import Table
from rich.text import Text

from quarry.analysis.commands.figures import save_charts
from quarry.analysis.commands.fit import assigned, print_warnings, write_result
from quarry.analysis.epochs.noise import DRAW_AT, Noise
from quarry.analysis.epochs.study import Epochs, study_epochs
from quarry.analysis.points.loading import load_points
from quarry.analysis.points.reading import read_table
from quarry.text import MISSING, count, estimate, number


def epochs_command(
    path: Path,
    ensembles: Path | None,
    *,
    critical: Sequence[str],
    count: str,
    split: str,
    exclude: Sequence[str],
    options: Mapping,
    output: Path | None,
    figures: Path | None,
    console: Console,
) -> Epochs:
    """Measure the points at `path`, print verdicts and tables, write them as JSON and draw them if asked.

    `options` are those of `quarry.study_epochs`. Raises PointsError, FitError, RecordError.
    """
    points = load_points(path, count, split, annealed_only=False).exclude(exclude)
    averaged = None if ensembles is None else read_table(ensembles)
    found = study_epochs(points, ensembles=averaged, critical=assigned(critical) or None, **options)
    print_epochs(found, console)
    if output is not None:
        write_result(found.to_json(), output)
    if figures is not None:
        from quarry.analysis.report.figures.epochs import epochs_charts

        save_charts(epochs_charts(found), figures)
    return found


def print_epochs(found: Epochs, console: Console) -> None:
    """Floors, passes, reuse, remedies, and last the verdicts."""
    console.print(_floors(found), _passes(found))
    if not found.reuse.is_empty():
        console.print(_reuse(found))
    if not found.multipliers.is_empty():
        console.print(_multipliers(found))
    console.print(_laws(found))
    if not found.gap_laws.is_empty():
        console.print(_gaps(found))
    if not found.sample_efficiency.is_empty():
        console.print(_sample_efficiency(found))
    console.print(_noise(found.noise))
    print_warnings(found.warnings, console)
    for verdict in found.verdicts:
        mark = {"yes": "bold green", "no": "bold red"}.get(verdict.holds, "bold yellow")
        console.print(Text(f"{verdict.claim}: ") + Text(verdict.holds, mark))
        if verdict.estimate is not None:
            console.print(Text(f"   {verdict.quantity}: {verdict.words}"))
            console.print(Text(f"   decided by {verdict.cells}"))
        else:
            console.print(Text(f"   {verdict.cells}"))


def _noise(noise: Noise) -> Text:
    """The standard deviations of log loss between runs alike."""
    if not noise.freedom:
        return Text("noise between runs alike: not measured")
    parts = f"draw of {count(DRAW_AT)} tokens {number(noise.draw, 2)}, run {number(noise.run, 2)}, branch "
    said = f"noise of log loss between runs alike ({noise.freedom} degrees of freedom): {parts}"
    said += number(noise.branch, 2)
    if noise.once is not None:
        said += (
            f"; first passes of as many tokens from other U: {number(noise.once, 2)} ({noise.once_freedom})"
        )
    return Text(said)


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, box=None)
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place else "left")
    return table


def _floors(found: Epochs) -> Table:
    shown = {"grid": "least trained", "asymptote": "N to infinity", "ensemble": "of ensembles"}
    shown |= {"information": "can be extracted"}
    title = f"the data floor, nats per token [{found.level:.0%}]"
    table = _table(title, "U", *shown.values())
    for row in found.floors.iter_rows(named=True):
        table.add_row(count(row["U"]), *(estimate(row, name, 4) for name in shown))
    return table


def _passes(found: Epochs) -> Table:
    """k by N (rows) and U (columns), to the criterion that decides the claims."""
    criterion = found.passes["criterion"][0]
    rows = found.passes.filter(pl.col("criterion") == criterion)
    unique = rows["U"].unique().sort().to_list()
    table = _table(f"passes to {criterion}, best recipe", "N", *(f"U = {count(u)}" for u in unique))
    known = {(row["N"], row["U"]): row for row in rows.iter_rows(named=True)}
    for n in rows["N"].unique().sort().to_list():
        cells = (known.get((n, u)) for u in unique)
        table.add_row(count(n), *(MISSING if cell is None else estimate(cell, "k") for cell in cells))
    return table


def _reuse(found: Epochs) -> Table:
    headings = ("N", "U", "r_inf, one recipe", "k_opt", "r_inf, best recipe", "k_opt")
    table = _table("what all passes are worth, in passes of fresh tokens", *headings)
    tuned = {(row["N"], row["U"]): row for row in found.reuse_tuned.iter_rows(named=True)}
    for row in found.reuse.iter_rows(named=True):
        both = (row, tuned[row["N"], row["U"]])
        cells = [text for one in both for text in (estimate(one, "r_inf"), number(one["k_opt"]))]
        table.add_row(count(row["N"]), count(row["U"]), *cells)
    return table


def _multipliers(found: Epochs) -> Table:
    table = _table("what a remedy is worth, as a multiple of U", "weight decay", "dropout", "U", "multiple")
    for row in found.multipliers.iter_rows(named=True):
        remedy = number(row["weight_decay"]), number(row["dropout"])
        table.add_row(*remedy, count(row["U"]), estimate(row, "multiplier"))
    return table


def _laws(found: Epochs) -> Table:
    headings = ("quantity", "of N", "of U", "cells", "not censored")
    table = _table("power laws, exponents with intervals", *headings)
    for row in found.laws.iter_rows(named=True):
        exponents = estimate(row, "of_N"), estimate(row, "of_U")
        table.add_row(Text(row["quantity"]), *exponents, str(row["cells"]), str(row["known"]))
    return table


def _gaps(found: Epochs) -> Table:
    """How the gap falls with N, by E, and what each form missed of larger N."""
    errors = (
        f"{row['form']} {estimate(row, 'held_out', 2)}" for row in found.gap_forms.iter_rows(named=True)
    )
    title = f"first pass above the floor, g ~ N^-a; errors at larger N: {', '.join(errors)}"
    table = _table(title, "E", "a", "N_merge")
    for row in found.gap_laws.iter_rows(named=True):
        table.add_row(count(row["E"]), estimate(row, "exponent"), estimate(row, "N_merge"))
    return table


def _sample_efficiency(found: Epochs) -> Table:
    headings = ("loss", "sizes", "gamma", "by Kaplan's form")
    table = _table("tokens of one pass to a loss ~ N^-gamma", *headings)
    for row in found.sample_efficiency.iter_rows(named=True):
        gammas = estimate(row, "gamma"), number(row["kaplan"])
        table.add_row(number(row["loss"]), str(row["sizes"]), *gammas)
    return table
