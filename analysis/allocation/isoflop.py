"""Approach 2: the compute-optimal N and E from the minimum of loss against N at fixed C.

Measured on noiseless Chinchilla surfaces, 7 sizes over ±16x: the minimum of Akima's spline is off by at most
0.5% (α = 0.348, β = 0.366) to 3.2% (α = 0.46, β = 0.31), a parabola's by 2% to 16%, more with a wider
grid (arXiv 2603.22339). The price is noise: with 0.2% to 0.4% of it between seeds the exponent of 4 to 9
budgets spread 6 to 16 times as far as the parabola's.

95% intervals of the minima covered the truth 92.5% to 98% of the time over 100 repeats of six designs, those
of the exponent 93% to 97%; of a parabola's minima as little as 51%, since its intervals do not include its
bias. Minima further off the line than their noise explains widen its intervals in proportion.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import scipy

from quarry import text
from quarry.analysis.allocation.budgets import Curve, curve_of, group_budgets
from quarry.analysis.allocation.loss_noise import LossNoise, measure_noise
from quarry.analysis.allocation.minimum import METHODS, Minimum, interpolated, minimum, too_few
from quarry.analysis.allocation.trends import (
    Optima,
    Trend,
    allocation_table,
    measurement_warnings,
    straight_line,
    trend_through,
)
from quarry.analysis.fitting.intervals import IntervalSettings
from quarry.checks import check_choice, check_positive, check_settings
from quarry.errors import FitError

if TYPE_CHECKING:
    from quarry.analysis.points.loading import PointsLike

# Warnings: the largest ratio of C within a budget, and the least probability of minima so far off the line.
_SPREAD, _UNLIKELY = 1.12, 0.01

_DRAWN = 121

_ENDS = ("C", "N", "N_low", "N_high", "E", "E_low", "E_high", "loss", "log_sd", "inside")
_BUDGET_COLUMNS = {**dict.fromkeys(_ENDS, pl.Float64()), "sizes": pl.Int64(), "points": pl.Int64()}
_REFUSED_COLUMNS = {"C": pl.Float64(), "sizes": pl.Int64(), "points": pl.Int64(), "reason": pl.String()}


@dataclass(frozen=True)
class IsoFlop:
    """The minimum of each budget and the straight lines through them.

    `budgets`, a row each by rising C: C; N, E and loss at the minimum; intervals N_low, N_high, E_low,
    E_high, log_sd of N and the share `inside` of draws whose minimum the sizes enclose (null without draws);
    sizes, points. With draws N is their median. `refused`: C, sizes, points, reason. `points`: C (of the
    budget), N, loss, the means that were interpolated. `curves`: C, N, loss along the interpolants.
    """

    budgets: pl.DataFrame
    refused: pl.DataFrame
    points: pl.DataFrame
    curves: pl.DataFrame
    trend: Trend
    method: str
    noise: LossNoise | None

    def to_json(self) -> dict[str, Any]:
        """Strict JSON values: {method, interpolation, noise, budgets, refused, trend}."""
        return {
            "method": "isoflop",
            "interpolation": self.method,
            "noise": self.noise and self.noise.to_json(),
            "budgets": self.budgets.to_dicts(),
            "refused": self.refused.to_dicts(),
            "trend": self.trend.to_json(),
        }


def fit_isoflop(
    points: "PointsLike",
    *,
    method: str = "akima",
    tolerance: float = 0.05,
    noise: float | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> IsoFlop:
    """The compute-optimal N and E of points at several sizes for each of two or more budgets of C.

    Runs of one size and budget are averaged. The minima, and the line through them weighted by 1/variance,
    get their intervals from draws of the noise. Source: Hoffmann et al. 2022 (arXiv 2203.15556), section 3.2;
    interpolation, refusals, noise and weights follow Porian et al. 2024 (arXiv 2406.19146).

    Args:
        points: A table with N (parameters), loss (nats per token), and D or E (tokens) or C (FLOPs). The
            budgets are those of a column `budget`, else the fullest windows of C.
        method: The curve through the losses of one budget, `akima` or `parabola`.
        tolerance: Half the width of a window of C, as a fraction of its middle.
        noise: The standard deviation of log loss between seeds. By default it is measured between runs of one
            size and budget, else by what a polynomial in log N leaves, else it is loss_sem.
        bootstrap: How many draws of the noise the intervals are made from; 0 for no intervals.
        seed: The seed of the draws.
        level: The probability of the intervals.

    Returns:
        The minimum of each budget, the budgets without one and the reason, and the trends of N and E in C.

    Raises:
        PointsError: A column is missing, or a value is not a positive number.
        FitError: Fewer than 2 budgets have a minimum inside their sizes.

    Example:
        >>> import numpy as np, polars as pl, quarry
        >>> known = quarry.find_published("besiroglu")
        >>> flops = np.repeat([1e18, 1e19, 1e20], 7)
        >>> n = np.tile(np.geomspace(1 / 8, 8, 7), 3) * np.sqrt(flops / 120)
        >>> loss = known.law.predict(known.params, {"N": n, "E": flops / (6 * n)})
        >>> points = pl.DataFrame({"N": n, "C": flops, "loss": loss})
        >>> round(quarry.fit_isoflop(points, bootstrap=0).trend.a, 2)
        0.51
    """
    check_settings(FitError, bootstrap, seed, level)
    _check_own(method, tolerance, noise)
    groups, stray = group_budgets(allocation_table(points), tolerance)
    curves = [curve_of(group) for group in groups]
    measured = measure_noise(pl.concat(groups), curves, noise) if bootstrap else None
    rng = np.random.default_rng(seed)
    levels = measured.levels(bootstrap, rng) if measured else np.array([])
    minima = [minimum(curve, method, levels, rng) for curve in curves]
    kept, refused = [one for one in minima if not one.reason], [one for one in minima if one.reason]
    _check_enough(kept, refused)
    optima = _optima(kept)
    scatter = _scatter(optima, measured)
    draws = _drawn_optima(kept, optima) if measured else None
    warnings = (
        *measurement_warnings(pl.concat(groups)),
        *_design_warnings(groups, stray, method),
        *_noise_warnings(measured, bootstrap),
        *_line_warnings(optima, scatter),
    )
    return IsoFlop(
        budgets=pl.DataFrame([_budget_row(one, level) for one in kept], _BUDGET_COLUMNS),
        refused=pl.DataFrame([_refused_row(one) for one in refused], _REFUSED_COLUMNS),
        points=pl.concat([_drawn(curve, curve.log_n, curve.log_loss) for curve in curves]),
        curves=pl.concat([_interpolated(curve, method) for curve in curves]),
        trend=trend_through(optima, draws, level, scatter, warnings),
        method=method,
        noise=measured,
    )


def _check_own(method: str, tolerance: float, noise: float | None) -> None:
    check_choice(FitError, "method", method, METHODS)
    if not 0 < tolerance <= 0.5:
        raise FitError(f"tolerance={tolerance}: must be above 0 and at most 0.5")
    check_positive(FitError, noise=noise)


def _check_enough(kept: list[Minimum], refused: list[Minimum]) -> None:
    if len(kept) < 2:
        budgets = [*(f"C = {text.power(one.curve.flops, 3)} has one" for one in kept)]
        budgets += [f"C = {text.power(one.curve.flops, 3)}: {one.reason}" for one in refused]
        raise FitError(
            f"{text.plural(len(kept), 'budget')} with a minimum, and a line needs 2 "
            f"({'; '.join(budgets) or 'none has several sizes'}): train several sizes at a further budget"
        )


def _optima(minima: list[Minimum]) -> Optima:
    log_n = np.array([one.log_n for one in minima])
    return Optima(
        log_c=np.array([math.log(one.curve.flops) for one in minima]),
        log_n=log_n,
        log_e=np.array([one.curve.log_tokens(n) for one, n in zip(minima, log_n, strict=True)]),
        weight=np.array([1 / one.variance for one in minima]),
    )


def _drawn_optima(minima: list[Minimum], optima: Optima) -> Optima:
    """The optima of the draws with two or more minima, [draws, budgets]."""
    log_n = np.stack([one.draws for one in minima], axis=1)
    log_n = log_n[np.isfinite(log_n).sum(axis=1) >= 2]
    inside = np.isfinite(log_n)
    log_n = np.where(inside, log_n, optima.log_n)
    log_e = np.stack([one.curve.log_tokens(n) for one, n in zip(minima, log_n.T, strict=True)], axis=1)
    return Optima(np.broadcast_to(optima.log_c, log_n.shape), log_n, log_e, inside * optima.weight)


def _refused_row(found: Minimum) -> dict[str, Any]:
    curve = found.curve
    counts = {"sizes": len(curve.log_n), "points": int(curve.count.sum())}
    return {"C": curve.flops, **counts, "reason": found.reason}


def _budget_row(found: Minimum, level: float) -> dict[str, Any]:
    n, tokens, inside = found.log_n, found.curve.log_tokens, found.inside
    low, high = IntervalSettings(level).interval(found.draws[inside], n)
    at = {"N": math.exp(n), "E": math.exp(tokens(n)), "loss": math.exp(found.log_loss)}
    row = _refused_row(found) | at
    if low is None or high is None:
        return row
    row |= {"N_low": math.exp(low), "N_high": math.exp(high)}
    row |= {"E_low": math.exp(tokens(high)), "E_high": math.exp(tokens(low))}
    return row | {"log_sd": float(np.std(found.draws[inside])), "inside": float(inside.mean())}


def _interpolated(curve: Curve, method: str) -> pl.DataFrame:
    """The interpolant of a budget; no rows if it has too few sizes for one."""
    log_n = np.linspace(curve.log_n[0], curve.log_n[-1], 0 if too_few(curve, method) else _DRAWN)
    return _drawn(curve, log_n, interpolated(curve, method, log_n) if len(log_n) else log_n)


def _drawn(curve: Curve, log_n: np.ndarray, log_loss: np.ndarray) -> pl.DataFrame:
    return pl.DataFrame({"C": np.full(len(log_n), curve.flops), "N": np.exp(log_n), "loss": np.exp(log_loss)})


def _design_warnings(groups: list[pl.DataFrame], stray: int, method: str) -> list[str]:
    warnings = []
    if stray:
        warnings.append(
            f"{text.plural(stray, 'point')} left out: no other size at that C, or the run is there already"
        )
    for group in groups:
        low, high = group["C"].to_numpy().min(), group["C"].to_numpy().max()
        if high > low * _SPREAD:
            warnings.append(f"C varies by {high / low - 1:.0%} within the budget {text.power(high, 3)}")
    if method == "parabola":
        widest = max(group["N"].to_numpy().max() / group["N"].to_numpy().min() for group in groups)
        warnings.append(
            "a parabola's minimum is biased where α and β differ, and the more the wider the sizes (arXiv "
            f"2603.22339): here they span a factor of {text.number(widest, 3)}"
        )
    return warnings


def _noise_warnings(noise: LossNoise | None, bootstrap: int) -> list[str]:
    if bootstrap == 0:
        return ["no interval was asked for (bootstrap=0)"]
    if noise is None:
        return ["no interval: the points do not tell the noise between seeds; give it, or train seeds"]
    if noise.source == "loss_sem":
        return ["the noise is loss_sem, which models scored on one text share: it is not that between seeds"]
    return []


def _scatter(optima: Optima, noise: LossNoise | None) -> float:
    """Ratio of the scatter of the minima about the line to their noise; 1 unless that is improbable."""
    freedom = len(optima.log_c) - 2
    if noise is None or freedom < 1:
        return 1.0
    middle = np.average(optima.log_c, weights=optima.weight)
    slope, value = straight_line(optima.log_c - middle, optima.log_n, optima.weight)
    squares = float(np.sum(optima.weight * (optima.log_n - value - slope * (optima.log_c - middle)) ** 2))
    return math.sqrt(squares / freedom) if scipy.special.chdtrc(freedom, squares) < _UNLIKELY else 1.0


def _line_warnings(optima: Optima, scatter: float) -> list[str]:
    if len(optima.log_c) == 2:
        return ["two budgets make a line whatever they are: nothing tests that it is straight"]
    if scatter == 1.0:
        return []
    times = text.number(scatter, 2)
    return [
        f"the minima lie {times} times as far from the line as their noise does: its intervals are widened"
    ]
