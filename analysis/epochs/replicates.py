"""Replicates: clusters of one cell that differ by seeds or draw alone, compared two by two."""

import numpy as np
import polars as pl
import scipy

from quarry.analysis.points.schema import ONE_PASS

_OUTLYING, _FEWEST = 6.0, 4
"""A difference of replicates of more than so many typical ones is no noise; so many tell what is typical."""

_NORMAL_OVER_MEDIAN = 1.4826
"""The standard deviation of a normal distribution over its median absolute value."""


def compared(table: pl.DataFrame, cell: tuple[str, ...]) -> pl.DataFrame:
    """A row for each two clusters of one group (a cell without its k) that share some k.

    `shared` is the number of those k, `mean` and `scatter` the mean over them of the difference of log losses
    and the sum of squares about it; `repeated` and `repeated_mean` are number and mean over k above one pass.
    `same_draw` says whether both read the same U tokens; `one` and `other` number the clusters.
    """
    after = pl.col("difference").filter(pl.col("k") > ONE_PASS)
    return _differences(table, cell).group_by("one", "other", maintain_order=True).agg(
        pl.col("U").first(),
        (pl.col("draw") == pl.col("draw_other")).first().alias("same_draw"),
        shared=pl.len(),
        mean=pl.col("difference").mean(),
        scatter=(pl.col("difference") - pl.col("difference").mean()).pow(2).sum(),
        repeated=after.len(),
        repeated_mean=after.mean(),
    )  # fmt: skip


def clusters_joined(pairs: pl.DataFrame) -> tuple[np.ndarray, int]:
    """The number of clusters that a pair's are joined with by pairs [pairs], and the degrees of freedom.

    Clusters joined by pairs share one unknown mean: n of them have n - 1 degrees of freedom.
    """
    if pairs.is_empty():
        return np.ones(0), 0
    one, other = pairs["one"].to_numpy(), pairs["other"].to_numpy()
    names, ends = np.unique(np.concatenate([one, other]), return_inverse=True)
    graph = scipy.sparse.coo_array(
        (np.ones(len(one)), (ends[: len(one)], ends[len(one) :])), shape=(len(names), len(names))
    )
    components, of_name = scipy.sparse.csgraph.connected_components(graph, directed=False)
    return np.bincount(of_name)[of_name[ends[: len(one)]]], len(names) - components


def without_outliers(table: pl.DataFrame, cell: tuple[str, ...]) -> pl.DataFrame:
    """`table` without the rows of `outliers`."""
    far = outliers(table, cell)
    return table if far.is_empty() else table.join(far, on=[*cell, "cluster"], how="anti", nulls_equal=True)


def outliers(table: pl.DataFrame, cell: tuple[str, ...]) -> pl.DataFrame:
    """Clusters in cells (columns `cell` and cluster) far from their replicates, as a diverged run is.

    Of two replicates too far apart it is the one farther from the median of its cell, at a tie the higher.
    """
    pairs = _differences(table, cell)
    typical = _NORMAL_OVER_MEDIAN * float(pairs["difference"].abs().median() or 0.0)  # pyright: ignore
    if len(pairs) < _FEWEST or not typical > 0:
        return table.select(*cell, "cluster").clear()
    far = pairs.filter(pl.col("difference").abs() > _OUTLYING * typical)
    apart = (pl.col("log") - pl.col("centre")).abs() - (pl.col("log_other") - pl.col("centre")).abs()
    tied, higher = apart.abs() <= 1e-9, pl.col("difference") > 0
    first = pl.when(tied).then(higher).otherwise(apart > 0)
    named = pl.when(first).then("cluster").otherwise("cluster_other").alias("cluster")
    return far.select(*cell, named).unique(maintain_order=True)


def _differences(table: pl.DataFrame, cell: tuple[str, ...]) -> pl.DataFrame:
    """A row for each cell and two of its clusters: their log losses, `difference`, and the cell's median."""
    group = [name for name in cell if name != "k"]
    mean = table.group_by(*cell, "cluster").agg(
        pl.col("loss").log().mean().alias("log"), pl.col("draw").first()
    )
    mean = mean.filter(pl.len().over(cell) > 1).sort(*cell, "cluster")
    mean = mean.with_columns(
        number=pl.struct(*group, "cluster").rank("dense"), centre=pl.col("log").median().over(cell)
    )
    both = mean.join(
        mean.drop("centre"), on=cell, suffix="_other", nulls_equal=True, maintain_order="left_right"
    )
    both = both.filter(pl.col("number") < pl.col("number_other"))
    return both.with_columns(
        one="number", other="number_other", difference=pl.col("log") - pl.col("log_other")
    )
