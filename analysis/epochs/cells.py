"""The terminal surface: annealed losses by (N, U, k) and recipe, and what other runs would have given."""

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from quarry.analysis.epochs.noise import Noise, measured_noise, shifted
from quarry.analysis.points.columns import is_annealed, positive_numbers, with_numbers
from quarry.analysis.points.loading import PointsLike, as_points
from quarry.analysis.points.schema import BATCH, RECIPE
from quarry.analysis.points.table import Points
from quarry.errors import FitError

CELL = ("N", "U", "k", *RECIPE)


@dataclass(frozen=True)
class Terminal:
    """Mean annealed loss of each cell, and the same with new noise.

    `cells` has the columns CELL, `loss`, `clusters`, `plain` (of the recipe that its size was trained by
    most) and `ruled` (at the learning rate of that recipe). `losses` [1 + draws, cells] are the measured
    means first, then with simulated `noise`.
    """

    cells: pl.DataFrame
    losses: np.ndarray
    noise: Noise


def terminal(points: PointsLike, draws: int, seed: int) -> Terminal:
    """The terminal surface of the annealed rows of `points`. Raises PointsError, FitError.

    Needs N, U, E and loss. A trunk with its branches is one cluster; the column `draw` says which U tokens.
    Noise is measured between clusters of one cell: without any, FitError is raised if draws are asked for.
    """
    table = annealed_rows(points)
    cells = table.group_by(*CELL).agg(pl.col("loss").mean(), clusters=pl.col("cluster").n_unique())
    cells = _with_plain(cells.sort(*CELL), table)
    noise = measured_noise(table, CELL)
    if draws and not noise.freedom:
        raise FitError(
            "no cell has two runs that differ by seed or draw of U alone: noise is not measured, and without "
            "it there are no intervals (--bootstrap 0 asks for none)"
        )
    return Terminal(cells, _means(table, cells, noise, draws, seed), noise)


def numeric_points(points: PointsLike) -> Points:
    """`points`, annealed or not, with every number that the study reads as Float64. Raises PointsError."""
    points = as_points(points, annealed_only=False)
    read = (*RECIPE, "draw", "unigram_entropy", *BATCH["B"])
    present = [name for name in read if name in points.table.columns]
    return replace(points, table=with_numbers(points.table, present, points.source))


def annealed_rows(points: PointsLike) -> pl.DataFrame:
    """The rows measured after the learning rate had decayed, with k, cluster, draw and the whole recipe.

    Raises PointsError, FitError.
    """
    points = numeric_points(points)
    table = points.table.filter(is_annealed(points.table))
    table = positive_numbers(table, ("N", "U", "E", "loss"), points.source, "the study of epochs")
    if table.is_empty():
        raise FitError("no loss was measured after the learning rate had decayed")
    tuned = (*RECIPE, "draw")
    table = table.with_columns(pl.lit(0.0).alias(name) for name in tuned if name not in table.columns)
    k = (pl.col("E") / pl.col("U")).round_sig_figs(3)  # whole steps leave k a little off its round number
    return table.with_columns(pl.col(tuned).fill_null(0.0), k=k, cluster="run")


def _with_plain(cells: pl.DataFrame, table: pl.DataFrame) -> pl.DataFrame:
    """With `plain` and `ruled`: of equals the plain recipe is that of the least remedies."""
    counted = table.group_by("N", *RECIPE).agg(pl.col("cluster").n_unique())
    most = counted.sort("N", "cluster", *RECIPE, descending=[False, True, *(False for _ in RECIPE)])
    plain = most.group_by("N", maintain_order=True).first().drop("cluster")
    both = cells.join(plain, on="N", suffix="_plain", maintain_order="left")
    equal = {name: pl.col(name) == pl.col(f"{name}_plain") for name in RECIPE}
    both = both.with_columns(plain=pl.all_horizontal(*equal.values()), ruled=equal["peak_learning_rate"])
    return both.select(*cells.columns, "plain", "ruled")


def _means(table: pl.DataFrame, cells: pl.DataFrame, noise: Noise, draws: int, seed: int) -> np.ndarray:
    place = table.join(
        cells.with_row_index("cell").select(*CELL, "cell"), on=CELL, nulls_equal=True, maintain_order="left"
    )
    at, losses = place["cell"].to_numpy(), place["loss"].to_numpy()
    rows = np.vstack([losses, losses * np.exp(shifted(place, noise, draws, seed))])
    sums = np.stack([np.bincount(at, row, len(cells)) for row in rows])
    return sums / np.bincount(at, minlength=len(cells))
