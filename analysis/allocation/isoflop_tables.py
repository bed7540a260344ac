"""The tables of an isoFLOP result, a row for each budget or point."""

import math
from typing import Any

import numpy as np
import polars as pl

from quarry.analysis.allocation.budgets import Curve
from quarry.analysis.allocation.minimum import Minimum, interpolated, too_few
from quarry.analysis.fitting.intervals import IntervalSettings

_DRAWN = 61
"""Points along an interpolant."""

_ENDS = ("C", "N", "N_low", "N_high", "E", "E_low", "E_high", "loss", "log_sd", "inside")
_BUDGETS = {**dict.fromkeys(_ENDS, pl.Float64()), "sizes": pl.Int64(), "points": pl.Int64()}
_REFUSED = {"C": pl.Float64(), "sizes": pl.Int64(), "points": pl.Int64(), "reason": pl.String()}


def budgets_table(minima: list[Minimum], level: float) -> pl.DataFrame:
    """The budgets with a minimum, and its interval where there are draws."""
    return pl.DataFrame([_budget_row(one, level) for one in minima], _BUDGETS)


def refused_table(minima: list[Minimum]) -> pl.DataFrame:
    """The budgets without a minimum, and the reason."""
    return pl.DataFrame([_counts(one.curve) | {"reason": one.reason} for one in minima], _REFUSED)


def means_table(curves: list[Curve]) -> pl.DataFrame:
    """C, N, loss of the means over the runs of each size and budget."""
    return pl.concat([_along(curve, curve.log_n, curve.log_loss) for curve in curves])


def curves_table(curves: list[Curve], method: str) -> pl.DataFrame:
    """C, N, loss along the interpolants; no rows for a budget that has too few sizes for one."""
    return pl.concat([_interpolated(curve, method) for curve in curves])


def _counts(curve: Curve) -> dict[str, Any]:
    return {"C": curve.flops, "sizes": len(curve.log_n), "points": int(curve.count.sum())}


def _budget_row(found: Minimum, level: float) -> dict[str, Any]:
    n, tokens, inside = found.log_n, found.curve.log_tokens, found.inside
    low, high = IntervalSettings(level).interval(found.draws[inside], n)
    at = {"N": math.exp(n), "E": math.exp(tokens(n)), "loss": math.exp(found.log_loss)}
    row = _counts(found.curve) | at
    if low is None or high is None:
        return row
    row |= {"N_low": math.exp(low), "N_high": math.exp(high)}
    row |= {"E_low": math.exp(tokens(high)), "E_high": math.exp(tokens(low))}
    return row | {"log_sd": float(np.std(found.draws[inside])), "inside": float(inside.mean())}


def _interpolated(curve: Curve, method: str) -> pl.DataFrame:
    log_n = np.linspace(curve.log_n[0], curve.log_n[-1], 0 if too_few(curve, method) else _DRAWN)
    return _along(curve, log_n, interpolated(curve, method, log_n) if len(log_n) else log_n)


def _along(curve: Curve, log_n: np.ndarray, log_loss: np.ndarray) -> pl.DataFrame:
    return pl.DataFrame({"C": np.full(len(log_n), curve.flops), "N": np.exp(log_n), "loss": np.exp(log_loss)})
