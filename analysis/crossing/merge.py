"""Where the compute frontier of one surface merges with its own floor.

Laws of C and of D fitted separately may cross (`quarry.analysis.crossing.known_laws`). One surface of N, E
and U has no such point, because its floor lies below it everywhere: the question is whether its frontier
comes near the floor.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from quarry import text
from quarry.analysis.crossing.known_laws import flops_interval, never_share
from quarry.analysis.laws.kaplan import KAPLAN_ND
from quarry.analysis.planning.optimum import find_optima, find_optimum
from quarry.analysis.planning.regime import data_floor
from quarry.analysis.planning.surface import Surface, plannable
from quarry.checks import check_level, check_positive
from quarry.errors import FitError
from quarry.results import Result

if TYPE_CHECKING:
    from quarry.analysis.fitting.result import Fit
    from quarry.analysis.laws.law import Values

_DECADES, _HALVINGS = 12.0, 16
"""Decades searched beyond the largest budget of the points, and bisections of that range."""
_MOST_DRAWS, _SHOWN = 200, 25
"""Draws of the fit that are used, and budgets in the table."""
_CONSTANT = 1e-3
"""The relative spread of the excess below which it counts as constant."""


@dataclass(frozen=True)
class Merge(Result):
    """The first C at which the compute frontier of one surface comes within `eps` of its own floor.

    Excess is (L_C(C) - L*(D)) / (L*(D) - L_inf) at the D = E of the frontier. `flops` is None where the
    excess is not above `eps` at the smallest budget of the points, or stays above it: `reason` says which.
    `interval` has None on a side that the draws leave open, `p_never` is the share of draws that never merge;
    `shown` has the excess against C, and `warnings` are those of the fit.
    """

    law: str
    eps: float
    flops: float | None
    reason: str
    interval: tuple[float | None, float | None]
    level: float
    p_never: float | None
    shown: pl.DataFrame
    warnings: tuple[str, ...] = ()

    @property
    def headline(self) -> str:
        return f"the frontier of {self.law} and its floor: {self.reason}"

    def table(self) -> pl.DataFrame:
        """The excess of the frontier over its floor against C: `shown`."""
        return self.shown

    def to_json(self) -> dict[str, Any]:
        """Strict JSON values."""
        finite = pl.when(pl.all().is_finite()).then(pl.all())
        return vars(self) | {"shown": self.shown.select(finite).to_dicts()}


def find_merge(fit: "Fit", *, eps: float = 0.05, level: float = 0.9) -> Merge:
    """Find where the one-epoch compute frontier of a fitted surface merges with its floor L*(U).

    The floor is taken at U = D_opt(C), the tokens of the frontier.

    L*(U) is the least loss over every N and k: for laws without repeated data (chinchilla) N to infinity at
    one epoch; for data-constrained, N' and D' at their caps; for kaplan-nd, N to infinity. It lies below the
    surface everywhere, so that the two can merge and cannot cross. The search goes from the smallest budget
    of the points to 12 decades above the largest, and assumes that the excess rises or falls all the way.

    Args:
        fit: A fit of a law that is a surface of N and E or U.
        eps: The excess of the frontier that counts as merged, as a fraction of the reducible loss of the
            floor.
        level: The probability of the interval, which is made from at most 200 of the fit's draws.

    Returns:
        The least C of the merge, or the reason why there is none.

    Raises:
        FitError: The law is not such a surface, a setting is out of its range, or the frontier has no best N.

    Examples:
        >>> import numpy as np, polars as pl, quarry
        >>> kaplan = quarry.find_published("kaplan-nd")
        >>> axes = np.meshgrid(np.geomspace(1e6, 1e9, 5), np.geomspace(1e8, 1e11, 5))
        >>> inputs = dict(zip(("N", "U"), (axis.ravel() for axis in axes)))
        >>> points = pl.DataFrame(inputs | {"loss": kaplan.law.predict(kaplan.params, inputs)})
        >>> print(quarry.find_merge(quarry.fit(points, "kaplan-nd", bootstrap=0)).reason)
        the frontier lies 0.0922 of the reducible floor above it at every budget: ...
    """
    _check(fit, eps, level)
    frontier = _Frontier(
        Surface(fit.law.name, fit.law, fit.params, "fitted here"), eps, *_budgets(fit.points)
    )
    shown = frontier.table()
    position = float(frontier.positions(frontier.surface.lanes())[0])
    positions = _drawn(frontier, fit.draws)
    return Merge(
        law=fit.law.name,
        eps=eps,
        flops=10.0**position if 0 < position < math.inf else None,
        reason=_words(frontier, position, shown["excess"].to_numpy()),
        interval=flops_interval(positions, level),
        level=level,
        p_never=never_share(positions),
        shown=shown,
        warnings=fit.warnings,
    )


def _check(fit: "Fit", eps: float, level: float) -> None:
    if not (plannable(fit.law) or fit.law.inputs == KAPLAN_ND.inputs):
        raise FitError(
            f"{fit.law.name} is no surface of the loss over N and E or U: it has no frontier that could merge"
        )
    check_positive(FitError, eps=eps)
    check_level(FitError, level)


def _budgets(points: pl.DataFrame) -> tuple[float, float]:
    """The smallest budget of the points, and the largest that is searched."""
    tokens = "E" if "E" in points.columns else "U"
    spent = pl.col("C") if "C" in points.columns else 6.0 * pl.col("N") * pl.col(tokens)
    flops = points.select(spent.cast(pl.Float64)).to_series().to_numpy()
    return float(flops.min()), float(flops.max()) * 10**_DECADES


@dataclass(frozen=True)
class _Frontier:
    """The one-epoch compute frontier of a surface against its floor, over budgets from `low` to `high`."""

    surface: Surface
    eps: float
    low: float
    high: float

    def losses(self, params: "Values", flops: float | np.ndarray) -> dict[str, Any]:
        """C, D, L_C, L* and the excess at the budgets of the params: [lanes], NaN where no N is best."""
        n, tokens = find_optima(self.surface, params, flops)
        loss = self.surface.loss(n, tokens, None, params)
        floor = np.minimum(loss, data_floor(self.surface, params, tokens))
        reducible = floor - params.get("L_inf", 0.0)
        with np.errstate(all="ignore"):
            excess = np.where(reducible <= 0, math.inf, (loss - floor) / reducible)
        return {"C": flops, "E": tokens, "loss": loss, "floor": floor, "excess": excess}

    def positions(self, params: "Values") -> np.ndarray:
        """log10 of the C at which the excess comes down to `eps`, for each of the params [lanes].

        0 if it is there already, inf if never, nan where the frontier has no best N.
        """
        first, last = (self.losses(params, end)["excess"] for end in (self.low, self.high))
        ahead = np.where(np.isnan(last), math.nan, math.inf)
        found = np.select([np.isnan(first), first <= self.eps], [math.nan, 0.0], ahead)
        between = np.flatnonzero((first > self.eps) & (last <= self.eps))
        found[between] = self._between({name: values[between] for name, values in params.items()})
        return found

    def _between(self, params: "Values") -> np.ndarray:
        """The position of lanes whose excess comes down to `eps` between the ends, by bisection."""
        lanes = len(next(iter(params.values())))
        low, high = (np.full(lanes, math.log10(end)) for end in (self.low, self.high))
        lost = np.zeros(lanes, bool)
        for _ in range(_HALVINGS if lanes else 0):
            middle = (low + high) / 2
            excess = self.losses(params, 10.0**middle)["excess"]
            low, high = np.where(excess > self.eps, (middle, high), (low, middle))
            lost |= np.isnan(excess)
        return np.where(lost, math.nan, high)

    def table(self) -> pl.DataFrame:
        """The losses against C. Raises FitError where a budget has no best N."""
        flops = np.geomspace(self.low, self.high, _SHOWN)
        shown = pl.DataFrame(self.losses(self.surface.lanes(_SHOWN), flops))
        for budget in shown.filter(pl.col("E").is_nan())["C"]:
            find_optimum(self.surface, budget)
        return shown


def _drawn(frontier: _Frontier, draws: dict[str, np.ndarray]) -> np.ndarray:
    """The position in each draw [draws], at most `_MOST_DRAWS` of them."""
    if not draws:
        return np.array([])
    used = {name: values[:_MOST_DRAWS] for name, values in draws.items()}
    return frontier.positions(frontier.surface.lanes(len(next(iter(used.values())))) | used)


def _words(frontier: _Frontier, position: float, excess: np.ndarray) -> str:
    eps = f"{frontier.eps:g}"
    if np.ptp(excess) < _CONSTANT * excess.max():
        return (
            f"the frontier lies {excess[0]:.3g} of the reducible floor above it at every budget: this law "
            f"keeps the two in proportion, and they are {'' if position == 0 else 'never '}within {eps}"
        )
    if position == 0:
        return f"the frontier is within {eps} of its floor at the smallest budget already"
    if position == math.inf:
        where = f"from {text.power(frontier.low)} to {text.power(frontier.high)} FLOPs"
        return f"the frontier is never within {eps} of its floor {where}; at the end {excess[-1]:.3g}"
    return f"the frontier comes within {eps} of its floor at {text.power(10.0**position)} FLOPs"
