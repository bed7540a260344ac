"""Tokens that each context needs for a loss: python -m quarry.experiments.kaplan_context POINTS -o FILE.

The losses aimed at are those that the shortest context has at the end of each of its runs. Between the ends
of its own runs a context's loss is a line in ln E; outside them nothing is said.
"""

import argparse
from pathlib import Path

import numpy as np
import polars as pl


def curves(points: pl.DataFrame) -> pl.DataFrame:
    """The loss of each context after each number of tokens, over seeds: context, tokens, loss, sem."""
    last = points.filter(split="validation", status="finished").sort("step").group_by("point").last()
    seeds = pl.col("loss")
    return (
        last.group_by("context", "tokens")
        .agg(loss=seeds.mean(), sem=seeds.std() / pl.len().sqrt())
        .sort("context", "tokens")
    )


def tokens_to(table: pl.DataFrame) -> pl.DataFrame:
    """The tokens after which each context has a loss of the shortest one, and as a share of its tokens."""
    shortest = table.filter(context=table["context"].min())
    rows = []
    for (context,), own in table.group_by("context", maintain_order=True):
        falling = own.sort("loss")
        known = falling["loss"].to_numpy(), np.log(falling["tokens"].to_numpy())
        needed = np.exp(np.interp(shortest["loss"].to_numpy(), *known, left=np.nan, right=np.nan))
        own_tokens = pl.Series("tokens", np.atleast_1d(needed))
        rows.append(
            shortest.select(context=pl.lit(context), loss="loss", shortest="tokens", tokens=own_tokens)
        )
    found = pl.concat(rows).with_columns(pl.col("tokens").fill_nan(None))
    return found.with_columns(share=pl.col("tokens") / pl.col("shortest"))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("points", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path("tokens.csv"))
    arguments = parser.parse_args()
    table = curves(pl.read_parquet(arguments.points))
    needed = tokens_to(table)
    with pl.Config(tbl_rows=30, tbl_hide_dataframe_shape=True):
        print(table, needed)
    needed.write_csv(arguments.output, float_precision=5)


if __name__ == "__main__":
    main()
