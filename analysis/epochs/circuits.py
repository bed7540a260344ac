"""Is a larger model an ensemble of smaller circuits? K averaged runs of n parameters beside one of N = K n.

At equal N, U and passes: the share of the larger model's gain over one small model that averaging K small
ones gives as well. The question is that of Schulman's sketch of scaling, in which a larger model holds more
circuits; docs/epochs.md has what it predicts.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from quarry.analysis.epochs.estimates import estimate_row, estimates

if TYPE_CHECKING:
    from quarry.analysis.epochs.grid import Grid
    from quarry.analysis.fitting.intervals import IntervalSettings

MEMBERS = 4
_EQUAL = 0.05
"""K n and N within this share count as equal."""
_KEYS = ("n", "members", "N", "U", "k")
_SCHEMA = dict.fromkeys(_KEYS, pl.Float64) | estimates("one", "averaged", "larger", "share", "above")


def circuits_table(
    ensembles: pl.DataFrame | None, plain: "Grid", settings: "IntervalSettings", seed: int
) -> pl.DataFrame:
    """A row for each n, N = `MEMBERS` n, U and k of the plain recipe that was trained for both.

    `one`, `averaged` and `larger` are losses in nats per token; `share` is (one - averaged) / (one - larger),
    null where the larger model is no better than one small one; `above` is averaged - larger, negative where
    the small ones are better. Noise: the jackknife over members, and of the larger run that of the study.
    """
    rows = [] if ensembles is None else list(_rows(ensembles, plain, settings, seed))
    return pl.DataFrame(rows, schema=_SCHEMA)


def _rows(
    ensembles: pl.DataFrame, plain: "Grid", settings: "IntervalSettings", seed: int
) -> Iterator[dict[str, Any]]:
    least = ensembles.filter(pl.col("weight_decay") == pl.col("weight_decay").min(), dropout=0.0)
    cells = least.group_by("n_nonembedding", "unique_tokens", "tokens", "peak_learning_rate")
    for (n, unique, tokens, _), cell in sorted(cells, key=lambda pair: pair[0]):
        place = _place(plain, MEMBERS * float(n), float(unique), float(tokens) / float(unique))
        both = _jackknife(cell)
        if place is None or both is None:
            continue
        larger = plain.losses[:, *place]
        if not np.isfinite(larger[0]):
            continue
        one, averaged = _drawn(both, len(larger) - 1, seed).T
        gain = one - larger
        share = np.where(gain > 0, (one - averaged) / np.where(gain > 0, gain, 1.0), np.nan)
        values = {
            "one": one,
            "averaged": averaged,
            "larger": larger,
            "share": share,
            "above": averaged - larger,
        }
        keys = (float(n), float(MEMBERS), float(plain.sizes[place[0]]), float(unique), plain.passes[place[2]])
        yield dict(zip(_KEYS, keys, strict=True)) | estimate_row(settings, values)


def _place(grid: "Grid", n: float, unique: float, k: float) -> tuple[int, int, int] | None:
    """The indices of N, U and k in the grid, None where one is not there."""
    found = [
        np.flatnonzero(np.abs(axis / value - 1) < _EQUAL)
        for axis, value in ((grid.sizes, n), (grid.unique, unique), (grid.passes, k))
    ]
    return (
        None
        if any(len(one) == 0 for one in found)
        else (int(found[0][0]), int(found[1][0]), int(found[2][0]))
    )


def _jackknife(cell: pl.DataFrame) -> np.ndarray | None:
    """Loss of one member and of `MEMBERS` averaged, [1 + members left out, 2]; None with too few members."""
    wanted = cell.filter(pl.col("members").is_in((1, MEMBERS))).sort("without", "members", nulls_last=False)
    if wanted["without"].null_count() < 2 or len(wanted) < 6:
        return None
    return wanted["loss"].to_numpy().reshape(-1, 2)


def _drawn(both: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """The estimate, and draws about it by the jackknife's covariance, [1 + draws, 2]."""
    left_out = both[1:]
    from_mean = left_out - left_out.mean(axis=0)
    covariance = (len(left_out) - 1) / len(left_out) * from_mean.T @ from_mean
    shifts = np.random.default_rng((seed, 4)).multivariate_normal(np.zeros(2), covariance, draws)
    return np.vstack([both[:1], both[0] + shifts])
