"""A law at its best N and E for a budget: intervals over the draws, elasticities, and what more would buy."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from quarry import text
from quarry.analysis.fitting.intervals import Interval
from quarry.analysis.laws.law import Values
from quarry.analysis.planning.optimum import optima, optimum
from quarry.analysis.planning.regime import Regime, regime
from quarry.analysis.planning.surface import Surface, finite, law_inputs

_STEP = 1e-4
"""Of a logarithm, in derivatives."""

# A budget of which more than this share is spent is spent; a k within this factor of 1 is 1.
_SPENT, _CORNER = 0.99, 1.001


@dataclass(frozen=True)
class Doubling:
    """The loss with twice as much of one thing, and by how many nats per token it is less."""

    loss: float
    gain: float
    gain_interval: Interval


@dataclass(frozen=True, eq=False)
class Planned:
    """A surface at N parameters and E tokens, its best for `flops` and `unique` tokens (None: fresh ones)."""

    surface: Surface
    flops: float
    unique: float | None
    n: float
    tokens: float

    @classmethod
    def best(cls, surface: Surface, flops: float, unique: float | None) -> "Planned":
        """Raises FitError where the loss has no least value within the budget."""
        return cls(surface, flops, unique, *optimum(surface, flops, unique))

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
        """The law's."""
        return law_inputs(self.surface.law, self.n, self.tokens, self.unique)

    def at(self, params: Values, n: float = 1.0, unique: float = 1.0, k: float = 1.0) -> Any:
        """The loss at the plan with N, U at fixed k, and k at fixed U, multiplied by these."""
        data = None if self.unique is None else self.unique * unique
        return self.surface.loss(self.n * n, self.tokens * unique * k, data, params)

    def shifted(self, x: str, factor: float, params: Values) -> Any:
        """The same by the name of one: N, U or k."""
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
            return (None, None), (None, None), None
        n, tokens = optima(surface, surface.draws, self.flops, self.unique)
        own = surface.loss(n, tokens, self.unique, surface.draws)
        regret = np.nan_to_num(self.at(surface.draws) - own, nan=np.inf)
        worst = float(np.quantile(regret, surface.level, method="higher"))
        n_interval = surface.log_interval(n, self.n, self._stopped)
        return n_interval, surface.log_interval(tokens, self.tokens, self._stopped), finite(max(0.0, worst))

    def elasticities(self) -> dict[str, tuple[float, Interval]]:
        """-d ln(L - L_inf) / d ln x of N, U and k, with their intervals."""
        slopes = {x: partial(self._elasticity, x) for x in self._varied}
        middles = {x: float(slope(self.surface.params)) for x, slope in slopes.items()}
        return {x: (middles[x], self._interval(slope, middles[x])) for x, slope in slopes.items()}

    def _elasticity(self, x: str, params: Values) -> Any:
        ends = (self.shifted(x, math.exp(step), params) for step in (-_STEP, _STEP))
        below, above = (np.log(loss - params.get("L_inf", 0.0)) for loss in ends)
        return (below - above) / (2 * _STEP)

    def _interval(self, value: Callable[[Values], Any], middle: float) -> Interval:
        """Of a function of the parameters, over the draws."""
        if not self.surface.draws:
            return None, None
        with np.errstate(all="ignore"):
            values = np.asarray(value(self.surface.draws))
        return self.surface.interval(values, middle, self._stopped)

    def regime(self) -> Regime | None:
        """What limits the loss; None where the law does not know this many passes."""
        unique = self.tokens if self.unique is None else self.unique
        return regime(self.surface, self.n, self.tokens, unique) if self.known else None

    def doublings(self) -> dict[str, Doubling]:
        """The loss with twice the C or U, planned anew, and with twice the N or k, all else equal."""
        found = {}
        if self.known:
            found["C"] = self._against(Planned.best(self.surface, 2 * self.flops, self.unique).at)
        if self.known and self.unique is not None:
            found["U"] = self._against(Planned.best(self.surface, self.flops, 2 * self.unique).at)
        found["N"] = self._against(partial(self.shifted, "N", 2.0))
        if self._knows(2 * self.epochs):
            found["k"] = self._against(partial(self.shifted, "k", 2.0))
        return found

    def _against(self, loss: Callable[[Values], Any]) -> Doubling:
        """Another plan's loss against this one's, draw by draw."""
        other = float(loss(self.surface.params))
        gain = self.loss - other
        return Doubling(other, gain, self._interval(lambda params: self.at(params) - loss(params), gain))

    def remarks(self) -> list[str]:
        """Sentences about a budget that is left, and about a corner."""
        found, spent = [], 6 * self.n * self.tokens
        if spent < _SPENT * self.flops:
            found.append(
                f"more passes over {text.count(self.unique)} unique tokens would hurt: the plan spends "
                f"{text.power(spent)} of the {text.power(self.flops)} FLOPs, the rest is better left"
            )
        if self._at_corner():
            found.append(
                f"{self.surface.law.name} has a corner at k = 1, where repeats begin to hurt: the elasticity "
                "in k is a mean of both sides"
            )
        return found

    def _at_corner(self) -> bool:
        """Whether the loss rises at once with fewer passes than one and with more."""
        params = self.surface.params
        around = [float(self.shifted("k", factor, params)) for factor in (1 / _CORNER, _CORNER)]
        return abs(self.epochs - 1) < _STEP and min(around) > self.loss
