"""The terminal surface: annealed losses by (N, U, k) and recipe, and what other runs would have given."""

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from quarry.analysis.epochs.inputs import entropy_rate
from quarry.analysis.epochs.noise import Noise, measured_noise, shifted
from quarry.analysis.epochs.replicates import outliers
from quarry.analysis.points.columns import is_annealed, positive_numbers, with_numbers
from quarry.analysis.points.loading import PointsLike, as_points
from quarry.analysis.points.schema import BATCH, ONE_PASS, RECIPE, SETTINGS, TUNED, one_spelling
from quarry.analysis.points.settings import labels, settings, with_recipe_names
from quarry.analysis.points.table import Points
from quarry.errors import FitError

CELL = ("N", "U", "k", *TUNED)


# So many columns are named in a warning.
_NAMED = 5


@dataclass(frozen=True)
class Terminal:
    """Mean annealed loss of each cell, and the same with new noise.

    `cells` has the columns CELL, `loss`, `clusters`, `plain` (of the recipe that its size was trained by
    most) and `ruled` (at the learning rate and further settings of that recipe). `losses` [1 + draws, cells]
    are the measured means first, then with simulated `noise`. `outliers` names the cells and clusters whose
    losses are too far from their replicates' to be noise; they count in `losses`. `entropy_rate` is that of
    a synthetic source, nats per token; 0 where it is not known.
    """

    cells: pl.DataFrame
    losses: np.ndarray
    noise: Noise
    outliers: pl.DataFrame
    entropy_rate: float = 0.0


def terminal(points: PointsLike, draws: int, seed: int) -> Terminal:
    """The terminal surface of the annealed rows of `points`. Raises PointsError, FitError.

    Needs N, U, E and loss. A trunk with its branches is one cluster; the column `draw` says which U tokens.
    Noise is measured between clusters of one cell: without any, FitError is raised if draws are asked for.
    """
    table = annealed_rows(points)
    cells = table.group_by(*CELL).agg(pl.col("loss").mean(), clusters=pl.col("cluster").n_unique())
    cells = _with_plain(cells.sort(*CELL), table)
    if not (cells["k"] > ONE_PASS).any():
        raise FitError("no U was read more than once: the study needs annealed losses on repeated data")
    noise = measured_noise(table, CELL)
    if draws and not noise.freedom:
        recipes = [name for name in RECIPE if cells[name].n_unique() > 1] + _settings_of(table)[0]
        apart = f" (recipes differ in {', '.join(recipes)})" if recipes else ""
        raise FitError(
            f"no cell has two runs that differ by seed or draw of U alone{apart}: noise is not measured, and "
            "without it there are no intervals (--bootstrap 0 asks for none)"
        )
    losses = _means(table, cells, noise, draws, seed)
    return Terminal(cells, losses, noise, outliers(table, CELL), entropy_rate(table))


def numeric_points(points: PointsLike) -> Points:
    """`points`, annealed or not, with every number that the study reads as Float64, and SETTINGS.

    Sizes and unique tokens that count as the same are one. Raises PointsError.
    """
    points = as_points(points, annealed_only=False)
    table, notes = with_recipe_names(points.table)
    read = (*RECIPE, "draw", "unigram_entropy", "entropy_rate", *BATCH["B"])
    table = with_numbers(table, [name for name in read if name in table.columns], points.source)
    sizes = [name for name in ("N", "U") if name in table.columns]
    table = table.with_columns(pl.Series(name, one_spelling(table[name].to_numpy())) for name in sizes)
    if SETTINGS in table.columns and table[SETTINGS].dtype == pl.Float64:
        return replace(points, table=table)
    table, told = _with_settings(table)
    return replace(points, table=table, notes=(*points.notes, *notes, *told))


def _with_settings(table: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """`table` with SETTINGS, and what is said of the columns in which rows of one cell differ."""
    (found, others), along = _settings_of(table), _settings_of(table, ("N", "U"))[0]
    told = []
    if found:
        told.append(
            f"runs of one N, U and E that differ in {' or '.join(found)} count as recipes, not as repeats"
        )
    if others:
        told.append(
            f"runs of one N, U and E also differ in {', '.join(others[:_NAMED])}, which count as "
            "measurements: if one is a setting, keep one value of it (--exclude)"
        )
    if along := [name for name in along if name not in (*found, *RECIPE)]:
        told.append(
            f"runs of one N and U differ in {', '.join(along[:_NAMED])} from k to k, which is not looked at"
        )
    return table.with_columns(labels(table, found).alias(SETTINGS)), told


def _settings_of(
    table: pl.DataFrame, place: tuple[str, ...] = ("N", "U", "k")
) -> tuple[list[str], list[str]]:
    """The settings in which rows of one `place` and recipe differ, and the other columns."""
    if "k" not in table.columns and {"E", "U"} <= set(table.columns):
        table = table.with_columns(k=_passes())
    return settings(table, [name for name in (*place, *RECIPE) if name in table.columns])


def _passes() -> pl.Expr:
    """k, rounded: whole steps leave it a little off its round number."""
    return (pl.col("E") / pl.col("U")).round_sig_figs(3)


def annealed_rows(points: PointsLike) -> pl.DataFrame:
    """The rows measured after the learning rate had decayed, with k, cluster, draw and the whole recipe.

    Raises PointsError, FitError.
    """
    points = numeric_points(points)
    table = points.table.filter(is_annealed(points.table))
    table = positive_numbers(table, ("N", "U", "E", "loss"), points.source, "the study of epochs")
    if table.is_empty():
        raise FitError("no loss was measured after the learning rate had decayed")
    tuned = (*TUNED, "draw")
    table = table.with_columns(pl.lit(0.0).alias(name) for name in tuned if name not in table.columns)
    return table.with_columns(pl.col(tuned).fill_null(0.0), k=_passes(), cluster="run")


def _with_plain(cells: pl.DataFrame, table: pl.DataFrame) -> pl.DataFrame:
    """With `plain` and `ruled`: of equals the plain recipe is that of the least remedies."""
    counted = table.group_by("N", *TUNED).agg(pl.col("cluster").n_unique())
    most = counted.sort("N", "cluster", *TUNED, descending=[False, True, *(False for _ in TUNED)])
    plain = most.group_by("N", maintain_order=True).first().drop("cluster")
    both = cells.join(plain, on="N", suffix="_plain", maintain_order="left")
    equal = {name: pl.col(name) == pl.col(f"{name}_plain") for name in TUNED}
    ruled = equal["peak_learning_rate"] & equal[SETTINGS]
    both = both.with_columns(plain=pl.all_horizontal(*equal.values()), ruled=ruled)
    return both.select(*cells.columns, "plain", "ruled")


def _means(table: pl.DataFrame, cells: pl.DataFrame, noise: Noise, draws: int, seed: int) -> np.ndarray:
    place = table.join(
        cells.with_row_index("cell").select(*CELL, "cell"), on=CELL, nulls_equal=True, maintain_order="left"
    )
    at, losses = place["cell"].to_numpy(), place["loss"].to_numpy()
    rows = np.vstack([losses, losses * np.exp(shifted(place, noise, draws, seed))])
    sums = np.stack([np.bincount(at, row, len(cells)) for row in rows])
    return sums / np.bincount(at, minlength=len(cells))
