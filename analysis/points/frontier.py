"""The lower envelope of learning curves: the compute frontier."""

import numpy as np
import polars as pl

from quarry.analysis.points.schema import value_groups


def compute_frontier(curves: pl.DataFrame) -> pl.DataFrame:
    """The rows of `curves` on the lower convex hull of log loss against log C, as far as the loss falls.

    `curves` needs the columns C and loss; rows where either is missing or not finite are left out. Returns
    the rows by rising C, which is by falling loss. Henighan et al. 2020 (arXiv 2010.14701) read the optimal
    size off this hull: unlike the lower envelope itself it does not step down at the end of every run.
    """
    cost, loss = (curves[name].cast(pl.Float64).to_numpy() for name in ("C", "loss"))
    return curves[frontier_places(cost, loss)]


def budget_frontier(curves: pl.DataFrame) -> pl.DataFrame:
    """The frontier of the annealed rows, where there are any, by the best row of each budget, to be drawn.

    `curves` needs the columns C, loss and annealed. C within 1% are one budget, as for a fit of `kaplan-c`:
    each size has as many whole steps as fit into it, and the cheapest would start the frontier with a fall.
    Of several seeds the best is drawn, where a fit takes their mean (`frontier_points`).
    """
    usable = curves.filter(pl.col("C").is_finite() & pl.col("loss").is_finite())
    annealed = usable.filter(pl.col("annealed"))
    rows = usable if annealed.is_empty() else annealed
    budget = pl.Series("budget", value_groups(rows["C"].cast(pl.Float64).to_numpy()), pl.Int64)
    best = rows.with_columns(budget).sort("loss", "C").unique("budget", keep="first", maintain_order=True)
    return compute_frontier(best.drop("budget"))


def frontier_places(cost: np.ndarray, loss: np.ndarray) -> np.ndarray:
    """Where the compute frontier of these rows lies among them, by rising C; cost and loss [rows]."""
    best = _unbeaten(cost, loss)
    return best[lower_hull(np.log(cost[best]), np.log(loss[best]))]


def _unbeaten(cost: np.ndarray, loss: np.ndarray) -> np.ndarray:
    """Places of the rows that no other beats with at most its loss at no more compute, by rising C."""
    finite = np.flatnonzero(np.isfinite(cost) & np.isfinite(loss))
    order = finite[np.lexsort((loss[finite], cost[finite]))]
    best_so_far = np.minimum.accumulate(np.append(np.inf, loss[order]))[:-1]
    return order[loss[order] < best_so_far]


def lower_hull(xs: np.ndarray, ys: np.ndarray) -> list[int]:
    """Indices of the lower convex hull of points sorted by rising x (Andrew 1979, monotone chain)."""
    hull: list[int] = []
    x, y = xs.tolist(), ys.tolist()
    for i in range(len(x)):
        while len(hull) >= 2 and not _turns_up(x, y, hull[-2], hull[-1], i):
            hull.pop()
        hull.append(i)
    return hull


def _turns_up(x: list[float], y: list[float], a: int, b: int, c: int) -> bool:
    """Whether the path a, b, c bends upwards at b."""
    return (x[b] - x[a]) * (y[c] - y[a]) > (x[c] - x[a]) * (y[b] - y[a])
