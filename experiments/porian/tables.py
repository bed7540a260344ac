"""A table for each protocol of the study.

    python -m quarry.experiments.porian.tables runs/porian experiments/results/porian

writes long.parquet (Kaplan's protocol), short.parquet (with a short warm-up), small-batch.parquet and
trials.parquet (other rates and beta2 at both batches).
"""

import sys
from pathlib import Path

import polars as pl

from quarry.train.record.points_table import points_table

OWN = ("short", "small-batch")
"""The variants with a table of their own; a run without a variant is of Kaplan's protocol."""


def by_protocol(points: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The rows of each protocol, and of all trials; a branch belongs to its trunk."""
    variant = pl.coalesce("trunk", "point").str.extract("-(.*)$")
    tables = {protocol: points.filter(variant == protocol) for protocol in OWN}
    trials = points.filter(variant.is_not_null() & ~variant.is_in(OWN))
    return {"long": points.filter(variant.is_null()), **tables, "trials": trials}


def main(runs: Path, target: Path) -> None:
    """Write the tables of the runs in a folder."""
    target.mkdir(parents=True, exist_ok=True)
    for protocol, rows in by_protocol(points_table(runs)).items():
        rows.write_parquet(target / f"{protocol}.parquet")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
