"""Losses as arrays over N, U and k, so that floors, passes and slopes are array operations over draws."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from quarry.analysis.points.schema import ONE_PASS

if TYPE_CHECKING:
    from quarry.analysis.epochs.cells import Terminal

_SAME = np.log(2) / 10
"""ln E and ln U closer than this count as equal: tokens are rounded to a tenth of a doubling."""


@dataclass(frozen=True)
class Grid:
    """`losses` [draws, N, U, k], NaN where nothing was trained; the first draw is what was measured.

    `entropy_rate` is that of the text's source, which no loss can be below; 0 where it is not known.
    """

    sizes: np.ndarray
    unique: np.ndarray
    passes: np.ndarray
    losses: np.ndarray
    entropy_rate: float = 0.0

    @cached_property
    def of_size(self) -> np.ndarray:
        """The least loss over k, [draws, N, U]; NaN where nothing was trained."""
        return least(self.losses, -1)

    @cached_property
    def cut(self) -> np.ndarray:
        """Whether a cell still falls at its last k, and other N have more passes over the same U, [N, U].

        Beside those its least loss is that of the passes it was given.
        """
        return falling(self.losses[0]) & (self.last * ONE_PASS < np.fmax.reduce(self.last, axis=0))

    @property
    def last(self) -> np.ndarray:
        """The last k measured, [N, U]; NaN where nothing was trained."""
        there = ~np.isnan(self.losses[0])
        return -least(np.where(there, -self.passes, np.nan), -1)


@dataclass(frozen=True)
class FirstPass:
    """`losses` [draws, N, E] of tokens seen once, whatever U they were drawn from; NaN where not measured."""

    sizes: np.ndarray
    tokens: np.ndarray
    losses: np.ndarray


def same_tokens(fresh: FirstPass, grid: Grid) -> list[tuple[int, int]]:
    """The indices (E, U) of equal numbers of tokens in both."""
    near = np.abs(np.log(fresh.tokens[:, None] / grid.unique)) < _SAME
    return [(int(e), int(u)) for e, u in zip(*np.nonzero(near), strict=True)]


def falling(losses: np.ndarray) -> np.ndarray:
    """Whether the least loss is that of the last k measured, [N, U] from [N, U, k]."""
    there = ~np.isnan(losses)
    last = losses.shape[-1] - 1 - there[..., ::-1].argmax(axis=-1)
    return there.any(axis=-1) & (np.where(there, losses, np.inf).argmin(axis=-1) == last)


def least(values: np.ndarray, axis: int) -> np.ndarray:
    """The minimum along `axis`, NaN where there is none."""
    low = np.where(np.isnan(values), np.inf, values).min(axis=axis)
    return np.where(np.isinf(low), np.nan, low)


def plain_grid(surface: "Terminal") -> Grid:
    """The grid of the recipe that each size was trained with most."""
    return _grid(surface, surface.cells["plain"].to_numpy())


def tuned_grid(surface: "Terminal") -> Grid:
    """The grid of the best recipe at each N, U and k; a little too low where noisy losses tie."""
    return _grid(surface, np.ones(len(surface.cells), bool))


def recipe_grid(surface: "Terminal", weight_decay: float, dropout: float) -> Grid:
    """The grid of one weight decay and dropout, at the learning rate of each size's plain recipe."""
    own = (pl.col("weight_decay") == weight_decay) & (pl.col("dropout") == dropout)
    return _grid(surface, surface.cells.select(own & pl.col("ruled")).to_series().to_numpy())


def first_pass(surface: "Terminal") -> FirstPass:
    """Losses of the plain recipe with k at most 1; the mean over cells of one N and E."""
    cells = surface.cells.with_row_index("cell").filter(pl.col("plain") & (pl.col("k") <= ONE_PASS))
    cells = cells.with_columns(E=(pl.col("k") * pl.col("U")).log(2).round(1))
    sizes, at_n = np.unique(cells["N"].to_numpy(), return_inverse=True)
    tokens, at_e = np.unique(cells["E"].to_numpy(), return_inverse=True)
    total = np.zeros((len(surface.losses), len(sizes), len(tokens)))
    count = np.zeros((len(sizes), len(tokens)))
    for cell, n, e in zip(cells["cell"], at_n, at_e, strict=True):
        total[:, n, e] += surface.losses[:, cell]
        count[n, e] += 1
    with np.errstate(invalid="ignore"):
        return FirstPass(sizes, 2.0**tokens, total / count)


def _grid(surface: "Terminal", wanted: np.ndarray) -> Grid:
    """The least loss of the wanted cells at each N, U and k, of the U that were repeated."""
    repeated = pl.col("k").max().over("U") > ONE_PASS
    cells = surface.cells.with_row_index("cell").filter(repeated & pl.lit(pl.Series(wanted)))
    axes = [np.unique(cells[name].to_numpy(), return_inverse=True) for name in ("N", "U", "k")]
    losses = np.full((len(surface.losses), *(len(values) for values, _ in axes)), np.nan)
    for cell, n, u, k in zip(cells["cell"], *(index for _, index in axes), strict=True):
        losses[:, n, u, k] = np.fmin(losses[:, n, u, k], surface.losses[:, cell])
    sizes, unique, passes = (values for values, _ in axes)
    return Grid(sizes, unique, passes, losses, surface.entropy_rate)


def first_pass_table(fresh: FirstPass) -> pl.DataFrame:
    """N, E and the measured loss of the tokens seen once."""
    places = zip(*np.nonzero(~np.isnan(fresh.losses[0])), strict=True)
    rows = [(fresh.sizes[n], fresh.tokens[e], fresh.losses[0, n, e]) for n, e in places]
    return pl.DataFrame(rows, schema=dict.fromkeys(("N", "E", "loss"), pl.Float64), orient="row")
