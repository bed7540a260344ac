"""Measured runs beside the solvable models: the same law fitted to both, and where they agree."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import polars as pl

from analysis.fit import Fit, fit
from analysis.laws import Law, epochs
from analysis.points import Points
from analysis.theory.simulated import LADDERS, Ladder

SIGNS = ("p", "q")
"""What the reuse term of `epochs` says: repetitions worth having grow as U^p and fall as N^q."""


@dataclass(frozen=True)
class Beside:
    """The fits of measured and simulated points; `table` has a row for each source.

    Columns: source, p, q, R_0 (of R* = R_0 (U/U_0)^p (N/N_0)^-q, near the middle of the source's points), the
    90% interval of the measured p and q (null for a model), rise (mean over N and U of the loss at the most
    epochs above the least) and agrees: whether the measured intervals hold the model's p and q (null without
    intervals).
    """

    fits: dict[str, Fit]
    table: pl.DataFrame


def beside(
    measured: Points | pl.DataFrame,
    ladders: Iterable[Ladder] = LADDERS.values(),
    bootstrap: int = 400,
    seed: int = 0,
) -> Beside:
    """Fit `epochs` with its reuse term to measured points of several N, U and k, and to simulated ones.

    Scales are not compared: N, U and nats of a model are in units of its own. Raises FitError.
    """
    fits = {"measured": _fitted(measured, bootstrap, seed)}
    fits |= {ladder.name: _fitted(ladder.points(), 0, seed) for ladder in ladders}
    first = fits["measured"]
    return Beside(
        fits, pl.DataFrame([_row(name, one, first) for name, one in fits.items()], infer_schema_length=None)
    )


def _fitted(points: Points | pl.DataFrame, bootstrap: int, seed: int) -> Fit:
    return fit(points, REUSE, bootstrap=bootstrap, seed=seed, level=0.9)


def _thinned(law: Law) -> Law:
    """The law with two starts a parameter: tables of hundreds of points with little noise need no more."""
    parameters = [
        replace(one, starts=(one.starts[0], one.starts[len(one.starts) // 2])) for one in law.parameters
    ]
    reference = law.reference
    at = None if reference is None else lambda v: _thinned(reference(v))
    return replace(law, parameters=tuple(parameters), reference=at)


REUSE = _thinned(epochs(("reuse",)))
"""The joint surface with its reuse term alone: R* = R_0 (U/U_0)^p (N/N_0)^-q."""


def _row(name: str, one: Fit, measured: Fit) -> dict[str, object]:
    values = {sign: one.params[sign] for sign in SIGNS}
    row: dict[str, object] = {"source": name, **values, "R_0": one.params["R_0"], "rise": rise(one.points)}
    for sign in SIGNS:
        low, high = one.interval[sign] if one is measured else (None, None)
        row |= {f"{sign}_low": low, f"{sign}_high": high}
    known = one is not measured and measured.intervals is not None
    inside = [_inside(value, *measured.interval[sign]) for sign, value in values.items()]
    return row | {"agrees": all(inside) if known else None}


def _inside(value: float, low: float | None, high: float | None) -> bool:
    return (low is None or low <= value) and (high is None or value <= high)


def rise(points: pl.DataFrame) -> float:
    """The loss at the most epochs above the least at any, mean over the pairs of N and U, nats per token."""
    ordered = points.with_columns(k=pl.col("E") / pl.col("U")).sort("k")
    by = ordered.group_by("N", "U").agg(rise=pl.col("loss").last() - pl.col("loss").min())
    return float(by["rise"].to_numpy().mean())
