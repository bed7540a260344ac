"""A table for each protocol of the study.

    python -m quarry.experiments.porian.tables runs/porian experiments/results/porian

writes long.parquet (Kaplan's protocol), short.parquet (with a short warm-up) and small-batch.parquet.
"""

import sys
from pathlib import Path

import polars as pl

from quarry.train.record.points_table import points_table

PROTOCOLS = {"short": "-short", "small-batch": "-small-batch"}
"""The protocols of the variants, by the ends of their names; a run without one is of Kaplan's."""


def by_protocol(points: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The rows of each protocol; a branch belongs to its trunk."""
    name = pl.coalesce("trunk", "point")
    tables = {protocol: points.filter(name.str.ends_with(end)) for protocol, end in PROTOCOLS.items()}
    return {"long": points.filter(~name.str.contains("-"))} | tables


def main(runs: Path, target: Path) -> None:
    """Write the tables of the runs in a folder."""
    target.mkdir(parents=True, exist_ok=True)
    for protocol, rows in by_protocol(points_table(runs)).items():
        rows.write_parquet(target / f"{protocol}.parquet")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
