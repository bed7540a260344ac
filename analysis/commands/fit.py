"""`quarry fit`: from the words of the command line to a printed fit."""

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from analysis.fit import Fit, fit
from analysis.mathml import plain
from analysis.points import load_points
from analysis.text import interval, number
from train.record import RecordError, write_json


def fit_command(
    path: Path,
    law: str,
    *,
    x: str,
    count: str,
    split: str,
    annealed_only: bool,
    exclude: tuple[str, ...],
    bootstrap: int,
    huber_delta: float,
    seed: int,
    output: Path | None,
    console: Console,
) -> Fit:
    """Fit a law to the points at `path`, print it with its checklist, and write it as JSON if asked.

    Raises PointsError, LawError, FitError, RecordError.
    """
    points = load_points(path, count, split, annealed_only).exclude(exclude)
    fitted = fit(points, law, x=x, bootstrap=bootstrap, huber_delta=huber_delta, seed=seed)
    console.print(parameter_table(fitted), checklist_table(fitted))
    for warning in fitted.warnings:
        console.print(Text("warning: ", "bold yellow") + Text(warning))
    if output is not None:
        write_fit(fitted, output)
    return fitted


def parameter_table(fitted: Fit) -> Table:
    """Parameters and derived quantities, with their intervals."""
    table = Table(title=f"{fitted.law.name}: {plain(fitted.law.formula)}", box=None)
    for heading in ("parameter", "value", f"{fitted.level:.0%} interval"):
        table.add_column(heading, justify="left" if heading == "parameter" else "right")
    for name, value in fitted.params.items():
        table.add_row(name, number(value), interval(fitted.interval[name]))
    for name, value in fitted.derived.items():
        table.add_row(f"{name} (derived)", number(value), "")
    return table


def checklist_table(fitted: Fit) -> Table:
    """The checklist, an item a row."""
    table = Table("item", "answer", title="checklist", box=None)
    for item, answer in fitted.checklist():
        table.add_row(item, Text(answer))
    return table


def write_fit(fitted: Fit, output: Path) -> None:
    """Write the fit as JSON, whole or not at all. Raises RecordError if it cannot be written."""
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        write_json(output, fitted.to_json())
    except OSError as error:
        raise RecordError(f"cannot write {output}: {error.strerror}") from None
