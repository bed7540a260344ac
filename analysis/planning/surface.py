"""A law with its parameters as a surface: the loss over N, E and U, and what its draws say of it."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

import numpy as np

from quarry.analysis.fitting.coordinates import stopped
from quarry.analysis.fitting.intervals import Interval, widened_quantile, widening_factor
from quarry.analysis.laws.batch_size import KAPLAN_CRITICAL_BATCH
from quarry.analysis.laws.catalog import LAWS
from quarry.analysis.laws.law import Law, Parameter, Values
from quarry.analysis.laws.published import find_published
from quarry.errors import FitError

FIRST_PASS = (("N", "E"), ("C", "M"))
"""Inputs of the laws that know fresh tokens only."""

REPEATING = ("N", "E", "U")
"""Inputs of the laws that know what a repeated token is worth."""

# A loss that changes by less than this fraction does not feel a parameter.
_UNFELT = 1e-10


@dataclass(frozen=True, eq=False)
class Surface:
    """A law with its parameters: the loss over N, E and U, and what is known of its error.

    `draws` [draws] by parameter are empty where nothing is known of it; `ranges` are those of the inputs
    fitted and of E/N, `seed_noise` the standard deviation of log loss between runs alike. `critical` has
    the B_star and alpha_B by which batches are chosen, Kaplan's unless the fit was given others.
    """

    name: str
    law: Law
    params: dict[str, float]
    source: str
    draws: dict[str, np.ndarray] = field(default_factory=dict)
    level: float = 0.95
    runs: int = 0
    seed_noise: float = 0.0
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    parameter_interval: dict[str, Interval] = field(default_factory=dict)
    frozen: tuple[str, ...] = ()
    confounded: bool = False
    critical: dict[str, float] = field(default_factory=lambda: dict(KAPLAN_CRITICAL_BATCH))
    count: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def first_pass(self) -> bool:
        """Whether the law knows fresh tokens only."""
        return self.law.inputs in FIRST_PASS

    @property
    def free(self) -> tuple[Parameter, ...]:
        """The parameters that were fitted."""
        return tuple(parameter for parameter in self.law.parameters if parameter.name not in self.frozen)

    @property
    def caveats(self) -> list[str]:
        """The warnings of the fit, as what was made of it repeats them."""
        return [f"of the fit: {warning}" for warning in self.warnings]

    def lanes(self, number: int = 1) -> dict[str, np.ndarray]:
        """The parameters so many times: [lanes]."""
        return {name: np.full(number, value) for name, value in self.params.items()}

    def loss(self, n: Any, tokens: Any, unique: Any = None, params: Values | None = None) -> Any:
        """The loss at N, E and U (None: every token is fresh); arrays broadcast."""
        values = law_inputs(self.law, n, tokens, unique)
        with np.errstate(all="ignore"):
            return self.law.predict(self.params if params is None else params, values)

    def stopped(self, loss: Callable[[Values], Any]) -> np.ndarray:
        """The draws in which a parameter that the loss feels ended on a limit of the search: [draws]."""
        felt = [parameter for parameter in self.free if self._felt(loss, parameter.name)]
        none = np.zeros(len(next(iter(self.draws.values()))), bool)
        return np.any([none, *(stopped(parameter, self.draws[parameter.name]) for parameter in felt)], axis=0)

    def _felt(self, loss: Callable[[Values], Any], name: str) -> bool:
        """Whether a loss, a function of the parameters, depends on this one."""
        value = self.params[name]
        changed = {**self.params, name: value * 1.001 if value else 1e-3}
        return abs(float(loss(changed)) / float(loss(self.params)) - 1) > _UNFELT

    def interval(self, values: np.ndarray, middle: float, stopped: np.ndarray) -> Interval:
        """Of a quantity with one value for each draw; it is unlimited in the draws that were stopped."""
        lost, widening = ~np.isfinite(values) | stopped, widening_factor(self.runs, self.level)
        low, high = (
            float(widened_quantile(np.where(lost, side * np.inf, values), middle, quantile, widening))
            for side, quantile in ((-1, (1 - self.level) / 2), (1, (1 + self.level) / 2))
        )
        return finite(min(low, middle)), finite(max(high, middle))

    def log_interval(self, values: np.ndarray, middle: float, stopped: np.ndarray) -> Interval:
        """The same for a positive quantity, in its logarithm."""
        with np.errstate(all="ignore"):
            low, high = self.interval(np.log(values), math.log(middle), stopped)
        return None if low is None else math.exp(low), None if high is None else math.exp(high)

    def bands(self, loss: Callable[[Values], Any]) -> tuple[Interval, Interval]:
        """The interval of the law where `loss` is its value there, and that of one new run."""
        if not self.draws:
            return (None, None), (None, None)
        middle = float(loss(self.params))
        low, high = self.log_interval(np.asarray(loss(self.draws)), middle, self.stopped(loss))
        reach = NormalDist().inv_cdf((1 + self.level) / 2) * self.seed_noise
        run_low, run_high = (
            None if side is None else middle * math.exp(sign * math.hypot(math.log(side / middle), reach))
            for sign, side in ((-1, low), (1, high))
        )
        return (low, high), (run_low, run_high)


def finite(value: float) -> float | None:
    """None for a number that is none."""
    return value if math.isfinite(value) else None


def law_inputs(law: Law, n: Any, tokens: Any, unique: Any = None) -> dict[str, Any]:
    """The law's inputs at N, E and U; of more unique tokens than are processed, the rest is never seen."""
    seen = tokens if unique is None else np.minimum(unique, tokens)
    known = {"N": n, "E": tokens, "U": seen, "C": 6.0 * n * tokens, "M": tokens / n}
    return {name: known[name] for name in law.inputs}


def published_surface(name: str) -> Surface:
    """The surface of a published fit: no draws, so no band. Raises LawError."""
    found = find_published(name)
    return Surface(name, found.law, found.params, f"{found.source} ({found.status})")


def plannable(law: Law) -> bool:
    """Whether the law is a surface of the loss over N and E, with or without U."""
    return law.inputs in (*FIRST_PASS, REPEATING) and law.response == "loss"


def check_plannable(law: Law) -> None:
    """Raise FitError, which names the laws that can plan, unless `law` is one."""
    if not plannable(law):
        others = ", ".join(name for name, other in LAWS.items() if plannable(other))
        raise FitError(
            f"{law.name} gives the {law.response} by {', '.join(law.inputs)} and cannot divide a budget "
            f"between N and E: fit one of {others}"
        )
