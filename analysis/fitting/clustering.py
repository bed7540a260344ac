"""Whether residuals cluster by N in a table that names no runs: rows of one size may be of one run."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy

from quarry.analysis.points.run_names import names_no_run
from quarry.analysis.points.schema import value_groups

if TYPE_CHECKING:
    import polars as pl

    from quarry.analysis.fitting.search import Data

_FEWEST_GROUPS, _FEWEST_ROWS = 3, 3
"""Sizes, and rows of each, that can show a cluster."""

_CLUSTERED = 1e-3
"""Clusters less probable than this among separate runs are told."""

_OUTLYING = 6.0
"""A residual of more than so many median ones counts as that much."""


@dataclass(frozen=True)
class Clustering:
    """The share of residuals' variance that lies between sizes, and its probability for separate runs."""

    share: float
    probability: float


def measure_clustering(data: "Data", params: np.ndarray) -> Clustering | None:
    """An F test of the residuals by N, of the sizes with several rows; None without them.

    The parameters take up part of the variance between sizes, so that the test finds rather too few.
    """
    if "N" not in data.inputs or data.n_runs < data.points:
        return None
    _, group, rows = np.unique(value_groups(data.inputs["N"]), return_inverse=True, return_counts=True)
    kept = rows[group] >= _FEWEST_ROWS
    if (rows >= _FEWEST_ROWS).sum() < _FEWEST_GROUPS:
        return None
    residuals, group = data.residuals(params)[kept], group[kept]
    most = _OUTLYING * float(np.median(np.abs(residuals)))
    return _of_groups(np.clip(residuals, -most, most), np.unique(group, return_inverse=True)[1])


def _of_groups(values: np.ndarray, group: np.ndarray) -> Clustering | None:
    """The analysis of variance of `values` by `group`, both [rows]."""
    rows = np.bincount(group)
    means = np.bincount(group, values) / rows
    between = float(rows @ (means - values.mean()) ** 2)
    within = float(np.sum((values - means[group]) ** 2))
    if not within > 0:
        return None
    freedom = len(rows) - 1, len(values) - len(rows)
    statistic = between / freedom[0] / (within / freedom[1])
    return Clustering(between / (between + within), float(scipy.special.fdtrc(*freedom, statistic)))


def clustering_warnings(table: "pl.DataFrame", data: "Data", params: np.ndarray) -> list[str]:
    """The sentence that the residuals of a table without names of runs cluster by N, if they do."""
    found = measure_clustering(data, params) if names_no_run(table) else None
    if found is None or found.probability >= _CLUSTERED:
        return []
    return [
        f"no column names the runs, and residuals cluster by N: {found.share:.0%} of their variance "
        f"lies between sizes (probability {found.probability:.1g} for separate runs). Rows of one run are no "
        "independent observations, and the intervals are too narrow if these are: name the run of each row "
        "in a column run"
    ]
