"""What changes a loss when nothing does: the draw of U tokens, the seeds of a run, and each branch itself."""

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import polars as pl


@dataclass(frozen=True)
class Noise:
    """Standard deviations of log loss, and their degrees of freedom together (0: not measured).

    `draw` is shared by all runs on the same U tokens, `run` by a trunk and its branches, `branch` is each
    branch's own. All are pooled over the cells that were replicated: noise that shrinks with U or N is
    measured where the replicates are, and taken for the same elsewhere.
    """

    draw: float
    run: float
    branch: float
    freedom: int


def measured_noise(table: pl.DataFrame, cell: tuple[str, ...]) -> Noise:
    """From the rows of clusters that share cells; `cell` names the columns of one, k among them.

    Clusters are compared over the k that all of their group have, so that k cancels: half the mean square of
    a difference of two clusters is the variance between them, with the draw's or without it.
    """
    group = [name for name in cell if name != "k"]
    groups = (_balanced(rows) for _, rows in table.group_by(group, maintain_order=True))
    replicated = [(logs, draws) for logs, draws in groups if len(logs) > 1]
    freedom = sum(len(logs) - 1 for logs, _ in replicated)
    if not freedom:
        return Noise(math.nan, math.nan, math.nan, 0)
    branch = _branch_variance([logs for logs, _ in replicated])
    pairs = [pair for logs, draws in replicated for pair in _pairs(logs, draws, branch)]
    same, other = ([variance for alike, variance in pairs if alike is wanted] for wanted in (True, False))
    run = float(np.mean(same or other))
    draw = float(np.mean(other)) - run if same and other else 0.0
    return Noise(math.sqrt(max(0.0, draw)), math.sqrt(max(0.0, run)), math.sqrt(branch), freedom)


def _branch_variance(replicated: list[np.ndarray]) -> float:
    """Of log losses [clusters, k] what neither the cluster nor k explains."""
    degrees = sum((clusters - 1) * (k - 1) for clusters, k in (logs.shape for logs in replicated))
    return sum(float((_interaction(logs) ** 2).sum()) for logs in replicated) / degrees if degrees else 0.0


def _pairs(logs: np.ndarray, draws: list[float], branch: float) -> list[tuple[bool, float]]:
    """Of each two clusters: whether of one draw, and the variance between them without the branches' own."""
    means = logs.mean(axis=1)
    return [
        (draws[i] == draws[j], float((means[i] - means[j]) ** 2) / 2 - branch / logs.shape[1])
        for i, j in combinations(range(len(logs)), 2)
    ]


def shifted(table: pl.DataFrame, noise: Noise, draws: int, seed: int) -> np.ndarray:
    """[draws, rows]: simulated shifts of log loss, shared as `noise` says. Rows need U, draw and cluster."""
    if not draws:
        return np.empty((0, len(table)))
    random = np.random.default_rng(seed)
    subset = table.select(pl.struct("U", "draw").rank("dense") - 1).to_series().to_numpy()
    cluster = table.select(pl.col("cluster").rank("dense") - 1).to_series().to_numpy()
    return (
        noise.draw * random.standard_normal((draws, subset.max() + 1))[:, subset]
        + noise.run * random.standard_normal((draws, cluster.max() + 1))[:, cluster]
        + noise.branch * random.standard_normal((draws, len(table)))
    )


def _balanced(rows: pl.DataFrame) -> tuple[np.ndarray, list[float]]:
    """Log losses [clusters, k] over the k that all clusters have, and the draw of each cluster."""
    mean = rows.group_by("cluster", "k").agg(pl.col("loss").log().mean(), pl.col("draw").first())
    clusters = mean["cluster"].n_unique()
    shared = mean.filter(pl.len().over("k") == clusters).sort("cluster", "k")
    if shared.is_empty():
        return np.empty((0, 0)), []
    draws = shared.group_by("cluster", maintain_order=True).agg(pl.col("draw").first())["draw"].to_list()
    return shared["loss"].to_numpy().reshape(clusters, -1), draws


def _interaction(logs: np.ndarray) -> np.ndarray:
    """What is left of log losses [clusters, k] without the means of clusters and of k."""
    return logs - logs.mean(axis=0) - logs.mean(axis=1, keepdims=True) + logs.mean()
