"""The laws of every modality: python -m quarry.analysis.modalities POINTS [--output FOLDER]"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import tyro

from quarry import text
from quarry.analysis.modalities.exponents import exponents
from quarry.analysis.modalities.ladders import ladders
from quarry.console import TitledTable, make_console

EXPONENTS = (
    *("corpus", "quantity", "method", "L_inf", "without the largest", "exponent", "without the largest"),
    *("held out", "doubts", "Henighan: L_inf", "exponent"),
)
FLOORS = ("corpus", "quantity", "law", "value", "per image")
Cells = Callable[[dict[str, Any]], tuple[str, ...]]


def main(points: tyro.conf.Positional[Path], bootstrap: int = 1000, output: Path | None = None) -> None:
    """Exponents and irreducible losses of each corpus, with 95% intervals, beside Henighan et al. 2020.

    Args:
        points: A directory of runs, or the table of `quarry points`.
        bootstrap: The draws of the intervals.
        output: Also write exponents.csv and floors.csv into this folder.
    """
    found = list(ladders(points))
    tables = {ladder.corpus: exponents(ladder, bootstrap) for ladder in found}
    _tell("exponents", pl.concat(tables.values()), EXPONENTS, exponent_cells, output)
    if again := [ladder for ladder in found if ladder.reads_again]:
        from quarry.analysis.modalities.floors import floors  # only tables with repeated data need it

        known = [floors(ladder, tables[ladder.corpus], bootstrap) for ladder in again]
        _tell("floors", pl.concat(known), FLOORS, floor_cells, output)


def _tell(name: str, table: pl.DataFrame, head: tuple[str, ...], cells: Cells, output: Path | None) -> None:
    """Print a table, and write it as a CSV if asked."""
    shown = TitledTable(*head, title=name)
    for row in table.iter_rows(named=True):
        shown.add_row(*cells(row))
    make_console().print(shown)
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        table.write_csv(output / f"{name}.csv", float_precision=6)


def exponent_cells(row: dict[str, Any]) -> tuple[str, ...]:
    """A row of the table of exponents as it is printed."""
    return (
        row["corpus"],
        row["quantity"],
        row["method"],
        text.estimate(row, "l_inf"),
        text.number(row["l_inf_without"], 3),
        text.estimate(row, "exponent", 2),
        text.number(row["exponent_without"], 2),
        _held_out(row),
        _doubts(row),
        text.number(row["henighan_l_inf"], 3),
        text.number(row["henighan_exponent"], 2),
    )


def _held_out(row: dict[str, Any]) -> str:
    """The error on the largest size, and how many of its points the band holds."""
    if row["held_out_error"] is None:
        return text.MISSING
    inside = row["held_out_inside"]
    band = "no band" if inside is None else f"{inside} of {row['held_out_points']} inside"
    return f"{row['held_out_error']:.1%}, {band}"


def _doubts(row: dict[str, Any]) -> str:
    """The doubts of a row; of a method that was refused, what its reason begins with."""
    doubts = row["doubts"] or text.MISSING
    return doubts if row["exponent"] is not None else re.split("[,:;]", doubts)[0]


def floor_cells(row: dict[str, Any]) -> tuple[str, ...]:
    """A row of the table of floors as it is printed."""
    image = {"image": row["per_image"], "image_low": row["image_low"], "image_high": row["image_high"]}
    own = {"value": row["value"], "value_low": row["low"], "value_high": row["high"]}
    return (
        *(row[name] for name in ("corpus", "quantity", "law")),
        text.estimate(own, "value"),
        text.estimate(image, "image"),
    )


if __name__ == "__main__":
    tyro.cli(main)
