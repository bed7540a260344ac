"""Dated tables of the benchmarks."""

import datetime
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl


def dated(name: str) -> Path:
    """Where today's table of this name goes."""
    return Path("runs/benchmarks") / f"{name}-{datetime.date.today()}.csv"


def table_of(rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """A row per measurement."""
    return pl.DataFrame(list(rows), infer_schema_length=None)


def write_dated(name: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Print a row per measurement and write them to runs/benchmarks/<name>-<date>.csv."""
    from quarry.train.record.points_table import write_table

    table, output = table_of(rows), dated(name)
    write_table(table, output)
    with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_width_chars=160):
        print(table, f"-> {output}", sep="\n")
