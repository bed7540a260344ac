"""Approach 1: the compute-optimal N and E read off the lower envelope of learning curves.

On the lower convex hull of log loss against log C each size hands over to a larger one. The optimum is read
at the handover: the middle (in logarithms) of the hull's edge from one size to the next. The stretch of a
size is not used, because those of the smallest and the largest end where no other size was trained. Measured
on Besiroglu's surface without noise, 6 to 10 sizes over three decades: the exponent is off by at most 0.009
so, by -0.05 when each of 1,500 levels of C takes the best run (Hoffmann et al. 2022), and by -0.065 when the
line goes through the rows of the hull.

Resampling the runs removes whole sizes, so the intervals are cautious: with 6 to 30 runs and noise of 0.3% to
1%, 95% intervals of the exponent covered the truth in all of 360 repeats.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from quarry import text
from quarry.analysis.allocation.budgets import with_sizes
from quarry.analysis.allocation.lines import Optima
from quarry.analysis.allocation.trends import (
    Trend,
    allocation_table,
    measurement_warnings,
    trend_through,
)
from quarry.analysis.fitting.bootstrap import resample
from quarry.analysis.fitting.intervals import IntervalSettings
from quarry.analysis.points.frontier import frontier_places
from quarry.checks import check_settings
from quarry.errors import FitError
from quarry.results import Result

if TYPE_CHECKING:
    from quarry.analysis.points.loading import PointsLike

_FEWEST_SIZES = 3

Columns = Mapping[str, np.ndarray]
"""Columns of a table by name."""


@dataclass(frozen=True)
class Envelope(Result):
    """The compute frontier and the straight lines through the places where it passes to another size.

    `curves` are the points, `frontier` those on the hull, by rising C. `handovers` has a row for each edge of
    the hull that joins two sizes: C, N, E, loss at its middle; the size N it comes `from` and goes `to`; and
    `bounded`: whether both were measured beyond the edge, so that their curves decided, not the ends of runs.
    """

    curves: pl.DataFrame
    frontier: pl.DataFrame
    handovers: pl.DataFrame
    trend: Trend

    @property
    def headline(self) -> str:
        return f"compute frontier: {len(self.handovers)} handovers, N ~ C^{text.number(self.trend.a, 3)}"

    def table(self) -> pl.DataFrame:
        """The row of each handover: `handovers`."""
        return self.handovers

    def to_json(self) -> dict[str, Any]:
        """Strict JSON values: {method, crossings, trend}."""
        return {"method": "envelope", "crossings": self.handovers.to_dicts(), "trend": self.trend.to_json()}


def fit_envelope(
    points: "PointsLike",
    *,
    critical: Mapping[str, float] | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Envelope:
    """The compute-optimal N and E of learning curves, or of end points at several horizons for each size.

    Source: Hoffmann et al. 2022 (arXiv 2203.15556), section 3.1; the hull is that of Henighan et al. 2020
    (arXiv 2010.14701).

    Args:
        points: A table with N (parameters), loss (nats per token), and D or E (tokens) or C (FLOPs). Without
            a column `run` every row is its own run.
        critical: B_star and alpha_B of the critical batch: then C and E are C_min and E_min, at a batch far
            below it (Kaplan et al. 2020, arXiv 2001.08361, section 5.1), and two of B, S and E are needed.
        bootstrap: How often the runs are resampled for the intervals; 0 for no intervals.
        seed: The seed of the draws.
        level: The probability of the intervals.

    Returns:
        The unbeaten sizes, the budgets at which one takes over from another, and the trends of N and E in C.

    Raises:
        PointsError: A column is missing, or a value is not a positive number.
        FitError: The frontier holds fewer than 3 sizes, or fewer than 2 handovers inside the runs of both
            sizes.

    Examples:
        >>> import numpy as np, polars as pl, quarry
        >>> known = quarry.find_published("besiroglu")
        >>> axes = np.meshgrid(np.geomspace(1e7, 1e9, 5), np.geomspace(1e8, 1e11, 60), indexing="ij")
        >>> n, tokens = (axis.ravel() for axis in axes)
        >>> loss = known.law.predict(known.params, {"N": n, "E": tokens})
        >>> curves = pl.DataFrame({"run": np.round(n).astype(str), "N": n, "E": tokens, "loss": loss})
        >>> round(quarry.fit_envelope(curves, bootstrap=0).trend.a, 2)
        0.51
    """
    check_settings(FitError, bootstrap, seed, level)
    table = with_sizes(allocation_table(points, critical))
    places, found = _frontier_and_handovers(_columns(table))
    frontier, handovers = table[places], pl.DataFrame(found)
    _check(table, frontier, handovers)
    draws, unusable = _redrawn(table, bootstrap, seed)
    widening = IntervalSettings.of_runs(level, max(2, table["run"].n_unique())).widening
    warnings = (*measurement_warnings(frontier), *_edge_warnings(table, frontier, handovers), *unusable)
    trend = trend_through(_optima(found), draws, level, widening, warnings)
    return Envelope(table.drop("size"), frontier.drop("size"), handovers, trend)


def _columns(table: pl.DataFrame) -> Columns:
    return {name: table[name].to_numpy() for name in ("C", "N", "E", "loss", "size")}


def _frontier_and_handovers(rows: Columns) -> tuple[np.ndarray, Columns]:
    """Where the frontier lies among the rows, and its edges from one size to another."""
    places = frontier_places(rows["C"], rows["loss"])
    frontier = {name: values[places] for name, values in rows.items()}
    size, cost, n = frontier["size"], frontier["C"], frontier["N"]
    first, last = _measured(rows)
    before = np.flatnonzero(size[1:] != size[:-1])
    after = before + 1
    middle = {name: _middle(frontier[name], before, after) for name in ("C", "N", "E", "loss")}
    bounded = (cost[before] < last[size[before]]) & (cost[after] > first[size[after]])
    return places, {**middle, "from": n[before], "to": n[after], "bounded": bounded}


def _measured(rows: Columns) -> tuple[np.ndarray, np.ndarray]:
    """The least and the largest C of each size, by its number."""
    size, cost = rows["size"], rows["C"]
    first, last = np.full(size.max() + 1, np.inf), np.zeros(size.max() + 1)
    np.minimum.at(first, size, cost)
    np.maximum.at(last, size, cost)
    return first, last


def _middle(values: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return np.sqrt(values[before]) * np.sqrt(values[after])


def _optima(handovers: Columns) -> Optima:
    log_c, log_n, log_e = (np.log(handovers[name][handovers["bounded"]]) for name in ("C", "N", "E"))
    return Optima(log_c, log_n, log_e, np.ones(len(log_c)))


def _check(table: pl.DataFrame, frontier: pl.DataFrame, handovers: pl.DataFrame) -> None:
    sizes = frontier["size"].n_unique()
    if sizes < _FEWEST_SIZES:
        raise FitError(
            f"the compute frontier holds {text.plural(sizes, 'size')} of the {table['size'].n_unique()} "
            f"measured, and its slope needs {_FEWEST_SIZES}: add sizes, or curves that reach further"
        )
    if (bounded := int(handovers["bounded"].sum())) < 2:
        raise FitError(
            f"the compute frontier has {text.plural(len(handovers), 'handover')} between sizes, and only "
            f"{bounded} inside the runs of both: the others follow from where runs begin and end, not from "
            "the losses; measure small sizes further on, or large ones earlier"
        )


def _redrawn(table: pl.DataFrame, bootstrap: int, seed: int) -> tuple[Optima | None, tuple[str, ...]]:
    """The handovers of the frontier of resampled runs, [draws, handovers]; None if too few draws have two."""
    if bootstrap == 0:
        return None, ("no interval was asked for (bootstrap=0)",)
    drawn, rows = resample(table["run"].to_numpy(), bootstrap, seed) > 0, _columns(table)
    kept = ({name: values[some] for name, values in rows.items()} for some in drawn)
    optima = [_optima(_frontier_and_handovers(each)[1]) for each in kept]
    usable = [one for one in optima if len(one.log_c) >= 2]
    if len(usable) < bootstrap / 2:
        return None, (
            f"no interval: only {len(usable)} of {bootstrap} resamples of the runs have two handovers; "
            "train more sizes or seeds",
        )
    return _padded(usable), ()


def _padded(optima: list[Optima]) -> Optima:
    """As arrays of one width; the padding has no weight."""
    width = max(len(one.log_c) for one in optima)

    def stacked(name: str) -> np.ndarray:
        rows = [getattr(one, name) for one in optima]
        return np.array([np.pad(row, (0, width - len(row))) for row in rows])

    return Optima(stacked("log_c"), stacked("log_n"), stacked("log_e"), stacked("weight"))


def _edge_warnings(table: pl.DataFrame, frontier: pl.DataFrame, handovers: pl.DataFrame) -> list[str]:
    warnings, n, size = [], frontier["N"], frontier["size"]
    ends = (("smallest", size[0] == 0, n[0]), ("largest", size[-1] == table["size"].max(), n[-1]))
    if edges := [f"the {word} size, N = {text.count(value)}" for word, reached, value in ends if reached]:
        warnings.append(
            f"the frontier ends at {' and at '.join(edges)}: sizes beyond might take part of what it leads"
        )
    if handovers["bounded"].sum() == 2:
        warnings.append("two handovers make a line whatever they are: nothing tests that it is straight")
    if unbounded := int((~handovers["bounded"]).sum()):
        warnings.append(
            f"{unbounded} of {len(handovers)} handovers are left out: there the frontier passes to another "
            "size because runs begin or end"
        )
    return warnings
