"""Whether N counts parameters and E tokens, or millions and billions of them.

A law is fitted as well in any unit, but C = 6 N E and every plan need plain counts.
"""

import math
from collections.abc import Mapping
from itertools import product

import numpy as np
import polars as pl

from quarry.analysis.points.columns import cell_error
from quarry.errors import FitError, PointsError
from quarry.text import count, plural

FEWEST_PARAMETERS = 1e3
"""Models with fewer parameters are doubted."""

TOKENS_PER_PARAMETER = (1e-3, 1e6)
"""E / N outside this range is doubted."""

FEWEST_TOKENS, FEW_TOKENS = 1e5, 1e6
"""If the largest E has fewer, no run is planned by it; nor if it has few, and the least N too few too."""

_USUAL_RATIO = 20.0
"""E / N near which most models are trained: it tells which unit was meant."""

_UNITS = {1.0: "", 1e6: " in millions", 1e9: " in billions"}

Range = tuple[float, float]

SMALLEST_N = 1e-9
"""One parameter, counted in billions."""

LARGEST_LOG = np.log(np.finfo(np.float64).max)
"""A ratio whose logarithm is larger is no number."""


def check_tokens(table: pl.DataFrame, source: str, given: str) -> None:
    """Raise PointsError for an E of fewer than one token; `given` is the column that E was read from."""
    few = ((table["E"] > 0) & (table["E"] < 1)).fill_null(False)
    if not few.any():
        return
    if given == "C":
        raise PointsError(
            f"{source}: column C gives fewer tokens than one, E = C / 6N: C must be in FLOPs, N in parameters"
        )
    error = cell_error(
        table.with_columns(pl.col("E").alias(given)), few, given, source, "is less than a token"
    )
    raise PointsError(f"{error}: {given} counts tokens; --columns {given}=1e9*{given} reads it in billions")


def check_parameters(table: pl.DataFrame, source: str) -> None:
    """Raise PointsError for a positive N of less than a parameter even if it counts billions."""
    few = ((table["N"] > 0) & (table["N"] < SMALLEST_N)).fill_null(False)
    if few.any():
        raise cell_error(table, few, "N", source, "is less than a parameter, even in billions")


def check_compute(table: pl.DataFrame, source: str, given: str) -> None:
    """Raise PointsError where C = 6NE is too large for a float; E was read from `given`."""
    large = (table["C"].is_infinite() & table["N"].is_finite() & table["E"].is_finite()).fill_null(False)
    if large.any():
        table = table.with_columns(pl.col("E").alias(given))
        raise cell_error(table, large, given, source, "gives a C = 6NE that is too large for a number")


def ranges_of(table: pl.DataFrame) -> dict[str, Range]:
    """The least and largest N, E and E/N of the rows that have both, positive and finite; empty without."""
    if not {"N", "E"} <= set(table.columns):
        return {}
    n, tokens = (table[name].cast(pl.Float64).fill_null(0.0).to_numpy() for name in ("N", "E"))
    usable = np.isfinite(n) & np.isfinite(tokens) & (n > 0) & (tokens > 0)
    if not usable.any():
        return {}
    n, tokens = n[usable], tokens[usable]
    ratio = np.exp(np.minimum(np.log(tokens) - np.log(n), LARGEST_LOG))
    values = {"N": n, "E": tokens, "E/N": ratio}
    return {name: (float(each.min()), float(each.max())) for name, each in values.items()}


def unit_doubts(ranges: Mapping[str, Range]) -> list[str]:
    """A sentence that doubts the units of N and E, with what they would be in others; or none.

    `ranges` has the least and largest N, E and E/N; without them nothing is doubted.
    """
    if not {"N", "E", "E/N"} <= set(ranges):
        return []
    n, ratio, (low, high) = ranges["N"], ranges["E/N"], TOKENS_PER_PARAMETER
    doubts = []
    if n[0] < FEWEST_PARAMETERS:
        doubts.append(f"N from {count(n[0])} is fewer than {count(FEWEST_PARAMETERS)} parameters")
    if ratio[0] < low or ratio[1] > high:
        doubts.append(
            f"E / N from {ratio[0]:.3g} to {ratio[1]:.3g} leaves {low:g} to {high:g} tokens per parameter"
        )
    return [f"{' and '.join(doubts)}: are N and E counts?{_other_units(ranges)}"] if doubts else []


def check_counts(ranges: Mapping[str, Range]) -> None:
    """Raise FitError where N and E cannot be counts of parameters and tokens, and a plan would be wrong.

    They cannot if all N, all E, or E / N of all points are out of every range, or some N with few E. `ranges`
    as in `unit_doubts`.
    """
    if not {"N", "E", "E/N"} <= set(ranges):
        return
    n, tokens, ratio, (low, high) = ranges["N"], ranges["E"], ranges["E/N"], TOKENS_PER_PARAMETER
    few = n[0] < FEWEST_PARAMETERS and tokens[1] < FEW_TOKENS
    if few or n[1] < FEWEST_PARAMETERS or tokens[1] < FEWEST_TOKENS or ratio[1] < low or ratio[0] > high:
        raise FitError(
            f"no plan: the points have N from {count(n[0])} to {count(n[1])} and E from "
            f"{count(tokens[0])} to {count(tokens[1])}, which are no counts of parameters and "
            f"tokens.{_other_units(ranges)}"
        )


def _other_units(ranges: Mapping[str, Range]) -> str:
    """What N and E would be in the units that make them most usual, and how to say so."""
    n, tokens, ratio = ranges["N"], ranges["E"], ranges["E/N"]
    middle = (math.log(ratio[0]) + math.log(ratio[1])) / 2 - math.log(_USUAL_RATIO)
    usual = [
        (abs(middle + math.log(e / p)), p, e)
        for p, e in product(_UNITS, _UNITS)
        if (p, e) != (1.0, 1.0) and n[0] * p >= FEWEST_PARAMETERS and tokens[1] * e >= FEW_TOKENS
    ]
    if not usual:
        return ""
    _, p, e = min(usual)
    said = [
        f"{name}{_UNITS[factor]} would be {count(ends[0] * factor)} to {count(ends[1] * factor)}"
        for name, ends, factor in (("N", n, p), ("E", tokens, e))
        if factor > 1
    ]
    columns = ",".join(
        f"{name}={f:g}*{name}".replace("e+0", "e") for name, f in (("N", p), ("D", e)) if f > 1
    )
    return f" {', '.join(said)} (--columns {columns})"


def flops_doubts(table: pl.DataFrame) -> list[str]:
    """That C is far from 6NE, where the table has all three: the unit is then hardly FLOPs."""
    if not {"C", "N", "E"} <= set(table.columns):
        return []
    c, n, tokens = (table[name].cast(pl.Float64, strict=False) for name in ("C", "N", "E"))
    ratio = c / (6 * n * tokens)
    far = int(((ratio > 3) | (ratio < 1 / 3)).sum())
    return [f"C is not within a factor of 3 of 6NE in {plural(far, 'point')}: is it in FLOPs?"] if far else []
