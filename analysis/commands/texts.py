"""`quarry texts`: the loss of runs on other texts, and by class of token."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import polars as pl
from rich.table import Table
from tyro.conf import Positional

from quarry.console import TitledTable, make_console
from quarry.errors import DONE, PointsError
from quarry.options import Flat
from quarry.text import MISSING, count, number


@dataclass(frozen=True)
class TextsOptions:
    """Intervals, and what is written beside the console."""

    level: float = 0.95
    """Probability of the intervals."""
    table: Path | None = None
    """Also write the rows to this table, .csv or .parquet: texts first, then classes."""
    figures: Path | None = None
    """Also draw the figures into this folder, as SVG, PDF and PNG."""


def command(runs: Positional[Path], options: Annotated[TextsOptions, Flat] = TextsOptions()) -> int:
    """The offset of the loss on other texts, and how the loss of each class of tokens falls with N and U.

    Args:
        runs: A directory of runs, also gs://bucket/folder, or a points table.
    """
    from quarry.analysis.instruments.other_texts import class_exponents, other_losses, transfer_offsets
    from quarry.analysis.points.loading import read_table
    from quarry.analysis.report.figures.instruments import classes, transfer
    from quarry.train.record.points_table import write_table

    console, points = make_console(), read_table(runs)
    measured = [
        kind for kind in ("on", "of") if any(name.startswith(f"loss_{kind}_") for name in points.columns)
    ]
    if not measured:
        raise PointsError(
            f"{runs}: no run logged a loss on another text or of a class of tokens; set evaluation.also, "
            "evaluation.train_tokens or evaluation.token_classes"
        )
    charts, tables = {}, []
    if "on" in measured:
        tables.append(transfer_offsets(points, options.level))
        console.print(offset_table(tables[-1], options.level))
        charts["transfer"] = transfer(other_losses(points, "on"))
    if "of" in measured:
        tables.append(class_exponents(points, options.level))
        console.print(class_table(tables[-1], options.level))
        charts["classes"] = classes(other_losses(points, "of"))
    if options.table is not None:
        write_table(pl.concat(tables, how="diagonal_relaxed"), options.table)
    if options.figures is not None:
        from quarry.analysis.commands.figures import save_charts

        save_charts(charts, options.figures)
    return DONE


def offset_table(offsets: pl.DataFrame, level: float) -> Table:
    """A row for each other text."""
    names = {"offset": "offset, nats", "per_decade": "for 10 N", "per_loss": "slope over loss"}
    table = TitledTable(title="loss on other texts less the validation loss")
    for heading in ("text", "sizes", *(part for name in names.values() for part in (name, f"{level:.0%}"))):
        table.add_column(heading, justify="left" if heading == "text" else "right")
    for row in offsets.iter_rows(named=True):
        table.add_row(row["text"], str(row["sizes"]), *_cells(row, names))
    return table


def class_table(classes: pl.DataFrame, level: float) -> Table:
    """A row for each class of tokens."""
    table = TitledTable(title="loss by class of token: L ~ N^-alpha_N, L ~ U^-alpha_U")
    for heading in ("class", "tokens", "loss", "s.e.", "alpha_N", f"{level:.0%}", "alpha_U", f"{level:.0%}"):
        table.add_column(heading, justify="left" if heading == "class" else "right")
    for row in classes.iter_rows(named=True):
        loss = (count(row["tokens"]), number(row["loss"]), number(row["loss_sem"], 2))
        table.add_row(row["class"], *loss, *_cells(row, ("alpha_N", "alpha_U")))
    return table


def _cells(row: dict[str, Any], names: Iterable[str]) -> list[str]:
    """Each value and its interval."""
    names = list(names)
    ends = [(row[f"{name}_low"], row[f"{name}_high"]) for name in names]
    intervals = [MISSING if low is None else f"{number(low, 3)} to {number(high, 3)}" for low, high in ends]
    return [
        cell for name, each in zip(names, intervals, strict=True) for cell in (number(row[name], 3), each)
    ]
