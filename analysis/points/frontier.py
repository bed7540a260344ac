"""The lower envelope of learning curves: the compute frontier."""

import numpy as np
import polars as pl


def compute_frontier(curves: pl.DataFrame) -> pl.DataFrame:
    """The rows of `curves` on the lower convex hull of log loss against log C, as far as the loss falls.

    `curves` needs the columns C and loss; rows where either is missing or not finite are left out. Returns
    the rows by rising C, which is by falling loss. Henighan et al. 2020 (arXiv 2010.14701) read the optimal
    size off this hull: unlike the lower envelope itself it does not step down at the end of every run.
    """
    best = unbeaten(curves)
    return best[lower_hull(np.log(best["C"].to_numpy()), np.log(best["loss"].to_numpy()))]


def unbeaten(curves: pl.DataFrame) -> pl.DataFrame:
    """The rows that no other row beats with at most its loss at no more compute, by rising C."""
    costs = curves.filter(pl.col("C").is_finite(), pl.col("loss").is_finite()).sort("C", "loss")
    best_so_far = pl.col("loss").cum_min().shift(1, fill_value=float("inf"))
    return costs.filter(pl.col("loss") < best_so_far)


def lower_hull(x: np.ndarray, y: np.ndarray) -> list[int]:
    """Indices of the lower convex hull of points sorted by rising x (Andrew 1979, monotone chain)."""
    hull: list[int] = []
    for i in range(len(x)):
        while len(hull) >= 2 and not _turns_up(x, y, hull[-2], hull[-1], i):
            hull.pop()
        hull.append(i)
    return hull


def _turns_up(x: np.ndarray, y: np.ndarray, a: int, b: int, c: int) -> bool:
    """Whether the path a, b, c bends upwards at b."""
    return bool((x[b] - x[a]) * (y[c] - y[a]) > (x[c] - x[a]) * (y[b] - y[a]))
