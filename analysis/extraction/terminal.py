"""The terminal surface: annealed losses by (N, U, k) and recipe, and what other seeds would have given."""

import math
from dataclasses import dataclass

import numpy as np
import polars as pl

from analysis.points import Points

CELL = ("N", "U", "k", "weight_decay", "dropout")
_NUMBERS = ("N", "U", "E", "loss")


class EpochsError(ValueError):
    """Points that do not carry the quantities of repeated data, or a setting out of its range."""


@dataclass(frozen=True)
class Terminal:
    """Mean annealed loss of each cell, and the same with new seed noise.

    `cells` has the columns CELL, loss and clusters. `draws` [draws, cells] are simulated: one shift of
    standard deviation `noise`, that of log loss between clusters alike, for a trunk and its branches
    together. Where branches also differ of themselves, intervals of differences within a trunk (the epoch
    term) are too narrow. `freedom` is that of `noise`.
    """

    cells: pl.DataFrame
    draws: np.ndarray
    noise: float
    freedom: int


def terminal(points: Points | pl.DataFrame, draws: int, seed: int) -> Terminal:
    """The terminal surface of `points`: its rows with `annealed` true. Raises EpochsError.

    Needs N, U, E, loss and annealed; a trunk with its branches (columns study, trunk, point) is one cluster.
    Seeds and subset draws enter through clusters that share a cell: without any, noise is not measured and
    EpochsError is raised if draws are asked for.
    """
    table = _annealed(points.table if isinstance(points, Points) else points)
    cells = table.group_by(*CELL).agg(pl.col("loss").mean(), clusters=pl.col("cluster").n_unique())
    cells = cells.sort(*CELL)
    noise, freedom = _noise(table)
    if draws and not freedom:
        raise EpochsError("no cell has two runs that differ by seed or subset alone: noise is not measured")
    return Terminal(cells, _simulated(table, cells, noise, draws, seed), noise, freedom)


def _annealed(table: pl.DataFrame) -> pl.DataFrame:
    for name in (*_NUMBERS, "annealed"):
        if name not in table.columns:
            raise EpochsError(f"the column {name} is missing; the points have {', '.join(table.columns)}")
    annealed = pl.col("annealed").cast(pl.String).str.to_lowercase().is_in(["true", "1"])
    table = table.filter(annealed).with_columns(pl.col(*_NUMBERS).cast(pl.Float64))
    if table.is_empty():
        raise EpochsError("no loss was measured after the learning rate had decayed")
    for name in _NUMBERS:
        if not (table[name].is_finite() & (table[name] > 0)).fill_null(False).all():
            raise EpochsError(f"column {name} holds a value that is not a positive number")
    absent = [pl.lit(0.0).alias(name) for name in ("weight_decay", "dropout") if name not in table.columns]
    k = (pl.col("E") / pl.col("U")).round_sig_figs(3)  # whole steps leave k a little off its round number
    return table.with_columns(*absent, k=k, cluster=_cluster(table.columns))


def _cluster(columns: list[str]) -> pl.Expr:
    if {"study", "point", "trunk"} <= set(columns):
        return pl.concat_str("study", pl.coalesce("trunk", "point"), separator="/")
    return pl.col("run") if "run" in columns else pl.int_range(pl.len()).cast(pl.String)


def _noise(table: pl.DataFrame) -> tuple[float, int]:
    """The pooled standard deviation of log loss within cells, and how many clusters beyond one there are."""
    logs = table.group_by(*CELL, "cluster").agg(pl.col("loss").log().mean())
    alike = logs.group_by(*CELL).agg(pl.col("loss").var(), extra=pl.len() - 1).filter(pl.col("extra") > 0)
    if alike.is_empty():
        return math.nan, 0
    variance = np.average(alike["loss"].to_numpy(), weights=alike["extra"].to_numpy())
    shared = logs.join(alike, on=CELL, how="semi", nulls_equal=True)
    groups = shared.unique(["N", "U", "weight_decay", "dropout"])
    # A trunk's branches share their seed: they count once.
    return math.sqrt(float(variance)), shared["cluster"].n_unique() - len(groups)


def _simulated(table: pl.DataFrame, cells: pl.DataFrame, noise: float, draws: int, seed: int) -> np.ndarray:
    """[draws, cells]: each cluster's log loss shifted by one number of its own."""
    if not draws:
        return np.empty((0, len(cells)))
    place = table.join(cells.with_row_index("cell").select(*CELL, "cell"), on=CELL, nulls_equal=True)
    names, cluster = np.unique(place["cluster"].to_numpy(), return_inverse=True)
    shift = np.exp(noise * np.random.default_rng(seed).standard_normal((draws, len(names))))[:, cluster]
    at = place["cell"].to_numpy()
    sums = np.stack([np.bincount(at, row * place["loss"].to_numpy(), len(cells)) for row in shift])
    return sums / np.bincount(at, minlength=len(cells))
