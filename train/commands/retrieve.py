"""`quarry retrieve`: what a look-up of the training tokens adds to finished runs."""

from typing import Annotated

from rich.table import Table
from tyro.conf import arg

from quarry.console import make_console
from quarry.errors import DONE
from quarry.options import OutputPath, RunPaths
from quarry.train.commands.bars import shown
from quarry.train.commands.common import Cache, cache_or_default
from quarry.train.hosts.platform import prepare
from quarry.train.record.files import check_ending

SHOWN = ("model", "softened", "looked_up", "mixture")


def command(
    runs: Annotated[RunPaths, arg(help="Run directories, such as runs/epochs/n6k_u65k-k*.")],
    output: OutputPath,
    tokens: int = 32_768,
    neighbours: int = 64,
    draw: int | None = None,
    cache: Cache = None,
) -> int:
    """The test loss of runs, of a look-up of their training tokens, and of both mixed (kNN-LM).

    Args:
        output: The table to write, .csv or .parquet.
        tokens: How many of the validation and of the test split, spread evenly; at most all.
        neighbours: How many of the nearest training tokens are looked up.
        draw: Which U tokens are looked up, as in data.draw; default those that the run has read.
    """
    check_ending(output, ".csv", ".parquet")
    folder = cache_or_default(cache)
    prepare(folder)
    from quarry.train.inspect.retrieval import Retrieval, retrieval_table
    from quarry.train.record.points_table import write_table

    with shown():
        table = retrieval_table(runs, folder, Retrieval(tokens, neighbours, draw))
    write_table(table, output)
    console, printed = make_console(), Table("run", "k", *SHOWN, "gain", "error")
    for row in table.to_dicts():
        losses = (f"{row[name]:.3f}" for name in SHOWN)
        gain = (f"{row[name]:.4f}" for name in ("gain", "gain_sem"))
        printed.add_row(row["point"], f"{row['epochs']:g}", *losses, *gain)
    console.print(printed)
    console.print(f"{len(table)} runs looked up -> {output}", highlight=False)
    return DONE
