"""The compute-optimal N and E for given budgets, four ways: envelope, isoFLOP, parametric, Kaplan's."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import polars as pl

from quarry import text
from quarry.analysis.allocation.beyond import look_beyond_points, parts_at, with_misfit
from quarry.analysis.allocation.envelope import Envelope, fit_envelope
from quarry.analysis.allocation.isoflop import IsoFlop, fit_isoflop
from quarry.analysis.allocation.supported import check_bounded, check_near, check_varied, check_whole
from quarry.analysis.fitting.estimation import fit
from quarry.analysis.fitting.intervals import finite
from quarry.analysis.laws.batch_size import KAPLAN_CRITICAL_BATCH
from quarry.analysis.laws.chinchilla import CHINCHILLA, SKALING, chinchilla_optimum
from quarry.analysis.laws.kaplan_frontier import compute_exponent, optimal_size, plan_efficient_run
from quarry.analysis.points.loading import as_points
from quarry.analysis.points.units import check_counts, ranges_of
from quarry.checks import check_choice, check_positive
from quarry.errors import FitError
from quarry.results import Result

if TYPE_CHECKING:
    from quarry.analysis.fitting.intervals import Interval
    from quarry.analysis.fitting.prediction.band import Parts
    from quarry.analysis.fitting.result import Fit
    from quarry.analysis.laws.law import Values
    from quarry.analysis.points.loading import PointsLike

Method = Literal["envelope", "isoflop", "parametric", "kaplan"]

PARAMETRIC = (CHINCHILLA.name, SKALING.name)
"""The laws whose optimum is N = G (C/6)^a: kappa, being outside, moves no minimum."""

AT_SMALL_BATCH = (
    "C is C_min, at a batch far below the critical one: at B = B_crit the same losses cost twice as much"
)

_FREEZE_CRITICAL = ("B_star", "alpha_B")


@dataclass(frozen=True)
class Allocation(Result):
    """The compute-optimal N and E of each budget.

    `budgets` has a row for each: C (FLOPs), N (parameters), E (tokens), each with _low and _high, and
    tokens_per_parameter; with intervals, half_parameters and half_extrapolation are the half-widths (of log
    N) that each part alone would give, `factor` is how far C lies beyond the budgets measured, and `further`
    whether that is further than any backtest. `a` and `b` are the exponents of N and E in C. `found` is what
    they were read from.
    """

    method: Method
    budgets: pl.DataFrame
    a: "tuple[float, Interval]"
    b: "tuple[float, Interval]"
    level: float
    found: "Envelope | IsoFlop | Fit"
    warnings: tuple[str, ...]

    @property
    def at_limit(self) -> bool:
        """Whether the exponents follow from a parameter of the law that lies on a bound of the search."""
        law = getattr(self.found, "owes_to_limit", None)
        return law is not None and law(_EXPONENT_OF[self.method])

    def shown(self, name: str, digits: int = 4) -> str:
        """The exponent a or b in words, marked (limit) where it owes its value to a bound."""
        value = self.a[0] if name == "a" else self.b[0]
        return text.number(value, digits) + " (limit)" * self.at_limit

    @property
    def headline(self) -> str:
        exponent = f"{self.shown('a', 3)}, {text.interval(self.a[1])}"
        return f"compute-optimal N and E by {self.method}: N ~ C^a, a = {exponent}"

    def table(self) -> pl.DataFrame:
        """The row of each budget: `budgets`."""
        return self.budgets

    def to_json(self) -> dict[str, Any]:
        """Strict JSON values: {method, budgets, params, interval, detail, warnings}."""
        return {
            "method": self.method,
            "budgets": self.budgets.to_dicts(),
            "params": {"a": self.a[0], "b": self.b[0]},
            "interval": {"level": self.level, "a": list(self.a[1]), "b": list(self.b[1])},
            "detail": self.found.to_json(),
            "warnings": list(self.warnings),
        }


def allocate(
    points: "PointsLike",
    flops: Sequence[float],
    *,
    method: Method = "isoflop",
    law: str = CHINCHILLA.name,
    curve: str = "akima",
    critical: Mapping[str, float] | None = None,
    noise: float | None = None,
    tolerance: float | None = None,
    read_at: Sequence[float] = (),
    bootstrap: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Allocation:
    """The compute-optimal allocation of each budget, with intervals.

    Args:
        points: A table with N (parameters), loss (nats per token), and E (tokens) or C (FLOPs).
        flops: The budgets C, in FLOPs.
        method: `envelope` of learning curves, `isoflop` minima, `parametric` by a fitted law, or `kaplan`,
            whose budgets are C_min: the compute at a batch far below the critical one.
        law: The law fitted for `parametric`.
        curve: The curve through the losses of one budget for `isoflop`, `akima` or `parabola`.
        critical: B_star and alpha_B of the critical batch, for `kaplan`; for `envelope` and `isoflop`, to
            read C_min and E_min in place of C and E.
        noise: The standard deviation of log loss between seeds for `isoflop`; by default it is measured.
        tolerance: Half the width of a budget of C for `isoflop`, as a fraction of its middle; by default a
            column `budget` says which points are of one budget, else the gaps in C do.
        read_at: The budgets, in FLOPs, at which `isoflop` reads the losses of each run, between those
            measured.
        bootstrap: How many draws the intervals are made from; 0 for no intervals.
        seed: The seed of the draws.
        level: The probability of the intervals.

    Returns:
        N and E of each budget, and their exponents in C.

    Raises:
        PointsError: A column is missing, or a value is not a positive number.
        FitError: The points do not allow the method, or a setting is out of its range.

    Examples:
        >>> import numpy as np, polars as pl, quarry
        >>> known = quarry.find_published("besiroglu")
        >>> flops = np.repeat([1e18, 1e19, 1e20], 7)
        >>> n = np.tile(np.geomspace(1 / 8, 8, 7), 3) * np.sqrt(flops / 120)
        >>> loss = known.law.predict(known.params, {"N": n, "E": flops / (6 * n)})
        >>> points = pl.DataFrame({"N": n, "C": flops, "loss": loss})
        >>> allocation = quarry.allocate(points, [1e21], bootstrap=0)
        >>> print(f"{allocation.budgets['N'][0]:.2g}")
        2.8e+09
    """
    check_choice(FitError, "method", method, get_args(Method))
    check_positive(FitError, flops=flops)
    own = {"noise": noise, "tolerance": tolerance, "read_at": read_at}
    if method != "isoflop":
        _check_not_given(method, own)
    settings = {"bootstrap": bootstrap, "seed": seed, "level": level}
    if method == "parametric":
        _check_not_given(method, {"critical": critical}, "the methods envelope, isoflop and kaplan have")
        return _parametric(points, flops, law, settings)
    notes = (AT_SMALL_BATCH,) if critical else ()
    if method == "envelope":
        found = fit_envelope(points, critical=critical, **settings)
        return _from_trend(method, found, points, flops, notes)
    if method == "isoflop":
        found = fit_isoflop(points, method=curve, critical=critical, **own, **settings)
        return _from_trend(method, found, points, flops, notes)
    return _kaplan(points, flops, critical, settings)


def _check_not_given(method: Method, own: Mapping[str, Any], whose: str = "the method isoflop has") -> None:
    for name, value in own.items():
        if value is not None and value != ():
            raise FitError(f"{name}={value}: only {whose} it, not {method}; leave it out")


def _from_trend(
    method: Method,
    found: Envelope | IsoFlop,
    points: "PointsLike",
    flops: Sequence[float],
    notes: tuple[str, ...] = (),
) -> Allocation:
    trend = found.trend
    check_counts(ranges_of(found.budgets if isinstance(found, IsoFlop) else found.handovers))
    budgets = _budgets(flops, trend.n, trend.tokens, trend.parts)
    outside = dict.fromkeys(warning for budget in flops for warning in trend.warnings_at(budget))
    a, b = (trend.a, trend.a_interval), (trend.b, trend.b_interval)
    warnings = (*as_points(points).remarks, *(outside or trend.warnings), *notes)
    return Allocation(method, budgets, a, b, trend.level, found, warnings)


def _parametric(
    points: "PointsLike", flops: Sequence[float], law: str, settings: Mapping[str, Any]
) -> Allocation:
    if law not in PARAMETRIC:
        raise FitError(f"law={law!r}: parametric takes one of {', '.join(PARAMETRIC)}")
    return parametric_allocation(fit(points, law, **settings), flops)


def parametric_allocation(fitted: "Fit", flops: Sequence[float]) -> Allocation:
    """The compute-optimal N and E of each budget C in `flops`, by a fitted law of PARAMETRIC.

    Raises FitError if N and E move together in its points or one never varies, or if these do not support
    its optimum.
    """
    if fitted.diagnostics.confounded:
        raise FitError("N and E move together in these points: no law of both says what a budget buys best")
    check_varied(fitted)
    check_counts(fitted.diagnostics.ranges)
    a, b = (fitted.quantity(lambda p, name=name: CHINCHILLA.derive(p)[name]) for name in "ab")
    check_bounded(fitted, a, ("alpha", "beta"))
    check_near(fitted)
    budgets = _fitted_budgets(fitted, flops, lambda p, budget: chinchilla_optimum(p, budget)[0])
    check_whole(budgets)
    return Allocation("parametric", budgets, a, b, fitted.level, fitted, _fit_warnings(fitted, flops))


def _kaplan(
    points: "PointsLike",
    flops: Sequence[float],
    critical: Mapping[str, float] | None,
    settings: Mapping[str, Any],
) -> Allocation:
    fitted = fit(points, "kaplan-ns", critical=critical, **settings)
    batch = {name: (critical or KAPLAN_CRITICAL_BATCH)[name] for name in _FREEZE_CRITICAL}
    for budget in flops:
        plan_efficient_run(budget, fitted.params, batch)  # refuses a budget that buys nothing
    a = fitted.quantity(lambda p: compute_exponent({**p, **batch}) / p["alpha_N"])
    check_bounded(fitted, a, ("alpha_N", "alpha_S"))
    budgets = _fitted_budgets(fitted, flops, lambda p, budget: optimal_size(budget, {**p, **batch}))
    b = fitted.quantity(lambda p: 1 - compute_exponent({**p, **batch}) / p["alpha_N"])
    warnings = (*_fit_warnings(fitted, flops), AT_SMALL_BATCH)
    return Allocation("kaplan", budgets, a, b, fitted.level, fitted, warnings)


def _fitted_budgets(
    fitted: "Fit", flops: Sequence[float], optimum: "Callable[[Values, float], Any]"
) -> pl.DataFrame:
    """The table of a law's N_opt, a function of its parameters and of C, and of E = C / (6 N)."""
    outlook = look_beyond_points(fitted, optimum)

    def n(budget: float) -> "tuple[float, Interval]":
        return fitted.quantity(lambda p: optimum(p, budget))

    def tokens(budget: float) -> "tuple[float, Interval]":
        return fitted.quantity(lambda p: budget / (6 * optimum(p, budget)))

    return _budgets(
        flops,
        lambda budget: with_misfit(outlook, budget, *n(budget), fitted.level),
        lambda budget: with_misfit(outlook, budget, *tokens(budget), fitted.level),
        lambda budget: parts_at(outlook, budget, *n(budget), fitted.level),
    )


def _budgets(
    flops: Sequence[float],
    n: "Callable[[float], tuple[float, Interval]]",
    tokens: "Callable[[float], tuple[float, Interval]]",
    parts: "Callable[[float], Parts | None]",
) -> pl.DataFrame:
    rows = []
    for budget in flops:
        (size, n_ends), (read, e_ends) = n(budget), tokens(budget)
        row = {"C": float(budget), "N": size, "N_low": n_ends[0], "N_high": n_ends[1]}
        row |= {"E": read, "E_low": e_ends[0], "E_high": e_ends[1], "tokens_per_parameter": read / size}
        rows.append(row | _parts_row(parts(budget)))
    return pl.DataFrame(rows, _COLUMNS)


def _parts_row(parts: "Parts | None") -> dict[str, Any]:
    if parts is None:
        return dict.fromkeys(_PARTS)
    halves = finite(parts.parameters), finite(parts.extrapolation)
    return dict(zip(_PARTS, (*halves, math.exp(parts.distance), bool(parts.further)), strict=True))


_EXPONENT_OF: "dict[str, Callable[[Values], Any]]" = {
    "parametric": lambda p: CHINCHILLA.derive(p)["a"],
    "kaplan": lambda p: (p["alpha_N"], p["alpha_S"]),
}
"""What the exponents of a method with a law depend on."""

_PARTS = ("half_parameters", "half_extrapolation", "factor", "further")
_NUMBERS = ("C", "N", "N_low", "N_high", "E", "E_low", "E_high", "tokens_per_parameter", *_PARTS)
_COLUMNS = {name: pl.Boolean() if name == "further" else pl.Float64() for name in _NUMBERS}


def _fit_warnings(fitted: "Fit", flops: Sequence[float]) -> tuple[str, ...]:
    """The fit's own, and one for the budgets far beyond the largest point or far below the smallest."""
    if "C" not in fitted.points.columns:
        return fitted.warnings
    measured = fitted.points["C"].cast(pl.Float64).to_numpy()
    least, most = float(measured.min()), float(measured.max())
    far = {
        f"more than ten times the largest point's compute ({text.power(most)})": [
            c > 10 * most for c in flops
        ],
        f"less than a tenth of the smallest point's compute ({text.power(least)})": [
            c < least / 10 for c in flops
        ],
    }
    notes = [
        f"{words}: {', '.join(text.power(c) for c, out in zip(flops, outside, strict=True) if out)}"
        for words, outside in far.items()
        if any(outside)
    ]
    return (*fitted.warnings, *notes)
