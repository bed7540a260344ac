"""What averaging gives of a larger model's gain: python -m quarry.experiments.ensembles ENSEMBLES -o FILE.

ENSEMBLES is the table of `quarry ensemble`: losses of one run and of K averaged runs, over the sets of K of a
pool. The sets overlap, so the error of a pool of four or more is by the jackknife over its runs. Of the fewer
runs of a size it is by the relative spread of single runs, pooled over the sizes of one U and k. Intervals
hold 95% of 4,000 draws of all these losses, by Student's t for the runs there are. A K-fold size counts as N
if it is within 5% of it.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from quarry.experiments._verdicts import write_verdict
from quarry.experiments.ensembles import DECAYED

DRAWS = 4000
POOL = 4
"""Runs of which the jackknife is trusted."""
EQUAL = 0.05
CELL = ("unique_tokens", "tokens")


def gains(table: pl.DataFrame) -> pl.DataFrame:
    """A row for each U, k, n and K > 1 of the table.

    `one`, `averaged` and `larger` are losses in nats per token: of one run of n parameters, of K, of one of
    N = K n. `share` is (one - averaged) / (one - larger), null where the larger run is no better than one
    small one; `above` is averaged - larger; `decayed` is the loss of N with more weight decay; `cost` the
    FLOPs of the K runs, head and attention counted, over those of the larger one. `equal_n` is the size whose
    single run has the loss `averaged`, on a line in ln N between the sizes trained, null where no size has so
    low a loss; `worth` is ln(equal_n / n) / ln K: 1 where K runs of n are worth one of K n.
    """
    whole = table.with_columns(k=pl.col("tokens") / pl.col("unique_tokens"))
    rows = [row for _, part in whole.group_by(*CELL, maintain_order=True) for row in _rows(part)]
    return pl.DataFrame(rows, infer_schema_length=None).sort("unique_tokens", "k", "n", "members")


def _rows(part: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """Those of one U and k."""
    plain = part.filter(pl.col("weight_decay") < DECAYED)
    sizes = np.sort(plain["n_nonembedding"].unique().to_numpy())
    drawn = {int(n): _drawn(plain, int(n)) for n in sizes}
    single = np.array([drawn[int(n)][1] for n in sizes])
    other = part.filter(pl.col("without").is_null(), members=1, weight_decay=DECAYED)
    decayed = dict(other.select("n_nonembedding", "loss").iter_rows())
    flops = dict(plain.select("n_nonembedding", "flops_exact").unique().iter_rows())
    for n in sizes.tolist():
        for members in sorted(set(drawn[n]) - {1}):
            one, averaged = drawn[n][1], drawn[n][members]
            values = {"one": one, "averaged": averaged} | _equal(sizes, single, averaged, n, members)
            places = np.flatnonzero(np.abs(sizes / (members * n) - 1) < EQUAL)
            row = {"unique_tokens": part["unique_tokens"][0], "k": part["k"][0], "n": n, "members": members}
            row |= {"pool": _pool(plain.filter(n_nonembedding=n)), "N": None, "decayed": None, "cost": None}
            if len(places):
                size = int(sizes[places[0]])
                cost = members * flops[n] / flops[size]
                row |= {"N": size, "decayed": decayed.get(size), "cost": cost}
                values |= _compared(one, averaged, drawn[size][1])
            yield row | _estimates(values)


def _compared(one: np.ndarray, averaged: np.ndarray, larger: np.ndarray) -> dict[str, np.ndarray]:
    gain = one - larger
    share = np.where(gain > 0, (one - averaged) / np.where(gain > 0, gain, 1.0), np.inf)
    return {"larger": larger, "share": share, "above": averaged - larger}


def _equal(
    sizes: np.ndarray, single: np.ndarray, averaged: np.ndarray, n: int, members: int
) -> dict[str, np.ndarray]:
    """The size of equal loss, infinite where none has it, and what the members are worth, [1 + draws]."""
    logs = np.full(len(averaged), np.inf)
    for smaller, bigger, low, high in zip(single, single[1:], np.log(sizes), np.log(sizes[1:]), strict=False):
        between = (smaller >= averaged) & (averaged >= bigger) & np.isinf(logs)
        part = (smaller - averaged) / np.where(between, smaller - bigger, 1.0)
        logs = np.where(between, low + part * (high - low), logs)
    return {"equal_n": np.exp(logs), "worth": (logs - np.log(n)) / np.log(members)}


def _drawn(plain: pl.DataFrame, n: int) -> dict[int, np.ndarray]:
    """The loss of each number of members, and draws about it, [1 + draws]."""
    own = plain.filter(n_nonembedding=n)
    whole = dict(own.filter(pl.col("without").is_null()).select("members", "loss").iter_rows())
    pool = _pool(own)
    random = np.random.default_rng(n)
    if pool < POOL:
        spread, degrees = _spread(plain)
        return {
            1: np.append(
                whole[1], whole[1] * (1 + spread / np.sqrt(pool) * random.standard_t(degrees, DRAWS))
            )
        }
    left_out = own.filter(pl.col("without").is_not_null()).pivot("members", index="without", values="loss")
    numbers = [members for members in whole if str(members) in left_out.columns]
    losses = left_out.select(map(str, numbers)).to_numpy()
    from_mean = losses - losses.mean(axis=0)
    covariance = (pool - 1) / pool * from_mean.T @ from_mean
    tails = np.sqrt((pool - 1) / random.chisquare(pool - 1, (DRAWS, 1)))
    shifts = tails * random.multivariate_normal(np.zeros(len(numbers)), covariance, DRAWS)
    return {
        members: np.append(whole[members], whole[members] + shifts[:, place])
        for place, members in enumerate(numbers)
    }


def _pool(own: pl.DataFrame) -> int:
    """The runs of a size: each is left out once, and once none is."""
    return own["without"].n_unique() - 1


def _spread(plain: pl.DataFrame) -> tuple[float, int]:
    """The relative standard deviation of single runs, pooled over sizes, and its degrees of freedom."""
    squares, degrees = 0.0, 0
    for _, own in plain.filter(members=1).group_by("n_nonembedding"):
        losses, pool = own.sort("without", nulls_last=False)["loss"].to_numpy(), _pool(own)
        squares += float(np.square((pool - 1) * (losses[1:] / losses[0] - 1)).sum())
        degrees += pool - 1
    return float(np.sqrt(squares / degrees)), degrees


def _estimates(values: dict[str, np.ndarray]) -> dict[str, float | None]:
    """Each estimate, and from draws the ends of its 95% interval; null where it is not finite."""
    named = {}
    for name, drawn in values.items():
        ends = (
            np.nanquantile(drawn[1:], (0.025, 0.975), method="nearest")
            if np.isfinite(drawn[0])
            else (np.nan,) * 2
        )
        named |= dict(zip((name, f"{name}_low", f"{name}_high"), (drawn[0], *ends), strict=True))
    return {name: float(value) if np.isfinite(value) else None for name, value in named.items()}


if __name__ == "__main__":
    write_verdict(__doc__ or "", "gains.csv", gains)
