"""`quarry points`: the table of points of a directory of runs."""

from pathlib import Path

from tyro.conf import Positional

from quarry.console import make_console
from quarry.errors import DONE
from quarry.options import OutputPath
from quarry.train.record.points_table import points_table, write_table


def command(runs: Positional[Path], output: OutputPath) -> int:
    """Write one row per evaluation of every run below a directory, as CSV or Parquet.

    Args:
        runs: A directory of runs, also gs://bucket/folder.
        output: The table to write, .csv or .parquet.
    """
    table = points_table(runs)
    write_table(table, output)
    make_console().print(f"{len(table)} points -> {output}", highlight=False)
    return DONE
