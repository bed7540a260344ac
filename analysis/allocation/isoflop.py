"""Approach 2: the compute-optimal N and E from the minimum of loss against N at fixed C.

Measured on noiseless Chinchilla surfaces, 7 sizes over ±16x: the minimum of Akima's spline is off by at most
0.5% (α = 0.348, β = 0.366) to 3.7% (α = 0.46, β = 0.31), a parabola's by 2% to 16%, more with a wider
grid (arXiv 2603.22339). The price is noise: with 0.2% to 0.4% of it between seeds the exponent of 4 to 9
budgets spread 6 to 16 times as far as the parabola's.

95% intervals of the minima covered the truth 94% to 100% of the time, those of the exponent 93% to 100%, over
100 repeats of each of 54 designs: both laws, 6 budgets, 5 to 12 sizes over ±2x to ±16x, noise of 0 to 1%
(`test_coverage_and_noise_on_designs_wide_and_narrow`). In two more, 1% of noise over ±2x, the noise drowns
the minima: 7 in 10 tables are refused, and 89% of the minima of the rest are covered. A parabola's minima are
not covered at all where α and β differ and the sizes are wide, since its intervals do not include its bias.
Minima further off the line than their noise explains widen its intervals in proportion.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import scipy

from quarry import text
from quarry.analysis.allocation.budgets import curve_of, group_budgets
from quarry.analysis.allocation.common_flops import at_middle
from quarry.analysis.allocation.isoflop_tables import budgets_table, curves_table, means_table, refused_table
from quarry.analysis.allocation.learning_curves import read_at as read_curves_at
from quarry.analysis.allocation.lines import Optima
from quarry.analysis.allocation.loss_noise import LossNoise, measure_noise
from quarry.analysis.allocation.minimum import METHODS, Minimum, minimum, with_draws
from quarry.analysis.allocation.trends import (
    Trend,
    allocation_table,
    measurement_warnings,
    trend_through,
)
from quarry.analysis.points.comparable import average_warnings
from quarry.checks import check_choice, check_positive, check_settings
from quarry.errors import FitError
from quarry.results import Result

if TYPE_CHECKING:
    from quarry.analysis.points.loading import PointsLike

# Warnings: the largest ratio of C within a budget, and the least probability of minima so far off the line.
_SPREAD, _UNLIKELY = 1.12, 0.01
_TOLD = 4
"""Budgets without a minimum that a refusal names: a grid of N and E has dozens, of two sizes each."""


@dataclass(frozen=True)
class IsoFlop(Result):
    """The minimum of each budget and the straight lines through them.

    `budgets`, a row each by rising C: C; N, E and loss at the minimum; intervals N_low, N_high, E_low,
    E_high, log_sd of N and the share `inside` of draws whose minimum the sizes enclose (null without draws);
    sizes, points. `refused`: C, sizes, points, reason. `points`: C (of the budget), N, loss, the means at
    that C that were interpolated. `curves`: C, N, loss along the interpolants.
    """

    budgets: pl.DataFrame
    refused: pl.DataFrame
    points: pl.DataFrame
    curves: pl.DataFrame
    trend: Trend
    method: str
    noise: LossNoise | None

    @property
    def headline(self) -> str:
        return f"isoFLOP minima of {len(self.budgets)} budgets: N ~ C^{text.number(self.trend.a, 3)}"

    def table(self) -> pl.DataFrame:
        """The row of each budget with a minimum: `budgets`."""
        return self.budgets

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
    tolerance: float | None = None,
    noise: float | None = None,
    read_at: Sequence[float] = (),
    critical: Mapping[str, float] | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> IsoFlop:
    """The compute-optimal N and E of points at several sizes for each of two or more budgets of C.

    Runs of one size and budget are averaged. The line goes through the minima with equal weights. The noise
    of the losses decides which budgets have a minimum, and gives the intervals, but moves no estimate.
    Source: Hoffmann et al. 2022 (arXiv 2203.15556), section 3.2; interpolation and refusals follow Porian et
    al. 2024 (arXiv 2406.19146).

    Args:
        points: A table with N (parameters), loss (nats per token), and D or E (tokens) or C (FLOPs). A column
            `budget`, of any labels, says which points are of one budget.
        method: The curve through the losses of one budget, `akima` or `parabola`.
        tolerance: Without a column `budget`, half the width of the windows of C that are taken for budgets,
            as a fraction of their middle. By default the gaps in C tell budgets apart, whatever C varies
            inside them; where they tell nothing, windows of 0.05 do.
        noise: The standard deviation of log loss between seeds. By default it is measured between runs of one
            size and budget, else by what a polynomial in log N leaves near the minima, else it is loss_sem.
        read_at: The budgets, in FLOPs, at which the losses of each run are read, between those measured. For
            learning curves that were measured at other C than one another.
        critical: B_star and alpha_B of the critical batch: then C and E are C_min and E_min, at a batch far
            below it (Kaplan et al. 2020, arXiv 2001.08361, section 5.1), and two of B, S and E are needed.
        bootstrap: How many draws of the noise the intervals are made from; 0 for no intervals.
        seed: The seed of the draws.
        level: The probability of the intervals.

    Returns:
        The minimum of each budget, the budgets without one and the reason, and the trends of N and E in C.

    Raises:
        PointsError: A column is missing, or a value is not a positive number.
        FitError: Fewer than 2 budgets have a minimum inside their sizes, or they lie within a factor of 1.5.

    Examples:
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
    check_positive(FitError, read_at=read_at)
    table = allocation_table(points, critical)
    if len(read_at):
        table = read_curves_at(table, read_at)
    groups, stray = group_budgets(table, tolerance)
    curves = [curve_of(group) for group in at_middle(groups)]
    measured = measure_noise(pl.concat(groups), curves, noise)
    minima = [minimum(curve, method, measured) for curve in curves]
    kept, refused = [one for one in minima if not one.reason], [one for one in minima if one.reason]
    _check_enough(kept, refused)
    optima, draws = _optima(kept), None
    if measured and bootstrap:
        rng = np.random.default_rng(seed)
        kept = [with_draws(one, method, measured, bootstrap, rng) for one in kept]
        draws = _drawn_optima(kept, optima)
    scatter = 1.0 if draws is None else _scatter_ratio(optima, draws)
    warnings = (
        *measurement_warnings(pl.concat(groups)),
        *average_warnings(pl.concat(groups), ["size", "budget"], "one size and budget"),
        *_design_warnings(groups, stray, method),
        *_unused(table, tolerance),
        *_noise_warnings(measured, bootstrap),
        *_line_warnings(optima, scatter),
    )
    return IsoFlop(
        budgets=budgets_table(kept, level),
        refused=refused_table(refused),
        points=means_table(curves),
        curves=curves_table(curves, method),
        trend=trend_through(optima, draws, level, scatter, warnings),
        method=method,
        noise=measured,
    )


def _check_own(method: str, tolerance: float | None, noise: float | None) -> None:
    check_choice(FitError, "method", method, METHODS)
    if tolerance is not None and not 0 < tolerance <= 0.5:
        raise FitError(f"tolerance={tolerance}: must be above 0 and at most 0.5")
    check_positive(FitError, noise=noise)


def _check_enough(kept: list[Minimum], refused: list[Minimum]) -> None:
    if len(kept) < 2:
        budgets = [*(f"C = {text.power(one.curve.flops, 3)} has one" for one in kept)]
        budgets += [f"C = {text.power(one.curve.flops, 3)}: {one.reason}" for one in refused]
        raise FitError(
            f"{text.plural(len(kept), 'budget')} with a minimum, and a line needs 2 "
            f"({_first(budgets) or 'none has several sizes'}): train several sizes at a further budget"
        )


def _first(budgets: list[str]) -> str:
    """The first few, and how many more there are."""
    more = len(budgets) - _TOLD
    return "; ".join([*budgets[:_TOLD], *([f"and {more} more"] if more > 0 else [])])


def _optima(minima: list[Minimum]) -> Optima:
    log_n = np.array([one.log_n for one in minima])
    return Optima(
        log_c=np.array([math.log(one.curve.flops) for one in minima]),
        log_n=log_n,
        log_e=np.array([one.curve.log_tokens(n) for one, n in zip(minima, log_n, strict=True)]),
        weight=np.ones(len(minima)),
    )


def _drawn_optima(minima: list[Minimum], optima: Optima) -> Optima:
    """The optima of the draws with two or more minima, [draws, budgets]."""
    log_n = np.stack([one.draws for one in minima], axis=1)
    log_n = log_n[np.isfinite(log_n).sum(axis=1) >= 2]
    inside = np.isfinite(log_n)
    log_n = np.where(inside, log_n, optima.log_n)
    log_e = np.stack([one.curve.log_tokens(n) for one, n in zip(minima, log_n.T, strict=True)], axis=1)
    return Optima(np.broadcast_to(optima.log_c, log_n.shape), log_n, log_e, inside * optima.weight)


def _design_warnings(groups: list[pl.DataFrame], stray: int, method: str) -> list[str]:
    warnings = []
    if stray:
        warnings.append(
            f"{text.plural(stray, 'point')} left out: no other size at that C, or the run is there already"
        )
    if moved := [(high, high / low - 1) for low, high in map(_ends, groups) if high > low * _SPREAD]:
        warnings.append(_moved(moved))
    if method == "parabola":
        widest = max(group["N"].to_numpy().max() / group["N"].to_numpy().min() for group in groups)
        warnings.append(
            "a parabola's minimum is biased where α and β differ, and the more the wider the sizes (arXiv "
            f"2603.22339): here they span a factor of {text.number(widest, 3)}"
        )
    return warnings


def _ends(group: pl.DataFrame) -> tuple[float, float]:
    c = group["C"].to_numpy()
    return float(c.min()), float(c.max())


def _moved(budgets: list[tuple[float, float]]) -> str:
    """That C varies within these budgets, each with its share: one sentence, however many there are."""
    shares = sorted({f"{share:.0%}" for _, share in budgets}, key=lambda words: float(words[:-1]))
    varies = shares[0] if len(shares) == 1 else f"{shares[0]} to {shares[-1]}"
    first, last = (text.power(budgets[place][0], 3) for place in (0, -1))
    where = f"the budget {first}" if len(budgets) == 1 else f"{len(budgets)} budgets from {first} to {last}"
    return f"C varies by {varies} within {where}: the losses of each are moved to one C"


def _unused(table: pl.DataFrame, tolerance: float | None) -> list[str]:
    if tolerance is None or "budget" not in table.columns:
        return []
    return [f"tolerance={tolerance} is not used: the column budget says which points are of one budget"]


def _noise_warnings(noise: LossNoise | None, bootstrap: int) -> list[str]:
    if bootstrap == 0:
        return ["no interval was asked for (bootstrap=0)"]
    if noise is None:
        return ["no interval: the points do not tell the noise between seeds; give it, or train seeds"]
    if noise.source == "loss_sem":
        return ["the noise is loss_sem, which models scored on one text share: it is not that between seeds"]
    return []


def _scatter_ratio(optima: Optima, draws: Optima) -> float:
    """Ratio of the scatter of the minima about the line to that of their noise; 1 unless it is improbable.

    The squares about a line through normal minima of these variances follow chi-squared nearly, with the
    degrees of freedom that their mean and variance give (Satterthwaite 1946).
    """
    if len(optima.log_c) < 3:
        return 1.0
    variance = np.array([np.var(n[w > 0]) for n, w in zip(draws.log_n.T, draws.weight.T, strict=True)])
    x = optima.log_c - optima.log_c.mean()
    residual = np.eye(len(x)) - 1 / len(x) - np.outer(x, x) / (x @ x)
    of_noise = residual * variance
    mean, squares = float(np.trace(of_noise)), float(np.sum((residual @ optima.log_n) ** 2))
    freedom = mean**2 / float(np.trace(of_noise @ of_noise))
    unlikely = scipy.special.chdtrc(freedom, freedom * squares / mean) < _UNLIKELY
    return math.sqrt(squares / mean) if unlikely else 1.0


def _line_warnings(optima: Optima, scatter: float) -> list[str]:
    if len(optima.log_c) == 2:
        return ["two budgets make a line whatever they are: nothing tests that it is straight"]
    if scatter == 1.0:
        return []
    times = text.number(scatter, 2)
    return [
        f"the minima lie {times} times as far from the line as their noise does: its intervals are widened"
    ]
