"""Noise of a loss between replicates: of the draw of U tokens, of a run by its seeds, of each branch."""

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import polars as pl

from quarry.analysis.points.schema import ONE_PASS

DRAW_AT = 1e6
"""Unique tokens for which the draw's standard deviation is given."""


@dataclass(frozen=True)
class Noise:
    """Standard deviations of log loss, and their degrees of freedom together (0: not measured).

    `draw` has one value per draw of U and affects a run only after its first pass; it is given at `DRAW_AT`
    tokens and falls as U^-1/2, as the error of a mean over tokens does. `run` is shared by a trunk and its
    branches, and includes which tokens a first pass sees; `branch` is each branch's own. All are pooled over
    the replicated cells, and run and branch are assumed equal elsewhere.

    `once` checks that: first passes over as many tokens from different U are replicates too, whatever their
    size, and differ by run and branch; None without such passes.
    """

    draw: float
    run: float
    branch: float
    freedom: int
    once: float | None = None
    once_freedom: int = 0


@dataclass(frozen=True)
class _Replicated:
    """Log losses [clusters, k] of runs that differ by seeds or draw alone."""

    logs: np.ndarray
    draws: np.ndarray
    k: np.ndarray
    unique: float

    def same_draw(self) -> list[np.ndarray]:
        """Log losses [clusters, k] of each draw that has several clusters."""
        parts = [self.logs[self.draws == draw] for draw in np.unique(self.draws)]
        return [part for part in parts if len(part) > 1]

    def between_draws(self, run: float, branch: float) -> list[tuple[float, float]]:
        """For each two clusters of different draws: DRAW_AT / U, and the draw's variance at U."""
        means = self.logs[:, self.k > ONE_PASS].mean(axis=1) if (self.k > ONE_PASS).any() else np.zeros(0)
        own = run + branch / max(1, int((self.k > ONE_PASS).sum()))
        return [
            (DRAW_AT / self.unique, float((means[i] - means[j]) ** 2) / 2 - own)
            for i, j in combinations(range(len(means)), 2)
            if self.draws[i] != self.draws[j]
        ]


def measured_noise(table: pl.DataFrame, cell: tuple[str, ...]) -> Noise:
    """The noise from the rows of clusters that share cells; `cell` names the columns of one, U and k among
    them.

    Clusters are compared over the k that all of their group have, so that k cancels: half the mean square of
    a difference of two clusters is the variance between them, with the draw's or without it.
    """
    group = [name for name in cell if name != "k"]
    groups = (_balanced(rows) for _, rows in table.group_by(group, maintain_order=True))
    replicated = [found for found in groups if len(found.logs) > 1]
    freedom = sum(len(found.logs) - 1 for found in replicated)
    if not freedom:
        return Noise(math.nan, math.nan, math.nan, 0)
    same_draw = [part for found in replicated for part in found.same_draw()]
    same = same_draw or [found.logs for found in replicated]
    branch = _branch_variance(same)
    run = max(0.0, float(np.mean([pair for logs in same for pair in _pairs(logs, branch)])))
    draws = [pair for found in replicated for pair in found.between_draws(run, branch)] if same_draw else []
    return Noise(math.sqrt(_slope(draws)), math.sqrt(run), math.sqrt(branch), freedom, *_once(table, cell))


def _once(table: pl.DataFrame, cell: tuple[str, ...]) -> tuple[float | None, int]:
    """Standard deviation of log loss between first passes of as many tokens, and its degrees of freedom."""
    shared = [*(name for name in cell if name not in ("U", "k")), "tokens"]
    tokens = (pl.col("U") * pl.col("k")).round_sig_figs(3)
    first = table.filter(pl.col("k") <= ONE_PASS).with_columns(tokens=tokens, log=pl.col("loss").log())
    of_unique = first.group_by(*shared, "U").agg(pl.col("log").first())
    groups = of_unique.group_by(shared).agg(pl.col("log").var(), freedom=pl.len() - 1).drop_nulls("log")
    freedom = int(groups["freedom"].sum())
    if not freedom:
        return None, 0
    return math.sqrt(float((groups["log"] * groups["freedom"]).sum()) / freedom), freedom


def _slope(pairs: list[tuple[float, float]]) -> float:
    """The least-squares factor, not negative, of y = factor x; 0 without pairs."""
    if not pairs:
        return 0.0
    x, y = np.array(pairs).T
    return max(0.0, float(x @ y / (x @ x)))


def _branch_variance(replicated: list[np.ndarray]) -> float:
    """The variance of log losses [clusters, k] that neither cluster nor k explains."""
    degrees = sum((clusters - 1) * (k - 1) for clusters, k in (logs.shape for logs in replicated))
    return sum(float((_interaction(logs) ** 2).sum()) for logs in replicated) / degrees if degrees else 0.0


def _pairs(logs: np.ndarray, branch: float) -> list[float]:
    """For each two clusters the variance between them, less that of their branches."""
    means, own = logs.mean(axis=1), branch / logs.shape[1]
    return [float((one - other) ** 2) / 2 - own for one, other in combinations(means, 2)]


def shifted(table: pl.DataFrame, noise: Noise, draws: int, seed: int) -> np.ndarray:
    """[draws, rows]: simulated shifts of log loss, shared as `noise` says. Rows need U, k, draw, cluster."""
    if not draws:
        return np.empty((0, len(table)))
    random = np.random.default_rng(seed)
    subset = table.select(pl.struct("U", "draw").rank("dense") - 1).to_series().to_numpy()
    cluster = table.select(pl.col("cluster").rank("dense") - 1).to_series().to_numpy()
    of_draw = noise.draw * np.sqrt(DRAW_AT / table["U"].to_numpy()) * (table["k"].to_numpy() > ONE_PASS)
    return (
        of_draw * random.standard_normal((draws, subset.max() + 1))[:, subset]
        + noise.run * random.standard_normal((draws, cluster.max() + 1))[:, cluster]
        + noise.branch * random.standard_normal((draws, len(table)))
    )


def _balanced(rows: pl.DataFrame) -> _Replicated:
    """The clusters of one group over the k that all of them have."""
    mean = rows.group_by("cluster", "k").agg(pl.col("loss").log().mean(), pl.col("draw").first())
    clusters = mean["cluster"].n_unique()
    shared = mean.filter(pl.len().over("k") == clusters).sort("cluster", "k")
    if shared.is_empty():
        return _Replicated(np.empty((0, 0)), np.empty(0), np.empty(0), rows["U"][0])
    logs, draws, k = (shared[name].to_numpy().reshape(clusters, -1) for name in ("loss", "draw", "k"))
    return _Replicated(logs, draws[:, 0], k[0], rows["U"][0])


def _interaction(logs: np.ndarray) -> np.ndarray:
    """Residuals of log losses [clusters, k] without the means of clusters and of k."""
    return logs - logs.mean(axis=0) - logs.mean(axis=1, keepdims=True) + logs.mean()
