"""The compute-efficient plan of a fit of `kaplan-ns`, which counts steps and not tokens.

Of the C FLOPs of a run at batch B, C_min = C / (1 + B / B_crit) would do at a batch far below the critical
one (Kaplan et al. 2020, arXiv 2001.08361, eq. 5.5). The critical batch is Kaplan's
unless the fit was given another.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from quarry.analysis.fitting.intervals import Interval
from quarry.analysis.laws.batch_size import critical_batch, minimum_compute
from quarry.analysis.laws.kaplan_frontier import EfficientPlan, optimal_loss, optimal_size, plan_efficient_run
from quarry.analysis.laws.law import Values
from quarry.analysis.planning.law_plan import Doubling
from quarry.analysis.planning.surface import Surface
from quarry.errors import FitError

# Rounds in which C_min and the loss it buys settle: each brings them five times nearer.
_SETTLED = 40


@dataclass(frozen=True, eq=False)
class KaplanPlanned:
    """The efficient N and E for `flops` at a batch of so many tokens (None: the critical one)."""

    surface: Surface
    flops: float
    unique: float | None
    batch: float | None

    @cached_property
    def efficient(self) -> EfficientPlan:
        """Raises FitError for a budget that buys less than one parameter or step."""
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
        """The law's."""
        return {"N": self.n, "S_min": self.efficient.steps}

    @property
    def loss(self) -> float:
        return self.efficient.loss

    def at(self, params: Values) -> Any:
        """The loss at the plan."""
        return self.surface.law.predict(params, self.inputs)

    def optima(self) -> tuple[Interval, Interval, None]:
        """The intervals of N and E over each draw's own plan, and no regret."""
        surface = self.surface
        if not surface.draws:
            return (None, None), (None, None), None
        with np.errstate(all="ignore"):
            least = _minimum_flops(self.flops, self.batch, {**surface.draws, **surface.critical})
            n = np.asarray(optimal_size(least, {**surface.draws, **surface.critical}))
        none, tokens = np.zeros(len(n), bool), self.flops / (6 * n)
        n_interval = surface.log_interval(n, self.n, none)
        return n_interval, surface.log_interval(tokens, self.tokens, none), None

    def elasticities(self) -> dict[str, tuple[float, Interval]]:
        """None."""
        return {}

    def regime(self) -> None:
        """None."""

    def doublings(self) -> dict[str, Doubling]:
        """The loss with twice the C."""
        more = self._efficient(2 * self.flops).loss
        return {"C": Doubling(more, self.loss - more, (None, None))}

    def remarks(self) -> list[str]:
        """What the law cannot say."""
        return ["kaplan-ns counts steps, not tokens: it gives no elasticities and no regime"]


def _minimum_flops(flops: Any, batch: float | None, params: Values) -> Any:
    """C_min of a run of C FLOPs: its batch is what is given, or B_crit at the loss that C_min buys."""
    least = flops / 2
    for _ in range(0 if batch is None else _SETTLED):
        least = minimum_compute(flops, batch, critical_batch(optimal_loss(least, params), params))
    return least
