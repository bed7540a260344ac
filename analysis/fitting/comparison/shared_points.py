"""The points that all laws of a comparison can use, and the runs that it holds out."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from quarry import text
from quarry.analysis.fitting.comparison.held_out import distinct_points
from quarry.analysis.laws.catalog import find_law
from quarry.analysis.points.columns import law_inputs
from quarry.analysis.points.held_out import held_out_rows
from quarry.analysis.points.loading import PointsLike, as_points
from quarry.analysis.points.selection import points_for_law, select_points
from quarry.errors import FitError

if TYPE_CHECKING:
    from quarry.analysis.fitting.result import Fit
    from quarry.analysis.fitting.search import Data
    from quarry.analysis.laws.law import Law
    from quarry.analysis.points.table import Points

_ROW = "row of the comparison"


def named_laws(laws: "Iterable[str | Law] | Mapping[str, str | Law]") -> "dict[str, Law]":
    """The laws by the names to show. Raises FitError, LawError."""
    by_name = isinstance(laws, Mapping)
    given = [find_law(law) if isinstance(law, str) else law for law in (laws.values() if by_name else laws)]
    names = [str(name) for name in laws] if by_name else [law.name for law in given]
    if repeated := [name for name in names if names.count(name) > 1]:
        raise FitError(f"two laws are called {repeated[0]}: give laws by the names to show")
    named = dict(zip(names, given, strict=True))
    if len(named) < 2:
        raise FitError(f"{text.plural(len(named), 'law')} given: a comparison needs two or more")
    responses = {law.response for law in named.values()}
    if len(responses) > 1:
        raise FitError(f"the laws are of different things, {' and '.join(sorted(responses))}")
    return named


def shared_points(
    points: PointsLike, laws: "Mapping[str, Law]", critical: Mapping[str, float] | None
) -> "tuple[Points, list[str]]":
    """The points that all laws can use, by rising compute, and a sentence for each that can use fewer.

    Raises FitError.
    """
    points = as_points(points)
    numbered = replace(points, table=points.table.drop(_ROW, strict=False).with_row_index(_ROW))
    usable = {name: select_points(points_for_law(numbered, law, critical), law) for name, law in laws.items()}
    kept = {name: set(own.table[_ROW]) for name, own in usable.items()}
    shared = set.intersection(*kept.values())
    if not shared:
        counts = "; ".join(f"{name} {len(rows)} of {len(points.table)}" for name, rows in kept.items())
        raise FitError(f"no point can be used by all laws ({counts}): they are not comparable")
    fewer = [
        f"{name} can use only {len(own.table)} of {len(points.table)} points "
        f"({own.excluded[-1].reason}): every law is fitted on the {len(shared)} that all can use"
        for name, own in usable.items()
        if len(own.table) < len(points.table)
    ]
    table = numbered.table.filter(pl.col(_ROW).is_in(list(shared))).drop(_ROW)
    # A law of C sorts its points so: all fits then have their rows in one order.
    return replace(points, table=table.sort([name for name in ("C", "loss") if name in table.columns])), fewer


def rows_beyond(fits: "Mapping[str, Fit]", cut: float | None) -> tuple[np.ndarray, float | None]:
    """Rows of the runs of a compute beyond `cut`, and the largest compute of the others.

    Without a cut these are the fifth of largest compute, or no row if too few would be left. Raises FitError
    for a cut that leaves too few, or none beyond it.
    """
    data, compute = widest(fits), _compute(fits)
    if cut is not None:
        out = np.isin(data.runs, data.runs[compute > cut])
        _check_cut(data, out, cut, compute)
        return out, float(compute[~out].max())
    out = held_out_rows(data.law, {**data.inputs, "C": compute}, data.runs)
    return (np.zeros(data.points, bool), None) if out is None else (out, float(compute[~out].max()))


def widest(fits: "Mapping[str, Fit]") -> "Data":
    """The data of the law with the most parameters."""
    return max((fitted.data for fitted in fits.values()), key=lambda data: len(data.law.parameters))


def _check_cut(data: "Data", out: np.ndarray, cut: float, compute: np.ndarray) -> None:
    if not out.any():
        raise FitError(f"cut={cut:g}: no run has more compute; the largest has {compute.max():g} FLOPs")
    if distinct_points(data, ~out) <= (needed := len(data.law.parameters)):
        left = text.plural(distinct_points(data, ~out), "distinct point")
        raise FitError(f"cut={cut:g}: {left} below it, too few for {needed} parameters of {data.law.name}")


def _compute(fits: "Mapping[str, Fit]") -> np.ndarray:
    """C of each point; without it 6NE, and without these the product of the inputs."""
    fitted = next(iter(fits.values()))
    if "C" in fitted.points.columns:
        return fitted.points["C"].cast(pl.Float64).to_numpy()
    if {"N", "E"} <= set(fitted.points.columns):
        return 6 * np.prod([fitted.points[name].cast(pl.Float64).to_numpy() for name in "NE"], axis=0)
    return np.prod(list(law_inputs(fitted.points, fitted.law).values()), axis=0)
