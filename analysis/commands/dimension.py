"""`quarry dimension`: the intrinsic dimension of points, beside points of known dimension."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from rich.table import Table
from tyro.conf import arg

from quarry.console import TitledTable, make_console
from quarry.errors import DONE
from quarry.options import FilePaths, Flat
from quarry.text import interval, number

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class DimensionOptions:
    """How the dimension is estimated, and what is written beside the console."""

    neighbours: int = 10
    """Of each point, for Levina-Bickel."""
    controls: tuple[int, ...] = (2, 4, 8, 16)
    """Dimensions of cubes of as many points in as many features; those above the features are left out."""
    points: int = 4096
    """The most points of a file that are used, drawn at random."""
    level: float = 0.95
    """Probability of the intervals."""
    seed: int = 0
    """Of the draws."""
    output: Annotated[Path | None, arg(aliases=["-o"])] = None
    """Also write every decimation curve to this table, .csv or .parquet."""


DEFAULTS = DimensionOptions()


def command(
    files: Annotated[
        FilePaths,
        arg(help="Points: .npy [points, features], or a table whose numeric columns are features."),
    ],
    options: Annotated[DimensionOptions, Flat] = DEFAULTS,
) -> int:
    """The intrinsic dimension of activations, or of any points, beside points of known dimension.

    By TwoNN and by Levina-Bickel, from all points and from halves, quarters, ... of them. Where the estimate
    still grows with the number of points it is a lower bound. A cube of as many points has the same bias.
    """
    from quarry.analysis.geometry.dimension_tables import dimension_table
    from quarry.train.record.points_table import write_table

    table = dimension_table(
        files, options.neighbours, options.controls, options.points, options.level, options.seed
    )
    make_console().print(shown(table, options.level))
    if options.output is not None:
        write_table(table, options.output)
    return DONE


def shown(table: "pl.DataFrame", level: float) -> Table:
    """A row for each number of points of a file, and one for each control, from all its points."""
    heads = ("from", "features", "points", "parts")
    console = TitledTable(title="intrinsic dimension")
    for head in (*heads, "TwoNN", f"{level:.0%}", "Levina", f"{level:.0%}"):
        console.add_column(head, justify="left" if head == heads[0] else "right")
    for row in table.iter_rows(named=True):
        if row["known"] is not None and row["parts"] > 1:
            continue
        cells = [f"{row[name]:,}" for name in ("features", "points", "parts")]
        for name in ("two_nn", "levina_bickel"):
            cells += [number(row[name], 3), interval((row[f"{name}_low"], row[f"{name}_high"]))]
        console.add_row(row["source"], *cells)
    return console
