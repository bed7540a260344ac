"""`quarry demo`: a small ladder from training to report."""

from pathlib import Path

from quarry.errors import DONE
from quarry.options import OutputPath
from quarry.train.commands.common import RUNS, Cache


def command(workdir: Path = RUNS, cache: Cache = None, output: OutputPath = Path("report.html")) -> int:
    """Train the quickstart ladder on real text, fit the laws, write the report.

    Args:
        workdir: The directory of runs.
        output: The page to write.
    """
    from quarry.analysis.commands import report
    from quarry.train.commands import points, sweep

    code = sweep.command(("quickstart",), sweep.SweepOptions(workdir, cache))
    if code != DONE:
        return code
    runs = workdir / "quickstart"
    points.command(runs, runs / "points.parquet")
    return report.command(runs, output)
