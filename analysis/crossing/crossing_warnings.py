"""Warnings of a measured crossing: extrapolation, misfit, points at the edge of what was trained."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import polars as pl

from quarry import text
from quarry.analysis.allocation.trends import measurement_warnings
from quarry.analysis.fitting.prediction.band import FURTHER
from quarry.analysis.fitting.warnings import rejection
from quarry.analysis.points.comparable import average_warnings

if TYPE_CHECKING:
    from quarry.analysis.crossing.law_draws import Samples
    from quarry.analysis.crossing.result import CrossingResult

_FAR_OUTSIDE = 1.0
"""A law read more than this many decades outside its fitted range is flagged."""


def crossing_warnings(result: "CrossingResult", samples: "Samples") -> Iterator[str]:
    """Warnings of the result and of the points that its laws were fitted on."""
    for reading in result.readings:
        if abs(reading.decades) > _FAR_OUTSIDE:
            side = "above" if reading.decades > 0 else "below"
            yield (
                f"{reading.law} is read {abs(reading.decades):.1f} decades {side} its fitted range"
                f"{FURTHER if reading.further else ''}: an extrapolation that no held-out run supports"
            )
    for law, misfit in samples.misfits(result.laws).items():
        if misfit is not None:
            yield from rejection(law, ["C" if law == "L(C)" else "U"], "loss", misfit)
    yield from _draw_warnings(result)
    yield from _floor_warnings(result.floor, samples.data.table)
    yield from _frontier_warnings(result.frontier, samples.compute.table["N"])
    used = pl.concat([result.frontier, result.floor], how="diagonal").drop("U")
    yield from measurement_warnings(used.unique(maintain_order=True))
    for law, side in (("L(C)", samples.compute), ("L(D)", samples.data)):
        cell = [side.variable, *side.cell]
        yield from average_warnings(side.points, cell, f"one {', '.join(cell)} in {law}")


def _draw_warnings(result: "CrossingResult") -> Iterator[str]:
    if result.p_unfitted is None:
        yield "no interval was asked for (bootstrap=0)"
    if result.p_none:
        yield f"{text.number(100 * result.p_none, 2)}% of the draws have no crossing: they count as C* = inf"
    if result.p_unfitted:
        yield f"{text.number(100 * result.p_unfitted, 2)}% of the draws have too few points for the laws"


def _floor_warnings(floor: pl.DataFrame, tried: pl.DataFrame) -> Iterator[str]:
    """Where the least loss of a U is at the most epochs or the largest model trained."""
    most = tried.group_by("U").agg(k=pl.col("E").max(), n=pl.col("N").max())
    best = floor.join(most, on="U").unique("U")
    for limit, column, words in (
        ("k", "E", "the most epochs trained"),
        ("n", "N", "the largest model trained"),
    ):
        if at_limit := int((best[column] == best[limit]).sum()):
            yield (
                f"at {at_limit} of {text.plural(len(best), 'value')} of U the least loss is that of {words}: "
                "the floor may lie lower, and the crossing later"
            )


def _frontier_warnings(frontier: pl.DataFrame, sizes: pl.Series) -> Iterator[str]:
    if at_end := int(frontier["N"].is_in([sizes.min(), sizes.max()]).sum()):
        yield (
            f"{at_end} of {text.plural(len(frontier), 'point')} of the frontier are of the smallest or the "
            "largest model trained: there D(C) follows the choice of sizes, not the optimum"
        )
