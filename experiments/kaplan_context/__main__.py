"""Tokens that each context needs for a loss: python -m quarry.experiments.kaplan_context POINTS -o FILE.

The losses aimed at are those that the shortest context has at the end of each of its runs. Between the ends
of its own runs a context's loss is a line in ln E; outside them nothing is said.
"""

import numpy as np
import polars as pl

from quarry.experiments._verdicts import last_losses, write_verdict


def curves(points: pl.DataFrame) -> pl.DataFrame:
    """The loss of each context after each number of tokens, over seeds: context, tokens, loss, sem."""
    last = last_losses(points).filter(status="finished")
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


def verdict(points: pl.DataFrame) -> pl.DataFrame:
    """`tokens_to` of the points; the curves are printed too."""
    table = curves(points)
    print(table)
    return tokens_to(table)


if __name__ == "__main__":
    write_verdict(__doc__ or "", "tokens.csv", verdict)
