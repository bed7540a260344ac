"""The intrinsic dimension of points, from the distances to their nearest neighbours.

**TwoNN** (Facco et al. 2017, 1803.06992): the ratio mu of the distances to the second and the first neighbour
has ln mu ~ Exp(d). Here by maximum likelihood, with the largest tenth of the ratios known only to be as
large; the paper fits a line without that tenth.

**Levina-Bickel** (Levina & Bickel 2004): 1/d is the mean over j < k of ln(T_k / T_j), T_j the distance to the
j-th neighbour, here averaged over all points before it is inverted (MacKay & Ghahramani 2005).

Both see the density as constant across the neighbours. In many dimensions it is not: neighbours are far away,
near the edge, and the estimate is too low, the more the fewer points there are. So it is read beside its
decimation curve (the same from half, a quarter, ... of the points) and beside points of known dimension.

Intervals take points as independent, and points of one neighbourhood are not: over samples of a cube the
estimates scatter one to one and a half times as much as the intervals say (d of 2 to 16).
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from scipy.spatial import KDTree
from scipy.special import chdtri, ndtri

from quarry.checks import check_level
from quarry.errors import PointsError

CENSORED = 0.1
"""The share of the largest ratios of which TwoNN only uses that they are large (Facco 2017)."""
NEIGHBOURS = 10
FEWEST = 50
"""Points of the smallest part of a decimation curve."""
MOST_PARTS = 16


class Dimension(NamedTuple):
    """An estimate of the dimension, and the ends of its interval."""

    value: float
    low: float
    high: float


def distinct(points: np.ndarray) -> np.ndarray:
    """The points [n, D] without copies: a distance of zero says nothing about the dimension.

    Raises PointsError for another shape, fewer than `FEWEST` distinct points, or a number that is not finite.
    """
    points = np.asarray(points, np.float64)
    if points.ndim != 2 or not points.size:
        raise PointsError(
            f"points of shape {list(points.shape)}: needs a row for each point, [points, features]"
        )
    if not np.isfinite(points).all():
        raise PointsError(
            f"{(~np.isfinite(points).all(1)).sum():,} points have a coordinate that is not finite"
        )
    kept = np.unique(points, axis=0)
    if len(kept) < FEWEST:
        raise PointsError(f"{len(kept)} distinct points: an intrinsic dimension needs at least {FEWEST}")
    return kept


def neighbour_distances(points: np.ndarray, neighbours: int) -> np.ndarray:
    """The distances of distinct points [n, D] to their nearest others, ascending [n, neighbours]."""
    return KDTree(points).query(points, neighbours + 1)[0][:, 1:]


def two_nn(parts: list[np.ndarray], level: float = 0.95) -> Dimension:
    """TwoNN from the neighbour distances [n, 2 or more] of one or several separate sets of points.

    Of n ratios of which the m smallest are known, 2 d (sum + (n - m) largest known) ~ chi squared of 2 m.
    """
    known, total = 0, 0.0
    for distances in parts:
        logs = np.sort(np.log(distances[:, 1] / distances[:, 0]))
        m = max(1, int(len(logs) * (1 - CENSORED)))
        known, total = known + m, total + logs[:m].sum() + (len(logs) - m) * logs[m - 1]
    low, high = (chdtri(2 * known, 1 - p) / 2 for p in ((1 - level) / 2, (1 + level) / 2))
    return Dimension(known / total, low / total, high / total)


def levina_bickel(parts: list[np.ndarray], level: float = 0.95) -> Dimension:
    """Levina-Bickel from the neighbour distances [n, k] of one or several separate sets of points."""
    inverses = np.concatenate([np.log(of[:, -1:] / of[:, :-1]).mean(1) for of in parts])
    mean, reach = inverses.mean(), ndtri((1 + level) / 2) * inverses.std(ddof=1) / len(inverses) ** 0.5
    return Dimension(1 / mean, 1 / (mean + reach), 1 / (mean - reach) if reach < mean else np.inf)


ESTIMATES: dict[str, Callable[[list[np.ndarray], float], Dimension]] = {
    "two_nn": two_nn,
    "levina_bickel": levina_bickel,
}


def decimation(
    points: np.ndarray, neighbours: int = NEIGHBOURS, level: float = 0.95, seed: int = 0
) -> pl.DataFrame:
    """Both estimates from all points [n, D], from halves, quarters, ...: a row for each number of points.

    Columns: points (of a part), parts (at most `MOST_PARTS`, separate, their inverses averaged), and for
    `two_nn` and `levina_bickel` the estimate and the ends `_low` and `_high`. `features` is D, `copies` the
    points left out as copies of others. Raises PointsError as `distinct`.
    """
    check_level(PointsError, level)
    if neighbours < 2:
        raise PointsError(f"neighbours = {neighbours}: needs at least 2")
    kept = distinct(points)
    if len(kept) <= neighbours:
        raise PointsError(f"neighbours = {neighbours}: needs more than the {len(kept)} distinct points")
    about = {"features": kept.shape[1], "copies": len(points) - len(kept)}
    order = np.random.default_rng(seed).permutation(len(kept))
    return pl.DataFrame([row | about for row in _rows(kept[order], neighbours, level)])


def _rows(points: np.ndarray, neighbours: int, level: float) -> Iterator[dict[str, Any]]:
    """A row for each halving, from all points on."""
    each, least = len(points), max(FEWEST, neighbours + 1)
    while each >= least:
        parts = min(len(points) // each, MOST_PARTS)
        distances = [neighbour_distances(points[i * each : (i + 1) * each], neighbours) for i in range(parts)]
        row: dict[str, Any] = {"points": each, "parts": parts}
        for name, estimate in ESTIMATES.items():
            value, low, high = estimate(distances, level)
            row |= {name: value, f"{name}_low": low, f"{name}_high": high}
        yield row
        each //= 2


def uniform_cube(d: int, features: int, count: int, seed: int = 0) -> np.ndarray:
    """A control: uniform points of [0, 1]^d, turned into `features` dimensions [count, features]."""
    rng = np.random.default_rng(seed)
    return rng.random((count, d)) @ _rotation(d, features, rng)


def uniform_sphere(d: int, features: int, count: int, seed: int = 0) -> np.ndarray:
    """A control: the surface of a ball in d + 1 dimensions, of dimension d, turned into `features`."""
    rng = np.random.default_rng(seed)
    points = rng.standard_normal((count, d + 1))
    return points / np.linalg.norm(points, axis=1, keepdims=True) @ _rotation(d + 1, features, rng)


def _rotation(d: int, features: int, rng: np.random.Generator) -> np.ndarray:
    """d orthonormal rows of `features` [d, features]."""
    if not 1 <= d <= features:
        raise PointsError(f"d = {d}: a control in {features} features has a dimension of 1 to {features}")
    return np.linalg.qr(rng.standard_normal((features, d)))[0].T
