"""`quarry fit`: from the words of the command line to a printed fit."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.table import Table
from rich.text import Text

from analysis.fit import At, Fit, fit
from analysis.laws import find_law
from analysis.mathml import plain
from analysis.points import PointsError, load_points
from analysis.text import interval, number
from train.record import RecordError, write_json


def fit_command(
    path: Path,
    law: str,
    *,
    x: str,
    terms: tuple[str, ...] | None,
    freeze: Sequence[str],
    critical: Sequence[str],
    loss: str,
    count: str,
    split: str,
    annealed_only: bool,
    exclude: Sequence[str],
    hold_out: Sequence[str],
    at: Sequence[str],
    options: Mapping,
    output: Path | None,
    console: Console,
) -> Fit:
    """Fit a law to the points at `path`, print it with its checklist, and write it as JSON if asked.

    `options` are those of `analysis.fit.fit`. Raises PointsError, LawError, FitError, ObjectiveError,
    BatchError, RecordError.
    """
    chosen = find_law(law, x, terms)
    points = load_points(path, count, split, annealed_only, loss, chosen).exclude(exclude)
    points, held = points.hold_out(hold_out)
    fitted = fit(points, chosen, freeze=assigned(freeze), critical=assigned(critical), **options)
    console.print(parameter_table(fitted), checklist_table(fitted))
    if not held.is_empty():
        console.print(prediction_table(fitted, held))
    if at:
        console.print(at_table(fitted, fitted.at(assigned(at))))
    print_warnings(fitted.warnings, console)
    if output is not None:
        write_result(fitted.to_json(), output)
    return fitted


def assigned(words: Sequence[str]) -> dict[str, float]:
    """`A=521` as a parameter and its value. Raises PointsError."""
    values = {}
    for word in words:
        name, _, text = word.partition("=")
        try:
            values[name.strip()] = float(text)
        except ValueError:
            raise PointsError(f"cannot read {word!r}: write parameter=number") from None
    return values


def parameter_table(fitted: Fit) -> Table:
    """Parameters and derived quantities, with their intervals."""
    table = Table(title=f"{fitted.law.name}: {plain(fitted.law.formula)}", box=None)
    for heading in ("parameter", "value", f"{fitted.level:.0%} interval"):
        table.add_column(heading, justify="left" if heading == "parameter" else "right")
    frozen = fitted.diagnostics["frozen"]
    for name, value in fitted.params.items():
        table.add_row(name, number(value), "frozen" if name in frozen else interval(fitted.interval[name]))
    for name, value in fitted.derived.items():
        table.add_row(f"{name} (derived)", number(value), interval(fitted.derived_interval[name]))
    return table


def checklist_table(fitted: Fit) -> Table:
    """The checklist, an item a row."""
    table = Table("item", "answer", title="checklist", box=None)
    for item, answer in fitted.checklist():
        table.add_row(item, Text(answer))
    return table


def prediction_table(fitted: Fit, held: pl.DataFrame) -> Table:
    """The points held out, each with what the law says of it."""
    predictions = fitted.predictions(held)
    headings = (*fitted.law.inputs, "measured", "predicted", "error", f"{fitted.level:.0%} for a new run")
    table = Table(title="predictions of the points held out", box=None)
    for heading in headings:
        table.add_column(heading, justify="right")
    for row in predictions.iter_rows(named=True):
        low, high = (None if row[side] in (0, math.inf) else row[side] for side in ("low", "high"))
        inputs = [number(row[name]) for name in fitted.law.inputs]
        ends = [number(row[fitted.law.response], 5), number(row["predicted"], 5), f"{row['error']:+.4%}"]
        table.add_row(*inputs, *ends, interval((low, high), 4))
    return table


def at_table(fitted: Fit, at: At) -> Table:
    """The objective at given parameters, at the minimum downhill from them, and at the best one."""
    rows = {
        "given": (at.params, at.objective),
        "downhill from it": (at.nearest, at.nearest_objective),
        "best": (fitted.params, fitted.objective),
    }
    table = Table(title="the objective elsewhere", box=None)
    free = fitted.data.law.parameter_names
    for heading in ("", *free, "objective"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, (params, objective) in rows.items():
        table.add_row(name, *(number(params[parameter], 6) for parameter in free), f"{objective:.9g}")
    return table


def print_warnings(warnings: Sequence[str], console: Console) -> None:
    """Each warning on its own line."""
    for warning in warnings:
        console.print(Text("warning: ", "bold yellow") + Text(warning))


def write_result(value: Mapping, output: Path) -> None:
    """Write a result as JSON, whole or not at all. Raises RecordError if it cannot be written."""
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        write_json(output, value)
    except OSError as error:
        raise RecordError(f"cannot write {output}: {error.strerror}") from None
