"""The section of the page on compute-optimal models: three ways to N_opt(C) and E_opt(C), and L(C)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np

from quarry import text
from quarry.analysis.report.figures.allocation import isoflop_curves
from quarry.analysis.report.figures.optimum import loss_by_compute, optima_by_way
from quarry.errors import FitError, PointsError

if TYPE_CHECKING:
    from quarry.analysis.allocation.methods import Allocation
    from quarry.analysis.fitting.result import Fit
    from quarry.analysis.points.table import Points
    from quarry.analysis.report.source import Source

WAYS = {
    "isoflop": "isoFLOP minima",
    "envelope": "envelope of the curves",
    "parametric": "fitted law",
}
"""Approaches 2, 1 and 3 of Hoffmann et al. 2022 (arXiv 2203.15556), in the order of the page."""

_DRAWN, _BEYOND = 24, 10.0
"""Budgets along a line, and how far beyond the largest run they go."""

Way = Callable[[Sequence[float]], Any]
"""The Allocation of budgets in FLOPs by one approach. Raises FitError, PointsError."""


@dataclass(frozen=True)
class Optimum:
    """What each way found at `flops`, from the least C of the runs to ten times the largest.

    `found` are the allocations by way, `refused` the reasons of those that found nothing.
    """

    flops: np.ndarray
    found: "Mapping[str, Allocation]"
    refused: Mapping[str, str]
    charts: Mapping[str, alt.LayerChart] = field(default_factory=dict)

    @property
    def notices(self) -> list[str]:
        """Why a way found nothing, and what is doubtful in those that did; a law's own stand with the law."""
        reasons = [f"{WAYS[way]}: {reason}" for way, reason in self.refused.items()]
        for way, allocation in self.found.items():
            trend = getattr(allocation.found, "trend", None)
            reasons += [f"{WAYS[way]}: {warning}" for warning in (trend.warnings if trend else ())]
        return reasons

    @property
    def sentences(self) -> list[str]:
        """How N_opt grows with C by each way, for the summary."""
        if not self.found:
            return []
        exponents = [
            f"C to the power {each.shown('a', 2)} ({text.interval(each.a[1], 2)}) by the {WAYS[way]}"
            for way, each in self.found.items()
        ]
        return [f"The compute-optimal N grows as {', as '.join(exponents)}."]

    @property
    def rows(self) -> "list[dict[str, object]]":
        """A row of the page's table for each way: its exponents, and its optimum at the last of `flops`."""
        return [_row(way, allocation) for way, allocation in self.found.items()]


def find_optimum(source: "Source", law: "Fit | None", ways: Mapping[str, Way]) -> Optimum | None:
    """The compute-optimal N and E by each of `ways`, and L(C) by a `law` of N and E.

    None without two sizes to compare.
    """
    try:
        ended = source.ended
    except PointsError:
        return None
    if ended.table["N"].n_unique() < 2:
        return None
    flops = _budgets(ended)
    found, refused = {}, {}
    for name, way in ways.items():
        try:
            found[name] = way(flops.tolist())
        except (FitError, PointsError) as error:
            refused[name] = str(error)
    return Optimum(flops, found, refused, _charts(found, ended, law))


def _budgets(points: "Points") -> np.ndarray:
    measured = points.table["C"].cast(float).to_numpy()
    low, high = measured.min(), measured.max()
    return np.concatenate(
        [np.geomspace(low, high, _DRAWN), np.geomspace(high, high * _BEYOND, _DRAWN // 2)[1:]]
    )


def _charts(
    found: "Mapping[str, Allocation]", ended: "Points", law: "Fit | None"
) -> dict[str, alt.LayerChart]:
    charts: dict[str, alt.LayerChart] = {}
    isoflop: Any = found["isoflop"].found if "isoflop" in found else None
    minima = getattr(isoflop, "budgets", None)
    if isoflop is not None:
        charts["isoflop"] = isoflop_curves(isoflop)
    if found:
        named = {WAYS[way]: allocation for way, allocation in found.items()}
        largest = float(ended.table["C"].cast(float).to_numpy().max())
        charts |= {f"optimal-{q.lower()}": optima_by_way(named, largest, q) for q in ("N", "E")}
    if law is not None and "parametric" in found:
        charts["loss-by-compute"] = loss_by_compute(law, found["parametric"].budgets["C"].to_numpy(), minima)
    return charts


def _row(way: str, allocation: "Allocation") -> dict[str, object]:
    """The exponents, and the optimum ten times beyond the largest run."""
    last = allocation.budgets.row(-1, named=True)
    return {"way": WAYS[way], "found": allocation, "limit": " (limit)" * allocation.at_limit, **last}
