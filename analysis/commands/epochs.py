"""`quarry epochs`: the verdicts on the four claims, and the tables that they rest on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import polars as pl
from rich.console import Console
from rich.table import Table
from rich.text import Text
from tyro.conf import Positional

from quarry.analysis.commands.figures import save_charts
from quarry.analysis.commands.options import BootstrapOptions, OutputOptions, ReadingOptions, Repeated
from quarry.analysis.commands.printing import assigned, print_warnings, write_result
from quarry.analysis.commands.reading import read_points
from quarry.analysis.epochs.cells import numeric_points
from quarry.analysis.epochs.choices import headlines, no_choice, table_of_choices
from quarry.analysis.epochs.claims import NOT_MEASURED, Verdict
from quarry.analysis.epochs.noise import Noise
from quarry.analysis.epochs.result import Epochs
from quarry.analysis.epochs.study import study_epochs
from quarry.analysis.points.loading import read_table
from quarry.console import TitledTable, make_console
from quarry.errors import DONE
from quarry.options import Flat
from quarry.text import MISSING, count, estimate, number
from quarry.train.record.points_table import write_table


@dataclass(frozen=True)
class EpochsOptions:
    """How the study of passes is made."""

    rho: float = 0.1
    """Relative distance to the data floor that counts as having reached it."""
    ensembles: Path | None = None
    """A table that `quarry ensemble` wrote: also show the floor of ensembles, another model class."""
    unigram_entropy: float | None = None
    """L_0 of the held-out text, nats per token; default: as the runs recorded it."""
    losses: tuple[float, ...] = ()
    """Losses, nats per token, for the tokens to a loss; default four that most sizes reached."""
    critical: Repeated = ()
    """The critical batch, "B_star=2e8" and "alpha_B=0.21": tokens to a loss are then E_min."""
    choices: Path | None = None
    """Also judge every claim by every combination of criterion, floor, batch, recipe, counts of parameters,
    smallest size and law, and write this table (.csv or .parquet). About a minute on two cores."""
    reading: Annotated[ReadingOptions, Flat] = ReadingOptions()
    draws: Annotated[BootstrapOptions, Flat] = BootstrapOptions(500)
    output: Annotated[OutputOptions, Flat] = OutputOptions()


def command(points: Positional[Path], options: Annotated[EpochsOptions, Flat] = EpochsOptions()) -> int:
    """How many passes a model of N parameters needs on U tokens, and the verdicts on the claims about it.

    Args:
        points: A directory of runs, or a table of points as `quarry points` writes it.
    """
    study_points(points, options, make_console())
    return DONE


def study_points(path: Path, options: EpochsOptions, console: Console) -> Epochs:
    """Measure the points at `path`, print verdicts and tables, write them as JSON and draw them if asked.

    Raises PointsError, FitError, RecordError.
    """
    reading, output = options.reading, options.output
    points = read_points(path, reading, mid_schedule=True)
    averaged = None if options.ensembles is None else read_table(options.ensembles)
    critical = assigned(options.critical) or None
    result = study_epochs(
        points,
        options.unigram_entropy,
        ensembles=averaged,
        rho=options.rho,
        losses=options.losses,
        critical=critical,
        **vars(options.draws),
    )
    print_epochs(result, console)
    if options.choices is not None:
        table = table_of_choices(numeric_points(points), averaged, critical, seed=options.draws.seed)
        write_table(table, options.choices)
        print_choices(table, console)
    else:
        console.print(Text("these verdicts are by one set of choices; --choices FILE judges by all of them"))
    if output.json is not None:
        write_result(result.to_json(), output.json)
    if output.figures is not None:
        from quarry.analysis.report.figures.epochs import epochs_charts

        save_charts(epochs_charts(result), output.figures)
    return result


def print_epochs(result: Epochs, console: Console) -> None:
    """Floors, passes, reuse, remedies, and last the verdicts."""
    console.print(_floors(result), _passes(result))
    if not result.reuse.is_empty():
        console.print(_reuse(result))
    if not result.multipliers.is_empty():
        console.print(_multipliers(result))
    console.print(_laws(result))
    if not result.gap_laws.is_empty():
        console.print(_gaps(result))
    if not result.sample_efficiency.is_empty():
        console.print(_sample_efficiency(result))
    console.print(_noise(result.noise))
    print_warnings(result.warnings, console)
    for verdict in result.verdicts:
        mark = {"yes": "bold green", "no": "bold red"}.get(verdict.holds, "bold yellow")
        console.print(Text(f"{verdict.claim}: ") + Text(verdict.holds, mark))
        if verdict.words and verdict.holds != NOT_MEASURED:
            console.print(Text(f"   {verdict.quantity}: {verdict.words}"))
            console.print(Text(f"   decided by {verdict.cells}"))
        else:
            console.print(Text(f"   {verdict.cells}"))
    if result.ensemble_verdicts:
        console.print(Text(f"by the floor of ensembles: {_in_short(result.ensemble_verdicts)}"))


def _in_short(verdicts: tuple[Verdict, ...]) -> str:
    return "; ".join(f"{verdict.claim}: {verdict.holds}" for verdict in verdicts)


def print_choices(choices: pl.DataFrame, console: Console) -> None:
    """By claim, in how many of the admissible choices it holds, is undecided, and fails; and why in none."""
    table = _table("the claims under every admissible choice", "claim", "choices", "yes", "undecided", "no")
    for row in headlines(choices).iter_rows(named=True):
        table.add_row(*(str(row[name]) for name in ("claim", "choices", "yes", "undecided", "no")))
    if table.row_count:
        console.print(table)
    for reason, claims in no_choice(choices).items():
        console.print(Text(f"no admissible choice for claim {', '.join(map(str, claims))}: {reason}"))


def _noise(noise: Noise) -> Text:
    """The standard deviations of log loss between replicate runs."""
    if not noise.freedom:
        return Text("noise between replicate runs: not measured")
    words = f"noise of log loss between replicate runs ({noise.freedom} degrees of freedom): {noise.words}"
    if noise.once is not None:
        words += (
            f"; first passes of as many tokens from other U: {number(noise.once, 2)} ({noise.once_freedom})"
        )
    return Text(words)


def _table(title: str, *headings: str) -> Table:
    table = TitledTable(title=title)
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place else "left")
    return table


def _floors(result: Epochs) -> Table:
    shown = {"grid": "least trained", "asymptote": "N to infinity", "ensemble": "of ensembles"}
    shown |= {"information": "can be extracted"}
    title = f"the data floor, nats per token [{result.level:.0%}]"
    table = _table(title, "U", *shown.values())
    for row in result.floors.iter_rows(named=True):
        table.add_row(count(row["U"]), *(estimate(row, name, 4) for name in shown))
    return table


def _passes(result: Epochs) -> Table:
    """k by N (rows) and U (columns), to the criterion that decides the claims."""
    criterion = result.passes["criterion"][0]
    rows = result.passes.filter(pl.col("criterion") == criterion)
    unique = rows["U"].unique().sort().to_list()
    table = _table(f"passes to {criterion}, best recipe", "N", *(f"U = {count(u)}" for u in unique))
    known = {(row["N"], row["U"]): row for row in rows.iter_rows(named=True)}
    for n in rows["N"].unique().sort().to_list():
        cells = (known.get((n, u)) for u in unique)
        table.add_row(count(n), *(MISSING if cell is None else estimate(cell, "k") for cell in cells))
    return table


def _reuse(result: Epochs) -> Table:
    headings = ("N", "U", "r_inf, one recipe", "k_opt", "r_inf, best recipe", "k_opt")
    table = _table("what all passes are worth, in passes of fresh tokens", *headings)
    tuned = {(row["N"], row["U"]): row for row in result.reuse_tuned.iter_rows(named=True)}
    for row in result.reuse.iter_rows(named=True):
        both = (row, tuned[row["N"], row["U"]])
        cells = [text for recipe in both for text in (estimate(recipe, "r_inf"), number(recipe["k_opt"]))]
        table.add_row(count(row["N"]), count(row["U"]), *cells)
    return table


def _multipliers(result: Epochs) -> Table:
    table = _table("what a remedy is worth, as a multiple of U", "weight decay", "dropout", "U", "multiple")
    for row in result.multipliers.iter_rows(named=True):
        remedy = number(row["weight_decay"]), number(row["dropout"])
        table.add_row(*remedy, count(row["U"]), estimate(row, "multiplier"))
    return table


def _laws(result: Epochs) -> Table:
    headings = ("quantity", "of N", "of U", "cells", "not censored")
    table = _table("power laws, exponents with intervals", *headings)
    for row in result.laws.iter_rows(named=True):
        exponents = estimate(row, "of_N"), estimate(row, "of_U")
        table.add_row(Text(row["quantity"]), *exponents, str(row["cells"]), str(row["known"]))
    return table


def _gaps(result: Epochs) -> Table:
    """How the gap falls with N, by E, and what each form missed of larger N."""
    errors = (
        f"{row['form']} {estimate(row, 'held_out', 2)}" for row in result.gap_forms.iter_rows(named=True)
    )
    title = f"first pass above the floor, g ~ N^-a; errors at larger N: {', '.join(errors)}"
    table = _table(title, "E", "a", "N_merge")
    for row in result.gap_laws.iter_rows(named=True):
        table.add_row(count(row["E"]), estimate(row, "exponent"), estimate(row, "N_merge"))
    return table


def _sample_efficiency(result: Epochs) -> Table:
    headings = ("loss", "sizes", "gamma", "by Kaplan's form")
    table = _table("tokens of one pass to a loss ~ N^-gamma", *headings)
    for row in result.sample_efficiency.iter_rows(named=True):
        gammas = estimate(row, "gamma"), number(row["kaplan"])
        table.add_row(number(row["loss"]), str(row["sizes"]), *gammas)
    return table
