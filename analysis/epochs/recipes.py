"""The best recipe of each N and U, with its batch, and how many were tried: what `tuned` means where."""

import polars as pl

from quarry.analysis.points.schema import BATCH, RECIPE
from quarry.text import count, number


def recipes_table(table: pl.DataFrame, cell: tuple[str, ...]) -> pl.DataFrame:
    """A row for each N and U: k, loss, recipe and `batch` of its least mean loss; how many recipes and runs.

    `table` and `cell` are `annealed_rows` and CELL of `quarry.analysis.epochs.cells`. `batch` is null where
    it is unknown, `runs` the most of one recipe.
    """
    name = next((name for name in BATCH["B"] if name in table.columns), None)
    batch = pl.lit(None, pl.Float64) if name is None else pl.col(name).cast(pl.Float64)
    cells = table.group_by(*cell).agg(
        pl.col("loss").mean(), batch=batch.first(), runs=pl.col("cluster").n_unique()
    )
    recipe = [each for each in cell if each not in ("N", "U", "k")]
    best = cells.group_by("N", "U").agg(
        pl.col("k", "loss", *RECIPE, "batch").sort_by("loss").first(),
        recipes=pl.struct(recipe).n_unique(),
        runs=pl.col("runs").max(),
    )
    return best.sort("U", "N")


def batch_warnings(recipes: pl.DataFrame) -> tuple[str, ...]:
    """Names the cells whose best recipe has another batch than most cells'."""
    known = recipes.drop_nulls("batch")
    if known["batch"].n_unique() < 2:
        return ()
    usual = known["batch"].mode().sort()[0]
    other = known.filter(pl.col("batch") != usual)
    cells = ", ".join(
        f"N = {count(row['N'])}, U = {count(row['U'])} ({number(row['batch'])} tokens)"
        for row in other.iter_rows(named=True)
    )
    return (
        f"the best recipe has another batch than the usual {number(usual)} tokens at {cells}: a tuned cell "
        "beside cells that were not tuned so (--exclude leaves such runs out)",
    )
