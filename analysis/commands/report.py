"""`quarry report`: a page on a directory of runs, or on a table of points."""

from pathlib import Path

from tyro.conf import Positional

from quarry.console import make_console
from quarry.errors import DONE
from quarry.options import OutputPath


def command(
    runs: Positional[Path], output: OutputPath = Path("report.html"), bootstrap: int = 1000, seed: int = 0
) -> int:
    """Write one self-contained HTML page on runs or a table: curves, compute-optimal sizes, fits, tables.

    Args:
        runs: A directory of runs, also gs://bucket/folder, or a table: CSV, TSV, JSON, JSONL or Parquet.
        output: The page to write.
        bootstrap: Draws of the bootstrap by run.
        seed: Seed of the bootstrap.
    """
    from quarry.analysis.report.page import write_report

    write_report(runs, output, bootstrap=bootstrap, seed=seed)
    make_console().print(f"report -> {output}", highlight=False)
    return DONE
