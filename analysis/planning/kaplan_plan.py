"""The compute-efficient plan of a fit of `kaplan-ns`, which counts steps and not tokens.

A run of C FLOPs at batch B reaches the loss that C_min = C / (1 + B / B_crit) FLOPs reach at a batch far
below the critical one (Kaplan et al. 2020, arXiv 2001.08361, eq. 5.5). The critical batch is Kaplan's unless
the fit was given another.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from quarry.analysis.fitting.intervals import OPEN, Interval
from quarry.analysis.laws.batch_size import critical_batch, minimum_compute
from quarry.analysis.laws.kaplan_frontier import EfficientPlan, optimal_loss, optimal_size, plan_efficient_run
from quarry.analysis.planning.law_plan import Doubling
from quarry.errors import FitError

if TYPE_CHECKING:
    from quarry.analysis.laws.law import Values
    from quarry.analysis.planning.surface import Surface

# Rounds of the fixed point between C_min and the loss it reaches: each brings them five times nearer.
_ROUNDS = 40


@dataclass(frozen=True, eq=False)
class KaplanPlan:
    """The efficient N and E for `flops`, at a batch of `batch` tokens (None: the critical one)."""

    surface: "Surface"
    flops: float
    unique: float | None
    batch: float | None

    @cached_property
    def efficient(self) -> EfficientPlan:
        """The efficient run. Raises FitError for a budget of less than one parameter or step."""
        return self._efficient(self.flops)

    def _efficient(self, flops: float) -> EfficientPlan:
        least = float(_minimum_flops(flops, self.batch, {**self.surface.params, **self.surface.critical}))
        try:
            return plan_efficient_run(least, self.surface.params, self.surface.critical)
        except FitError as error:
            raise FitError(f"{self.surface.name}: {error}") from None

    @property
    def n(self) -> float:
        return self.efficient.n

    @property
    def tokens(self) -> float:
        return self.flops / (6 * self.n)

    @property
    def epochs(self) -> float:
        return 1.0 if self.unique is None else self.tokens / self.unique

    @property
    def known(self) -> bool:
        """Whether every token is fresh."""
        return self.epochs <= 1

    @property
    def inputs(self) -> dict[str, Any]:
        """The law's inputs at the plan."""
        return {"N": self.n, "S_min": self.efficient.steps}

    @property
    def loss(self) -> float:
        return self.efficient.loss

    def at(self, params: "Values") -> Any:
        """The loss at the plan."""
        return self.surface.law.predict(params, self.inputs)

    def optima(self) -> tuple[Interval, Interval, None]:
        """The intervals of N and E over each draw's own plan, and no regret."""
        surface = self.surface
        if not surface.draws:
            return OPEN, OPEN, None
        with np.errstate(all="ignore"):
            least = _minimum_flops(self.flops, self.batch, {**surface.draws, **surface.critical})
            n = np.asarray(optimal_size(least, {**surface.draws, **surface.critical}))
        none, tokens = np.zeros(len(n), bool), self.flops / (6 * n)
        n_interval = surface.interval(n, self.n, none, logarithmic=True)
        return n_interval, surface.interval(tokens, self.tokens, none, logarithmic=True), None

    def elasticities(self) -> dict[str, tuple[float, Interval]]:
        """No elasticities: the law does not count tokens."""
        return {}

    def regime(self) -> None:
        """No regime: the law does not count tokens."""

    def doublings(self) -> dict[str, Doubling]:
        """The loss with twice the C."""
        more = self._efficient(2 * self.flops).loss
        return {"C": Doubling(more, self.loss - more, (None, None))}

    def remarks(self) -> list[str]:
        """Sentences on what the law cannot give."""
        return ["kaplan-ns counts steps, not tokens: it gives no elasticities and no regime"]


def _minimum_flops(flops: Any, batch: float | None, params: "Values") -> Any:
    """C_min of a run of C FLOPs at the batch given, or (None) at B_crit of the loss that C_min reaches."""
    least = flops / 2
    for _ in range(0 if batch is None else _ROUNDS):
        least = minimum_compute(flops, batch, critical_batch(optimal_loss(least, params), params))
    return least
