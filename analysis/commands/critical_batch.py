"""`quarry critical-batch`: the gradient noise scale of runs beside the critical batch of a sweep."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from rich.table import Table
from tyro.conf import Positional, arg

from quarry.console import TitledTable, make_console
from quarry.errors import DONE
from quarry.options import Flat
from quarry.text import count, number

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class CriticalBatchOptions:
    """Intervals, and what is written beside the console."""

    level: float = 0.95
    """Probability of the intervals."""
    by: Literal["noise", "sweep"] = "noise"
    """What --output adjusts by: the law critical-batch fitted to the noise scale, or to the sweep."""
    output: Annotated[Path | None, arg(aliases=["-o"])] = None
    """Also write the points with S_min, E_min and C_min to this table, .csv or .parquet."""
    table: Path | None = None
    """Also write the rows to this table, .csv or .parquet."""
    figures: Path | None = None
    """Also draw the figure into this folder, as SVG, PDF and PNG."""


def command(
    runs: Positional[Path], options: Annotated[CriticalBatchOptions, Flat] = CriticalBatchOptions()
) -> int:
    """The critical batch by the gradient noise scale of runs, beside that of a sweep of batches.

    Args:
        runs: A directory of runs, also gs://bucket/folder.
    """
    from quarry.analysis.instruments.adjusted import adjusted_points
    from quarry.analysis.instruments.noise_scale import critical_batches, noise_scales
    from quarry.train.record.points_table import write_table

    console, batches = make_console(), critical_batches(runs, options.level)
    console.print(batch_table(batches, options.level))
    if options.table is not None:
        write_table(batches, options.table)
    if options.output is not None:
        table, note = adjusted_points(runs, options.by, options.level)
        write_table(table, options.output)
        console.print(f"{note} -> {options.output}", highlight=False, soft_wrap=True)
    if options.figures is not None:
        from quarry.analysis.commands.figures import save_charts
        from quarry.analysis.report.figures.instruments import noise_scale

        save_charts({"noise-scale": noise_scale(noise_scales(runs, options.level), batches)}, options.figures)
    return DONE


def batch_table(batches: "pl.DataFrame", level: float) -> Table:
    """A row for each size and loss."""
    table = TitledTable(title="critical batch, tokens")
    for heading in (
        "N",
        "loss",
        "by sweep",
        f"{level:.0%}",
        "batches",
        "S_min",
        "E_min",
        "noise scale",
        f"{level:.0%}",
    ):
        table.add_column(heading, justify="right")
    for row in batches.iter_rows(named=True):
        swept = [count(row[name]) for name in ("B_crit",)]
        ends = [
            f"{count(row[f'{name}_low'])} to {count(row[f'{name}_high'])}" for name in ("B_crit", "B_noise")
        ]
        ends = ["–" if each == "– to –" else each for each in ends]
        n = row.get("n_batches")
        table.add_row(
            count(row["N"]), number(row["loss"]), *swept, ends[0], "–" if n is None else str(n),
            count(row["S_min"]), count(row["E_min"]), count(row["B_noise"]), ends[1],
        )  # fmt: skip
    return table
