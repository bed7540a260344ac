"""Noise of a loss between replicates: of the draw of U tokens, of a run by its seeds, of each branch."""

import math
from dataclasses import dataclass

import numpy as np
import polars as pl

from quarry.analysis.epochs.replicates import clusters_joined, compared, without_outliers
from quarry.analysis.points.schema import ONE_PASS
from quarry.text import count, number

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

    `told` names the parts that the replicates tell apart: without two draws of U there is none of the draw,
    and without two clusters that share two k that of a branch is part of the run's.
    """

    draw: float
    run: float
    branch: float
    freedom: int
    once: float | None = None
    once_freedom: int = 0
    told: tuple[str, ...] = ("draw", "run", "branch")

    @property
    def words(self) -> str:
        """The parts that were told apart, each with its standard deviation; the others by what holds them."""
        draw = number(self.draw, 2) if "draw" in self.told else "not measured"
        run = f"run {number(self.run, 2)}, branch {number(self.branch, 2)}"
        if "branch" not in self.told:
            run = f"run and branch together {number(self.run, 2)}"
        return f"draw of {count(DRAW_AT)} tokens {draw}, {run}"

    def mean_variance(self, unique: np.ndarray) -> float:
        """The variance of log loss of a run, the mean over `unique` tokens; NaN where it was not measured."""
        of_draw = self.draw**2 * np.mean(DRAW_AT / unique) if len(unique) else 0.0
        return self.run**2 + self.branch**2 + float(of_draw)


def measured_noise(table: pl.DataFrame, cell: tuple[str, ...]) -> Noise:
    """The noise from the rows of clusters that share cells; `cell` names the columns of one, U and k among
    them.

    Each two clusters are compared over the k that both have, so that k cancels: half the mean square of
    their difference is the variance between them, with the draw's or without it. Rows far from their
    replicates are left out (`quarry.analysis.epochs.replicates`).
    """
    table = without_outliers(table, cell)
    pairs = compared(table, cell)
    freedom = clusters_joined(pairs)[1]
    if not freedom:
        return Noise(math.nan, math.nan, math.nan, 0)
    same_draw = pairs.filter("same_draw")
    same = pairs if same_draw.is_empty() else same_draw
    branch = _branch_variance(same)
    run = max(0.0, _mean_variance(same, branch))
    others = pairs.filter(~pl.col("same_draw") & (pl.col("repeated") > 0))
    drawn = not same_draw.is_empty() and not others.is_empty()
    draw = _draw_variance(others, run, branch) if drawn else 0.0
    told = {"draw": drawn, "run": True, "branch": (same["shared"] > 1).any()}
    return Noise(
        math.sqrt(draw),
        math.sqrt(run),
        math.sqrt(branch),
        freedom,
        *_once(table, cell),
        tuple(name for name, known in told.items() if known),
    )


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


def _branch_variance(pairs: pl.DataFrame) -> float:
    """The variance of log losses that neither cluster nor k explains.

    Of n clusters that all share their k, the squares of the pairs over n sum to the squares of the
    interaction, of (n - 1) (k - 1) degrees of freedom.
    """
    share = 1 / clusters_joined(pairs)[0]
    degrees = float((2 * share * (pairs["shared"].to_numpy() - 1)).sum())
    return float((share * pairs["scatter"].to_numpy()).sum()) / degrees if degrees > 0 else 0.0


def _mean_variance(pairs: pl.DataFrame, branch: float) -> float:
    """The mean over pairs of the variance between their clusters, less that of their branches."""
    mean, shared = pairs["mean"].to_numpy(), pairs["shared"].to_numpy()
    return float(np.mean(mean**2 / 2 - branch / shared))


def _draw_variance(pairs: pl.DataFrame, run: float, branch: float) -> float:
    """The variance of the draw at DRAW_AT tokens: the least-squares factor of DRAW_AT / U, not negative.

    Of pairs that share some k above one pass.
    """
    of_u = DRAW_AT / pairs["U"].to_numpy()
    mean, repeated = pairs["repeated_mean"].to_numpy(), pairs["repeated"].to_numpy()
    return max(0.0, float(of_u @ (mean**2 / 2 - run - branch / repeated) / (of_u @ of_u)))


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
