"""Approach 2: the compute-optimal N and E from the minimum of loss against N at fixed C.

The loss is interpolated in logarithms by Akima's spline, which runs through the points and knows no law
(Porian et al. 2024, arXiv 2406.19146). Measured on noiseless Chinchilla surfaces, 7 sizes over ±16x: its
minimum is off by at most .5% (α = .348, β = .366) to 3.2% (α = .46, β = .31), a parabola's by 2% to 16%, and
the more the wider the grid (arXiv 2603.22339). The price is noise: with .2% to .4% of it between seeds the
exponent of 4 to 9 budgets spread 6 to 16 times as far as the parabola's. A minimum that the grid does
not enclose is refused, never extrapolated.

95% intervals of the minima covered the truth 92.5% to 98% of the time over 100 repeats of six designs, those
of the exponent 93% to 97%; of a parabola's minima as little as 51%: its intervals do not know its bias.
Minima further off the line than their noise puts them widen its intervals in proportion.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.polynomial.legendre import legvander
from scipy.interpolate import Akima1DInterpolator
from scipy.special import chdtrc

from analysis import text
from analysis.points import Points
from analysis.powerlaw import (
    AllocationError,
    Optima,
    Trend,
    allocation_table,
    check_settings,
    draws_interval,
    measurement_warnings,
    straight_line,
    trend_through,
    with_sizes,
)

_FEWEST_SIZES = {"akima": 4, "parabola": 3}
_NAMES = {"akima": "Akima's spline", "parabola": "a parabola"}

# A budget whose draws have their minimum inside the sizes less often than this is refused (Porian), and so is
# one whose draws bend upwards less often: of pure noise at 7 sizes 5 in 7 minima lie inside, half bend so.
_INSIDE, _UPWARDS = 0.5, 0.975

# The interpolation's own error in log N: in the line no budget has a smaller one.
_INTERPOLATION = 0.01

# Degrees of freedom that a noise level needs; the degree of the polynomial about which it is measured.
_FEWEST_FREEDOM, _SMOOTH = 3, 4

# Warnings: the largest ratio of C within a budget, and the least probability of minima so far off the line.
_SPREAD, _UNLIKELY = 1.12, 0.01

_DRAWN = 121


@dataclass(frozen=True)
class Noise:
    """The standard deviation of log loss between runs alike, and on how many degrees of freedom it stands."""

    sd: float
    freedom: float
    source: str

    def levels(self, draws: int, rng: np.random.Generator) -> np.ndarray:
        """What it may be, [draws]: measured on few degrees of freedom it is uncertain itself."""
        if math.isinf(self.freedom):
            return np.full(draws, self.sd)
        return self.sd * np.sqrt(self.freedom / rng.chisquare(self.freedom, draws))

    def to_json(self) -> dict[str, Any]:
        """Strict JSON values; null degrees of freedom: taken as exact."""
        freedom = None if math.isinf(self.freedom) else int(self.freedom)
        return {"sd": self.sd, "degrees_of_freedom": freedom, "source": self.source}


@dataclass(frozen=True)
class Curve:
    """The points of one budget by rising N: means over runs of one size, [sizes]; `count` of them each.

    `log_cost` is log C/(N E), log 6 where C = 6NE.
    """

    flops: float
    log_n: np.ndarray
    log_loss: np.ndarray
    log_cost: np.ndarray
    count: np.ndarray
    squares: float
    """Of log loss about the means of the sizes, summed."""

    def log_tokens(self, log_n: Any) -> Any:
        """log E of models of `log_n` at this budget."""
        return math.log(self.flops) - log_n - np.interp(log_n, self.log_n, self.log_cost)


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
    noise: Noise | None

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


def isoflop(
    points: Points | pl.DataFrame,
    *,
    method: str = "akima",
    tolerance: float = 0.05,
    noise: float | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> IsoFlop:
    """The compute-optimal N and E of points at several sizes for each of two or more budgets of C.

    A DataFrame needs N (parameters), loss (nats per token), and E (tokens) or C (FLOPs). The budgets are
    those of a column budget, else the fullest windows of C within `tolerance` of their middle. Runs of one
    size and budget are averaged. `noise` is the standard deviation of log loss between seeds; without it, it
    is measured between runs of one size and budget, else by what a polynomial in log N leaves, else it is
    loss_sem. The minima, and the line through them weighted by 1/variance, get their intervals from
    `bootstrap` draws of that noise. Raises AllocationError if fewer than 2 budgets have a minimum inside
    their sizes. Source: Hoffmann et al. 2022 (arXiv 2203.15556), section 3.2; interpolation, refusals, noise
    and weights follow Porian et al. 2024 (arXiv 2406.19146).
    """
    check_settings(bootstrap, seed, level)
    _check_own(method, tolerance, noise)
    groups, stray = _groups(allocation_table(points), tolerance)
    curves = [_curve(group) for group in groups]
    measured = _noise(pl.concat(groups), curves, noise) if bootstrap else None
    rng = np.random.default_rng(seed)
    levels = measured.levels(bootstrap, rng) if measured else np.array([])
    minima = [_minimum(curve, method, levels, rng) for curve in curves]
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
        points=pl.concat([_means(curve) for curve in curves]),
        curves=pl.concat([_interpolated(curve, method) for curve in curves]),
        trend=trend_through(optima, draws, level, scatter, warnings),
        method=method,
        noise=measured,
    )


def _check_own(method: str, tolerance: float, noise: float | None) -> None:
    if method not in _NAMES:
        raise AllocationError(f"method={method!r} is not one of {', '.join(_NAMES)}")
    if not 0 < tolerance <= 0.5:
        raise AllocationError(f"tolerance={tolerance}: must be above 0 and at most 0.5")
    if noise is not None and not (math.isfinite(noise) and noise > 0):
        raise AllocationError(f"noise={noise}: must be positive and finite")


def _groups(table: pl.DataFrame, tolerance: float) -> tuple[list[pl.DataFrame], int]:
    """The points of each budget, by rising C, and how many points are of none."""
    if not (given := "budget" in table.columns):
        table = table.with_columns(budget=_windows(np.log(table["C"].to_numpy()), tolerance))
    table = table.with_columns(pl.col("budget").cast(pl.String))
    groups = table.filter(pl.col("budget") != "NaN").partition_by("budget")
    groups = [with_sizes(group) for group in groups]
    groups = [_one_point_per_run(group) for group in groups if given or group["size"].n_unique() > 1]
    if not groups:
        raise AllocationError(
            f"no two sizes were measured at the same C within {tolerance:.0%}: there is no budget to compare "
            "sizes at; train several sizes to the same C"
        )
    return sorted(groups, key=_middle), len(table) - sum(map(len, groups))


def _middle(group: pl.DataFrame) -> float:
    """log C of a budget: the mean over its points."""
    return float(np.mean(np.log(group["C"].to_numpy())))


def _windows(log_c: np.ndarray, tolerance: float) -> pl.Series:
    """A number for each budget, null for a point alone: in turn the window that holds most points."""
    width = math.log((1 + tolerance) / (1 - tolerance)) * (1 + 1e-9)
    left, budget = np.argsort(log_c), np.full(len(log_c), -1)
    for number in range(len(log_c)):
        x = log_c[left]
        ends = np.searchsorted(x, x + width, side="right")
        held, extent = ends - np.arange(len(x)), x[ends - 1] - x
        first = np.lexsort((extent, -held))[0]
        if held[first] == 1:
            break
        budget[left[first : ends[first]]] = number
        left = np.delete(left, np.s_[first : ends[first]])
        if not len(left):
            break
    return pl.Series(budget).replace(-1, None)


def _one_point_per_run(group: pl.DataFrame) -> pl.DataFrame:
    """Of several evaluations of a run, which share its noise, the one nearest the middle of the budget."""
    distance = (pl.col("C").log() - _middle(group)).abs()
    return group.sort(distance, maintain_order=True).unique(
        ["run", "size"], keep="first", maintain_order=True
    )


def _curve(group: pl.DataFrame) -> Curve:
    logs = group.select(
        "size", n=pl.col("N").log(), loss=pl.col("loss").log(), e=pl.col("E").log(), c=pl.col("C").log()
    )
    cost = pl.col("c") - pl.col("n") - pl.col("e")
    squares = pl.col("loss").var(ddof=0) * pl.len()
    means = logs.group_by("size").agg(pl.col("n", "loss").mean(), pl.len(), cost=cost.mean(), squares=squares)
    n, loss, cost, count = (means.sort("size")[name].to_numpy() for name in ("n", "loss", "cost", "len"))
    return Curve(math.exp(_middle(group)), n, loss, cost, count, float(means["squares"].sum()))


def _noise(table: pl.DataFrame, curves: list[Curve], given: float | None) -> Noise | None:
    """The noise as given, else the first of the measures below that the points allow."""
    if given is not None:
        return Noise(given, math.inf, "given")
    return _between_runs(curves) or _about_smooth(curves) or _of_evaluation(table)


def _between_runs(curves: list[Curve]) -> Noise | None:
    """Between runs of one size and budget."""
    freedom = sum(int(curve.count.sum()) - len(curve.count) for curve in curves)
    return _pooled(sum(curve.squares for curve in curves), freedom, "runs of one size and budget")


def _about_smooth(curves: list[Curve]) -> Noise | None:
    """About a polynomial in log N for each budget. What the polynomial cannot follow counts as noise."""
    squares, freedom = 0.0, 0
    for curve in curves:
        degree = min(_SMOOTH, len(curve.log_n) - 2)
        if degree >= 2:
            squares += _left_by_polynomial(curve, degree)
            freedom += len(curve.log_n) - degree - 1
    return _pooled(squares, freedom, "scatter about a polynomial in log N")


def _left_by_polynomial(curve: Curve, degree: int) -> float:
    """The weighted sum of squares about the polynomial of this degree in log N."""
    weight, low, high = np.sqrt(curve.count), curve.log_n[0], curve.log_n[-1]
    basis = weight[:, None] * legvander(2 * (curve.log_n - low) / (high - low) - 1, degree)
    target = weight * curve.log_loss
    return float(np.sum((target - basis @ np.linalg.lstsq(basis, target)[0]) ** 2))


def _pooled(squares: float, freedom: int, source: str) -> Noise | None:
    return Noise(math.sqrt(squares / freedom), freedom, source) if freedom >= _FEWEST_FREEDOM else None


def _of_evaluation(table: pl.DataFrame) -> Noise | None:
    """The standard errors of the losses, where every point has one."""
    if "loss_sem" not in table.columns:
        return None
    relative = (table["loss_sem"].cast(pl.Float64, strict=False) / table["loss"]).to_numpy()
    if not (np.isfinite(relative) & (relative > 0)).all():
        return None
    return Noise(float(np.sqrt(np.mean(relative**2))), math.inf, "loss_sem")


@dataclass(frozen=True)
class _Minimum:
    """Where one budget's loss is least: log N, log loss, and the log N of each draw, NaN outside the sizes.

    `reason` says why it is refused; empty otherwise.
    """

    curve: Curve
    reason: str
    log_n: float = math.nan
    log_loss: float = math.nan
    draws: np.ndarray = field(default_factory=lambda: np.array([]))

    @property
    def inside(self) -> np.ndarray:
        return np.isfinite(self.draws)

    @property
    def variance(self) -> float:
        """Of log N, with the interpolation's own error."""
        noise = float(np.var(self.draws[self.inside])) if len(self.draws) else 0.0
        return noise + _INTERPOLATION**2


def _minimum(curve: Curve, method: str, levels: np.ndarray, rng: np.random.Generator) -> _Minimum:
    sizes = len(curve.log_n)
    if sizes < _FEWEST_SIZES[method]:
        return _Minimum(
            curve, f"{text.plural(sizes, 'size')}, and {_NAMES[method]} needs {_FEWEST_SIZES[method]}"
        )
    log_n, log_loss = _least(curve.log_n, curve.log_loss[:, None], method)
    if not math.isfinite(log_n[0]):
        return _Minimum(curve, _no_minimum(curve, method))
    if not len(levels):
        return _Minimum(curve, "", float(log_n[0]), float(log_loss[0]))
    noise = levels * rng.standard_normal((sizes, len(levels))) / np.sqrt(curve.count)[:, None]
    noisy = curve.log_loss[:, None] + noise
    drawn, _ = _least(curve.log_n, noisy, method)
    inside, upwards = np.isfinite(drawn), _bend(curve.log_n, noisy) > 0
    if inside.mean() < _INSIDE:
        return _Minimum(curve, f"only {inside.mean():.0%} of draws of the noise have a minimum inside")
    if upwards.mean() < _UPWARDS:
        return _Minimum(curve, f"only {upwards.mean():.0%} of draws of the noise bend upwards")
    return _Minimum(curve, "", float(np.median(drawn[inside])), float(log_loss[0]), drawn)


def _bend(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The curvature of the parabola through each column of y [sizes, draws] against x [sizes]."""
    return np.polyfit(x - x.mean(), y, 2)[0]


def _no_minimum(curve: Curve, method: str) -> str:
    lowest = int(np.argmin(curve.log_loss))
    if lowest in (0, len(curve.log_n) - 1):
        word, side = ("smallest", "below") if lowest == 0 else ("largest", "above")
        n = text.count(math.exp(curve.log_n[lowest]))
        return f"the loss is least at the {word} size, N = {n}: the optimum may lie {side} the sizes"
    return f"{_NAMES[method]} has no minimum inside the sizes"


def _least(x: np.ndarray, y: np.ndarray, method: str) -> tuple[np.ndarray, np.ndarray]:
    """Position and value of the minimum of each column of y [sizes, draws]; NaN if not inside x [sizes]."""
    position, value = (_least_akima if method == "akima" else _least_parabola)(x, y)
    inside = (position > x[0]) & (position < x[-1])
    return np.where(inside, position, np.nan), np.where(inside, value, np.nan)


def _least_akima(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least of the knots and of the minima of the cubics between them."""
    c3, c2, c1, _ = Akima1DInterpolator(x, y).c
    with np.errstate(all="ignore"):
        step = -c1 / (c2 + np.sqrt(c2**2 - 3 * c3 * c1))
    step = np.where((step > 0) & (step < np.diff(x)[:, None]), step, 0.0)
    between = ((c3 * step + c2) * step + c1) * step + y[:-1]
    position = np.vstack([np.broadcast_to(x[:, None], y.shape), x[:-1, None] + step])
    value = np.vstack([y, between])
    lowest = np.argmin(value, axis=0), np.arange(y.shape[1])
    return position[lowest], value[lowest]


def _least_parabola(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    centred = x - x.mean()
    c2, c1, c0 = np.polyfit(centred, y, 2)
    with np.errstate(all="ignore"):
        vertex = np.where(c2 > 0, -c1 / (2 * c2), np.nan)
        return vertex + x.mean(), c0 + c1 * vertex / 2


def _check_enough(kept: list[_Minimum], refused: list[_Minimum]) -> None:
    if len(kept) < 2:
        reasons = "; ".join(f"C = {text.power(one.curve.flops, 3)}: {one.reason}" for one in refused)
        raise AllocationError(
            f"{text.plural(len(kept), 'budget')} with a minimum, and a line needs 2 ({reasons})"
        )


def _optima(minima: list[_Minimum]) -> Optima:
    log_n = np.array([one.log_n for one in minima])
    return Optima(
        log_c=np.array([math.log(one.curve.flops) for one in minima]),
        log_n=log_n,
        log_e=np.array([one.curve.log_tokens(n) for one, n in zip(minima, log_n, strict=True)]),
        weight=np.array([1 / one.variance for one in minima]),
    )


def _drawn_optima(minima: list[_Minimum], optima: Optima) -> Optima:
    """The optima of the draws with two or more minima, [draws, budgets]."""
    log_n = np.stack([one.draws for one in minima], axis=1)
    log_n = log_n[np.isfinite(log_n).sum(axis=1) >= 2]
    inside = np.isfinite(log_n)
    log_n = np.where(inside, log_n, optima.log_n)
    log_e = np.stack([one.curve.log_tokens(n) for one, n in zip(minima, log_n.T, strict=True)], axis=1)
    return Optima(np.broadcast_to(optima.log_c, log_n.shape), log_n, log_e, inside * optima.weight)


_BUDGET_COLUMNS = {
    **{
        name: pl.Float64()
        for name in ("C", "N", "N_low", "N_high", "E", "E_low", "E_high", "loss", "log_sd", "inside")
    },
    "sizes": pl.Int64(),
    "points": pl.Int64(),
}
_REFUSED_COLUMNS = {"C": pl.Float64(), "sizes": pl.Int64(), "points": pl.Int64(), "reason": pl.String()}


def _refused_row(minimum: _Minimum) -> dict[str, Any]:
    curve = minimum.curve
    counts = {"sizes": len(curve.log_n), "points": int(curve.count.sum())}
    return {"C": curve.flops, **counts, "reason": minimum.reason}


def _budget_row(minimum: _Minimum, level: float) -> dict[str, Any]:
    n, inside = minimum.log_n, minimum.inside
    tokens = minimum.curve.log_tokens
    low, high = draws_interval(minimum.draws[inside], n, level, 1.0)
    row = _refused_row(minimum) | {
        "N": math.exp(n),
        "E": math.exp(tokens(n)),
        "loss": math.exp(minimum.log_loss),
    }
    if low is None or high is None:
        return row
    row |= {"N_low": math.exp(low), "N_high": math.exp(high)}
    row |= {"E_low": math.exp(tokens(high)), "E_high": math.exp(tokens(low))}
    return row | {"log_sd": float(np.std(minimum.draws[inside])), "inside": float(inside.mean())}


def _means(curve: Curve) -> pl.DataFrame:
    return pl.DataFrame({"N": np.exp(curve.log_n), "loss": np.exp(curve.log_loss)}).select(
        pl.lit(curve.flops).alias("C"), "N", "loss"
    )


def _interpolated(curve: Curve, method: str) -> pl.DataFrame:
    """The interpolant of a budget; no rows if it has too few sizes for one."""
    x = np.linspace(curve.log_n[0], curve.log_n[-1], _DRAWN)
    if len(curve.log_n) < _FEWEST_SIZES[method]:
        return _means(curve).clear()
    if method == "akima":
        y = Akima1DInterpolator(curve.log_n, curve.log_loss)(x)
    else:
        middle = curve.log_n.mean()
        y = np.polyval(np.polyfit(curve.log_n - middle, curve.log_loss, 2), x - middle)
    return pl.DataFrame({"N": np.exp(x), "loss": np.exp(y)}).select(
        pl.lit(curve.flops).alias("C"), "N", "loss"
    )


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


def _noise_warnings(noise: Noise | None, bootstrap: int) -> list[str]:
    if bootstrap == 0:
        return ["no interval was asked for (bootstrap=0)"]
    if noise is None:
        return ["no interval: the points do not tell the noise between seeds; give it, or train seeds"]
    if noise.source == "loss_sem":
        return ["the noise is loss_sem, which models scored on one text share: it is not that between seeds"]
    return []


def _scatter(optima: Optima, noise: Noise | None) -> float:
    """How many times as far from the line the minima lie as their noise does; 1 unless that is unlikely."""
    freedom = len(optima.log_c) - 2
    if noise is None or freedom < 1:
        return 1.0
    middle = np.average(optima.log_c, weights=optima.weight)
    slope, value = straight_line(optima.log_c - middle, optima.log_n, optima.weight)
    squares = float(np.sum(optima.weight * (optima.log_n - value - slope * (optima.log_c - middle)) ** 2))
    return math.sqrt(squares / freedom) if chdtrc(freedom, squares) < _UNLIKELY else 1.0


def _line_warnings(optima: Optima, scatter: float) -> list[str]:
    if len(optima.log_c) == 2:
        return ["two budgets make a line whatever they are: nothing tests that it is straight"]
    if scatter == 1.0:
        return []
    times = text.number(scatter, 2)
    return [
        f"the minima lie {times} times as far from the line as their noise does: its intervals are widened"
    ]
