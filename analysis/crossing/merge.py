"""Where the compute frontier of one surface merges with its own floor.

Laws of C and of D fitted separately may cross (`quarry.analysis.crossing.known_laws`). One surface of N, E
and U has no such point, because its floor lies below it everywhere: the question is whether its frontier
comes near the floor.
"""

import math
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from quarry import text
from quarry.analysis.crossing.known_laws import flops_interval, never_share
from quarry.analysis.laws.kaplan import KAPLAN_ND
from quarry.analysis.planning.optimum import find_optimum
from quarry.analysis.planning.regime import data_floor
from quarry.analysis.planning.surface import Surface, plannable
from quarry.checks import check_level, check_positive
from quarry.errors import FitError

if TYPE_CHECKING:
    from quarry.analysis.fitting.result import Fit

_DECADES, _HALVINGS = 12.0, 16
"""Decades searched beyond the largest budget of the points, and bisections of that range."""
_MOST_DRAWS, _SHOWN = 200, 25
"""Draws of the fit that are used, and budgets in the table."""
_CONSTANT = 1e-3
"""The relative spread of the excess below which it counts as constant."""


@dataclass(frozen=True)
class Merge:
    """The first C at which the compute frontier of one surface comes within `eps` of its own floor.

    Excess is (L_C(C) - L*(D)) / (L*(D) - L_inf) at the D = E of the frontier. `flops` is None where the
    excess is not above `eps` at the smallest budget of the points, or stays above it: `reason` says which.
    `interval` has None on a side that the draws leave open, `p_never` is the share of draws that never merge;
    `shown` has the excess against C.
    """

    law: str
    eps: float
    flops: float | None
    reason: str
    interval: tuple[float | None, float | None]
    level: float
    p_never: float | None
    shown: pl.DataFrame

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

    Example:
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
    position = frontier.position()
    positions, shown = frontier.drawn_positions(fit.draws), frontier.table()
    return Merge(
        law=fit.law.name,
        eps=eps,
        flops=10.0**position if 0 < position < math.inf else None,
        reason=_words(frontier, position, shown["excess"].to_numpy()),
        interval=flops_interval(positions, level),
        level=level,
        p_never=never_share(positions),
        shown=shown,
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

    def losses(self, flops: float) -> tuple[float, float, float, float]:
        """D, L_C, L* and the excess at one budget."""
        n, tokens = find_optimum(self.surface, flops)
        loss = float(self.surface.loss(n, tokens))
        floor = min(loss, float(data_floor(self.surface, self.surface.lanes(), np.array([tokens]))[0]))
        reducible = floor - self.surface.params.get("L_inf", 0.0)
        return tokens, loss, floor, (loss - floor) / reducible if reducible > 0 else math.inf

    def above(self, position: float) -> bool:
        return self.losses(10.0**position)[-1] > self.eps

    def position(self) -> float:
        """log10 of the C at which the excess comes down to `eps`: 0 if it is there already, inf if never."""
        low, high = math.log10(self.low), math.log10(self.high)
        if not self.above(low):
            return 0.0
        if self.above(high):
            return math.inf
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if self.above(middle) else (low, middle)
        return high

    def drawn_positions(self, draws: dict[str, np.ndarray]) -> np.ndarray:
        """The position in each draw, nan where its frontier has no best N."""
        rows = np.column_stack(list(draws.values()))[:_MOST_DRAWS] if draws else ()
        return np.array([self._with(dict(zip(draws, row.tolist(), strict=True))) for row in rows])

    def _with(self, params: dict[str, float]) -> float:
        with suppress(FitError):
            surface = replace(self.surface, params=self.surface.params | params)
            return replace(self, surface=surface).position()
        return math.nan

    def table(self) -> pl.DataFrame:
        rows = [(flops, *self.losses(flops)) for flops in np.geomspace(self.low, self.high, _SHOWN).tolist()]
        return pl.DataFrame(rows, schema=["C", "E", "loss", "floor", "excess"], orient="row")


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
