"""A law at its best N and E for a budget: intervals over the draws, elasticities, the gain of doubling."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from quarry import text
from quarry.analysis.fitting.intervals import OPEN, Interval, finite
from quarry.analysis.planning.optimum import find_optima, find_optimum
from quarry.analysis.planning.regime import Regime, find_regime
from quarry.analysis.planning.surface import Surface, law_inputs

if TYPE_CHECKING:
    from quarry.analysis.laws.law import Values

# The step of a logarithm in numerical derivatives.
_STEP = 1e-4

# A plan that spends less than this share of the budget earns a remark.
_SPENT = 0.99

# Two plans of one optimum are found to within this share of the loss.
_SAME_LOSS = 1e-8

# The corner of a law at k = 1 is looked for this factor away from it.
_CORNER = 1.001


@dataclass(frozen=True)
class Doubling:
    """The loss with twice as much of one thing, and by how many nats per token it is less."""

    loss: float
    gain: float
    gain_interval: Interval


@dataclass(frozen=True, eq=False)
class LawPlan:
    """A surface at N parameters and E tokens, its best for `flops` and `unique` tokens (None: fresh ones)."""

    surface: Surface
    flops: float
    unique: float | None
    n: float
    tokens: float

    @classmethod
    def best(cls, surface: Surface, flops: float, unique: float | None) -> "LawPlan":
        """The plan of least loss. Raises FitError where the loss has no least value within the budget."""
        return cls(surface, flops, unique, *find_optimum(surface, flops, unique))

    @property
    def known(self) -> bool:
        """Whether the law knows this many passes."""
        return self._knows(self.epochs)

    def _knows(self, k: float) -> bool:
        return self.unique is None or not self.surface.first_pass or k <= 1

    @property
    def epochs(self) -> float:
        return 1.0 if self.unique is None else self.tokens / self.unique

    @property
    def inputs(self) -> dict[str, Any]:
        """The law's inputs at the plan."""
        return law_inputs(self.surface.law, self.n, self.tokens, self.unique)

    def at(self, params: "Values", n: float = 1.0, unique: float = 1.0, k: float = 1.0) -> Any:
        """The loss at the plan with N, U (at fixed k) and k (at fixed U) multiplied by these factors."""
        data = None if self.unique is None else self.unique * unique
        return self.surface.loss(self.n * n, self.tokens * unique * k, data, params)

    def shifted(self, x: str, factor: float, params: "Values") -> Any:
        """The loss with one of N, U and k multiplied by `factor`."""
        return self.at(params, **{{"N": "n", "U": "unique", "k": "k"}[x]: factor})

    @property
    def loss(self) -> float:
        return float(self.at(self.surface.params))

    @property
    def _varied(self) -> tuple[str, ...]:
        return ("N", "U", "k") if self.known else ("N",)

    @cached_property
    def _stopped(self) -> np.ndarray:
        return self.surface.stopped(self.at)

    def optima(self) -> tuple[Interval, Interval, float | None]:
        """The intervals of N and E over each draw's own optimum, and the regret of this plan."""
        surface = self.surface
        if not surface.draws:
            return OPEN, OPEN, None
        n, tokens = find_optima(surface, surface.draws, self.flops, self.unique)
        own = surface.loss(n, tokens, self.unique, surface.draws)
        regret = np.nan_to_num(self.at(surface.draws) - own, nan=np.inf)
        worst = float(np.quantile(regret, surface.level, method="higher"))
        n_interval = surface.interval(n, self.n, self._stopped, logarithmic=True)
        tokens_interval = surface.interval(tokens, self.tokens, self._stopped, logarithmic=True)
        return n_interval, tokens_interval, finite(max(0.0, worst))

    def elasticities(self) -> dict[str, tuple[float, Interval]]:
        """-d ln(L - L_inf) / d ln x of N, U and k, with their intervals."""
        slopes = {x: partial(self._elasticity, x) for x in self._varied}
        middles = {x: float(slope(self.surface.params)) for x, slope in slopes.items()}
        return {x: (middles[x], self._interval(slope, middles[x])) for x, slope in slopes.items()}

    def _elasticity(self, x: str, params: "Values") -> Any:
        ends = (self.shifted(x, math.exp(step), params) for step in (-_STEP, _STEP))
        below, above = (np.log(loss - params.get("L_inf", 0.0)) for loss in ends)
        return (below - above) / (2 * _STEP)

    def _interval(self, value: "Callable[[Values], Any]", middle: float) -> Interval:
        """The interval of a function of the parameters, over the draws."""
        if not self.surface.draws:
            return OPEN
        with np.errstate(all="ignore"):
            values = np.asarray(value(self.surface.draws))
        return self.surface.interval(values, middle, self._stopped)

    def regime(self) -> Regime | None:
        """What limits the loss; None where the law does not know this many passes."""
        unique = self.tokens if self.unique is None else self.unique
        return find_regime(self.surface, self.n, self.tokens, unique) if self.known else None

    def doublings(self) -> dict[str, Doubling]:
        """The loss with twice the C or U, planned anew, and with twice the N or k, all else equal."""
        doubled = {}
        if self.known:
            doubled["C"] = self._against(LawPlan.best(self.surface, 2 * self.flops, self.unique).at)
        if self.known and self.unique is not None:
            doubled["U"] = self._against(LawPlan.best(self.surface, self.flops, 2 * self.unique).at)
        doubled["N"] = self._against(partial(self.shifted, "N", 2.0))
        if self._knows(2 * self.epochs):
            doubled["k"] = self._against(partial(self.shifted, "k", 2.0))
        return doubled

    def _against(self, loss: "Callable[[Values], Any]") -> Doubling:
        """Another plan's loss against this one's, draw by draw."""
        other = float(loss(self.surface.params))
        gain = self.loss - other
        if abs(gain) < _SAME_LOSS * self.loss:
            other, gain = self.loss, 0.0
        return Doubling(other, gain, self._interval(lambda params: self.at(params) - loss(params), gain))

    def remarks(self) -> list[str]:
        """Sentences on a budget that is not spent, and on a corner."""
        remarks, spent = [], 6 * self.n * self.tokens
        if spent < _SPENT * self.flops:
            remarks.append(
                f"more passes over {text.count(self.unique)} unique tokens would hurt: the plan spends "
                f"{text.power(spent)} of the {text.power(self.flops)} FLOPs, the rest is better not spent"
            )
        if self._at_corner():
            remarks.append(
                f"{self.surface.law.name} has a corner at k = 1, where repeats begin to hurt: the elasticity "
                "in k is a mean of both sides"
            )
        return remarks

    def _at_corner(self) -> bool:
        """Whether the loss rises at once with fewer passes than one and with more."""
        params = self.surface.params
        around = [float(self.shifted("k", factor, params)) for factor in (1 / _CORNER, _CORNER)]
        return abs(self.epochs - 1) < _STEP and min(around) > self.loss
