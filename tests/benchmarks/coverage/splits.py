"""Ladders from tables, and the splits of each: points below a cut in compute, and points beyond."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

SHARES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""The shares of the points below the cuts."""

# A run with so many rows is a learning curve.
_FEWEST_ROWS = 12


@dataclass(frozen=True, eq=False)
class Ladder:
    """Points with N, E and loss (and run); or a learning curve with E and loss. Of the same family are
    ladders of one study."""

    name: str
    table: pl.DataFrame

    @property
    def family(self) -> str:
        return self.name.split("_")[0]


@dataclass(frozen=True)
class Split:
    """A ladder cut at a compute: the points fitted and those predicted, and the compute of these."""

    ladder: Ladder
    share: float
    below: pl.DataFrame
    beyond: pl.DataFrame
    compute: np.ndarray


def find_tables(folder: Path) -> dict[str, pl.DataFrame]:
    """Every CSV and Parquet file at or below `folder`, by name."""
    files = sorted([*folder.rglob("*.csv"), *folder.rglob("*.parquet")])
    return {f.stem: pl.read_csv(f) if f.suffix == ".csv" else pl.read_parquet(f) for f in files}


def read_ladders(folder: Path) -> list[Ladder]:
    """A ladder for each column of losses; the rows that repeat data are left out."""
    return [
        Ladder(name if column == "loss" else f"{name.split('_')[0]}_{column}", _points(table, column))
        for name, table in find_tables(folder).items()
        for column in _losses(table)
    ]


def read_curves(folder: Path) -> list[Ladder]:
    """The learning curve of each run that has a dozen rows: E and loss."""
    return [
        Ladder(f"{name}_{run}", rows.select("E", "loss"))
        for name, table in find_tables(folder).items()
        if "run" in table.columns and "loss" in table.columns
        for (run,), rows in _points(table, "loss").group_by("run", maintain_order=True)
        if len(rows) >= _FEWEST_ROWS
    ]


def _losses(table: pl.DataFrame) -> list[str]:
    return [name for name in table.columns if name == "loss" or name.startswith("loss_")]


def _points(table: pl.DataFrame, loss: str) -> pl.DataFrame:
    counts = {"N": pl.col("N").cast(pl.Float64), "E": pl.col("D").cast(pl.Float64)}
    run = ["run"] if "run" in table.columns else []
    fresh = table.filter(pl.col("D") <= 1.0001 * pl.col("U")) if "U" in table.columns else table
    return fresh.select(*run, **counts, loss=pl.col(loss).cast(pl.Float64)).drop_nulls()


def splits(ladder: Ladder, shares: tuple[float, ...] = SHARES) -> Iterator[Split]:
    """The ladder cut at each of the shares of its points, in compute (6NE, or E of a learning curve)."""
    table = ladder.table
    compute = table["E"] * (6 * table["N"] if "N" in table.columns else 1.0)
    for share in shares:
        low = compute <= np.quantile(compute.to_numpy(), share)
        if (~low).sum() >= 2:
            yield Split(ladder, share, table.filter(low), table.filter(~low), compute.filter(~low).to_numpy())
