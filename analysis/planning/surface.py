"""A law with its parameters as a surface: the loss over N, E and U, with intervals over the draws."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from quarry.analysis.fitting.coordinates import at_search_limit
from quarry.analysis.fitting.intervals import OPEN, Interval, IntervalSettings, finite, reach
from quarry.analysis.fitting.prediction.band import widened
from quarry.analysis.laws.batch_size import KAPLAN_CRITICAL_BATCH
from quarry.analysis.laws.catalog import LAWS
from quarry.analysis.laws.mixture import law_shares, weight_of
from quarry.analysis.laws.published import find_published
from quarry.errors import FitError

if TYPE_CHECKING:
    from quarry.analysis.fitting.prediction.band import Parts, Reach
    from quarry.analysis.fitting.prediction.outlook import Outlook
    from quarry.analysis.fitting.result import Fit
    from quarry.analysis.laws.law import Law, Parameter, Values

FIRST_PASS = (("N", "E"), ("C", "M"))
"""Inputs of the laws of fresh tokens only."""

REPEATING = ("N", "E", "U")
"""Inputs of the laws of repeated data."""

# A loss that changes by less than this fraction does not depend on a parameter.
_UNFELT = 1e-10


@dataclass(frozen=True, eq=False)
class Surface:
    """A law with its parameters: the loss in nats per token over N, E and U.

    `draws` [draws] by parameter are empty where the error is not known. `ranges` are those of the fitted
    inputs and of E/N. `seed_noise` is the standard deviation of log loss between repeats of one run;
    `outlook` what backtests say of predictions beyond the points (None: not known).
    `critical` has the B_star and alpha_B by which batches are chosen: Kaplan's, or those given to the fit.
    """

    name: str
    law: "Law"
    params: dict[str, float]
    source: str
    draws: dict[str, np.ndarray] = field(default_factory=dict)
    level: float = 0.95
    runs: int = 0
    seed_noise: float = 0.0
    outlook: "Outlook | None" = None
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    parameter_interval: dict[str, Interval] = field(default_factory=dict)
    frozen: tuple[str, ...] = ()
    confounded: bool = False
    critical: dict[str, float] = field(default_factory=lambda: dict(KAPLAN_CRITICAL_BATCH))
    count: str = ""
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(cls, fit: "Fit") -> "Surface":
        """The surface of a fit."""
        diagnostics = fit.diagnostics
        return cls(
            name=fit.law.name,
            law=fit.law,
            params=fit.params,
            source="fitted here",
            draws=fit.draws,
            level=fit.level,
            runs=diagnostics.runs,
            seed_noise=fit.seed_noise,
            outlook=fit.outlook,
            ranges={x: diagnostics.ranges[x] for x in ranged(fit.law)},
            parameter_interval=fit.interval,
            frozen=tuple(diagnostics.frozen),
            confounded=diagnostics.confounded,
            critical=dict(diagnostics.settings.critical or KAPLAN_CRITICAL_BATCH),
            count=diagnostics.count,
            warnings=fit.warnings,
        )

    @property
    def first_pass(self) -> bool:
        """Whether the law is one of fresh tokens only."""
        return self.law.inputs in FIRST_PASS

    @property
    def free(self) -> "tuple[Parameter, ...]":
        """The parameters that were fitted."""
        return tuple(parameter for parameter in self.law.parameters if parameter.name not in self.frozen)

    @property
    def caveats(self) -> list[str]:
        """The warnings of the fit, as plans repeat them."""
        return [f"of the fit: {warning}" for warning in self.warnings]

    def lanes(self, number: int = 1) -> dict[str, np.ndarray]:
        """The parameters, each repeated: [lanes]."""
        return {name: np.full(number, value) for name, value in self.params.items()}

    def loss(self, n: Any, tokens: Any, unique: Any = None, params: "Values | None" = None) -> Any:
        """The loss at N, E and U (None: every token is fresh); arrays broadcast."""
        values = law_inputs(self.law, n, tokens, unique)
        with np.errstate(all="ignore"):
            return self.law.predict(self.params if params is None else params, values)

    def stopped(self, loss: "Callable[[Values], Any]") -> np.ndarray:
        """The draws in which a parameter that the loss depends on ended on a limit of the search: [draws].

        None of a mixture where one of its laws is free of them: the others' losses at the limit are then
        within the disagreement of the laws.
        """
        felt = [parameter for parameter in self.free if self._felt(loss, parameter.name)]
        ended = [at_search_limit(p, self.draws[p.name]) & self._of_its_law(p.name) for p in felt]
        none = np.zeros(len(next(iter(self.draws.values()))), bool)
        stopped = np.any([none, *ended], axis=0)
        lost, most = list(law_shares(self.draws, stopped).values()), (1 - self.level) / 2
        return none if lost and min(lost) <= most else stopped

    def _of_its_law(self, name: str) -> Any:
        """Whether each draw is of the law of this parameter of a mixture: [draws]; True of any other."""
        return weight_of(self.draws, name) > 0

    def _felt(self, loss: "Callable[[Values], Any]", name: str) -> bool:
        """Whether a loss, a function of the parameters, depends on this one."""
        value = self.params[name]
        changed = {**self.params, name: value * 1.001 if value else 1e-3}
        return abs(float(loss(changed)) / float(loss(self.params)) - 1) > _UNFELT

    @property
    def _settings(self) -> IntervalSettings:
        return IntervalSettings.of_runs(self.level, self.runs)

    def interval(
        self, draws: np.ndarray, estimate: float, stopped: np.ndarray, logarithmic: bool = False
    ) -> Interval:
        """The interval of a quantity, from its value in each draw; `stopped` draws limit neither side."""
        return self._settings.interval(draws, estimate, stopped, logarithmic)

    def bands(self, loss: "Callable[[Values], Any]", at: Mapping[str, Any]) -> tuple[Interval, Interval]:
        """The interval of the law where `loss` is its value, at the inputs `at`, and that of one new run."""
        if not self.draws:
            return OPEN, OPEN
        sides = self._reach(loss)
        law, run = (self._band(loss, at, sides, new_run) for new_run in (False, True))
        return law, run

    def parts(self, loss: "Callable[[Values], Any]", at: Mapping[str, Any]) -> "Parts | None":
        """What the interval of a new run is made of; None where backtests or draws are not known."""
        if not self.draws or self.outlook is None:
            return None
        return self.outlook.parts(_arrays(at), self._reach(loss), self.level)

    def _reach(self, loss: "Callable[[Values], Any]") -> "Reach":
        """How far the parameters' interval of the loss goes to each side, in log loss."""
        draws, middle = np.asarray(loss(self.draws)), np.array(float(loss(self.params)))
        return reach(draws, middle, self._settings, self.stopped(loss))

    def _band(
        self, loss: "Callable[[Values], Any]", at: Mapping[str, Any], sides: "Reach", new_run: bool
    ) -> Interval:
        middle = np.array(float(loss(self.params)))
        if self.outlook is None:
            noise = self.seed_noise if new_run else 0.0
            low, high = widened(middle, sides, self.level, noise, None, np.array(0.0))
        else:
            low, high = self.outlook.band(_arrays(at), middle, sides, self.level, new_run)
        return (float(low) or None, finite(high))


def _arrays(at: Mapping[str, Any]) -> dict[str, np.ndarray]:
    return {name: np.asarray(value, float) for name, value in at.items()}


def ranged(law: "Law") -> tuple[str, ...]:
    """The names of a fit's ranges: the law's inputs, and E/N for a law of both."""
    return (*law.inputs, "E/N") if {"N", "E"} <= set(law.inputs) else law.inputs


def law_inputs(law: "Law", n: Any, tokens: Any, unique: Any = None) -> dict[str, Any]:
    """The law's inputs at N, E and U. U counts at most E: further unique tokens are never seen."""
    seen = tokens if unique is None else np.minimum(unique, tokens)
    known = {"N": n, "E": tokens, "U": seen, "C": 6.0 * n * tokens, "M": tokens / n}
    return {name: known[name] for name in law.inputs}


def published_surface(name: str) -> Surface:
    """The surface of a published fit: no draws, so no band. Raises LawError."""
    found = find_published(name)
    return Surface(name, found.law, found.params, f"{found.source} ({found.status})")


def plannable(law: "Law") -> bool:
    """Whether the law is a surface of the loss over N and E, with or without U."""
    return law.inputs in (*FIRST_PASS, REPEATING) and law.response == "loss"


def check_plannable(law: "Law") -> None:
    """Raise FitError, which names the laws that can plan, unless `law` is one."""
    if not plannable(law):
        others = ", ".join(name for name, other in LAWS.items() if plannable(other))
        raise FitError(
            f"{law.name} gives the {law.response} by {', '.join(law.inputs)} and cannot divide a budget "
            f"between N and E: fit one of {others}"
        )
