"""`quarry context`: the loss by position in the context, and its law."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from rich.table import Table
from tyro.conf import Positional, arg

from quarry.analysis.commands.options import BootstrapOptions
from quarry.console import TitledTable, make_console
from quarry.errors import DONE
from quarry.options import Flat
from quarry.text import count, interval

if TYPE_CHECKING:
    from quarry.analysis.instruments.context_law import ContextFit


@dataclass(frozen=True)
class ContextOptions:
    """What is written beside the console."""

    output: Annotated[Path | None, arg(aliases=["-o"])] = None
    """Also write the losses by position, of every evaluation, to this table, .csv or .parquet."""
    table: Path | None = None
    """Also write the parameters of each run, with their intervals, to this table."""
    figures: Path | None = None
    """Also draw the figure into this folder, as SVG, PDF and PNG."""


def command(
    runs: Positional[Path],
    options: Annotated[ContextOptions, Flat] = ContextOptions(),
    draws: Annotated[BootstrapOptions, Flat] = BootstrapOptions(1000),
) -> int:
    """The loss of each run by position in the context at its end, and the law a + b T^-c of it.

    Args:
        runs: A directory of runs, also gs://bucket/folder.
    """
    from quarry.analysis.instruments.context_law import fit_context, parameter_rows
    from quarry.analysis.instruments.context_loss import position_table
    from quarry.train.record.points_table import write_table

    console, positions = make_console(), position_table(runs)
    fits = fit_context(positions, **vars(draws))
    console.print(context_table(fits, draws.level))
    if options.table is not None:
        write_table(parameter_rows(fits), options.table)
    if options.output is not None:
        write_table(position_table(runs, every=True), options.output)
    if options.figures is not None:
        from quarry.analysis.commands.figures import save_charts
        from quarry.analysis.report.figures.instruments import position_loss

        save_charts({"context": position_loss(positions, fits)}, options.figures)
    return DONE


def context_table(fits: "list[ContextFit]", level: float) -> Table:
    """A row for each run."""
    table = TitledTable(title="L(T) = a + b T^-c, T the position in the context")
    for heading in ("run", "N", "a", f"{level:.0%}", "b", f"{level:.0%}", "c", f"{level:.0%}"):
        table.add_column(heading, justify="left" if heading == "run" else "right")
    for each in fits:
        if each.fit is None:
            table.add_row(each.run, count(each.n), each.error)
            continue
        cells = [
            cell for name in "abc" for cell in (each.fit.shown(name, 3), interval(each.fit.interval[name]))
        ]
        table.add_row(each.run, count(each.n), *cells)
    return table
