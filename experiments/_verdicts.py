"""What the verdicts of studies share: the last loss of each run, and the command that writes a table."""

import argparse
from collections.abc import Callable
from pathlib import Path

import polars as pl


def last_losses(points: pl.DataFrame) -> pl.DataFrame:
    """The last validation row of each point."""
    return points.filter(split="validation").sort("step").group_by("point", maintain_order=True).last()


def write_verdict(about: str, default: str, verdict: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    """The command `POINTS -o FILE`: print and write the verdict on the points of a study.

    `about` is the module's docstring, `default` the file that is written without -o.
    """
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("points", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path(default))
    arguments = parser.parse_args()
    with pl.Config(tbl_rows=30, tbl_hide_dataframe_shape=True):
        table = verdict(pl.read_parquet(arguments.points))
        print(table)
    table.write_csv(arguments.output, float_precision=5)
