"""Which runs to make next: those that narrow a chosen quantity of a fitted law the most.

A run at (N, E) adds g g' / sigma^2 to the information about the parameters, with g the gradient of log loss
by them and sigma the seed noise; the information so far is the inverse of the covariance of the fit's draws.
To first order the variance of a quantity with gradient c falls from c' V c to that with the new V: a
c-optimal design (Elfving 1952; Chaloner and Larntz 1989 for nonlinear models, recalled).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from analysis import text
from analysis.fit import Fit
from analysis.laws import Values
from analysis.plan import Surface, check_plannable, law_inputs, optimum, surface_of
from analysis.uncertainty import search_coordinate

PASSES = (1.0, 4.0, 16.0)
"""The epochs that a candidate run may make, for a law that knows repeats."""

# Candidates reach so many times above the fitted range, at so many values of each input. None lies below it:
# small models and short runs are where power laws fail first.
_BEYOND, _VALUES = 10.0, 25

# A correlation matrix of the draws with a larger condition number is singular.
_SINGULAR = 1e12

_STEP = 1e-5
"""Of a search coordinate, in derivatives."""


class NextPointsError(ValueError):
    """A fit, target or budget from which no next run follows."""


@dataclass(frozen=True)
class NextRun:
    """A run to make: N parameters, E tokens over U unique ones, its FLOPs = 6NE and predicted loss.

    `standard_error` is what is expected of the target with this run and those before it.
    """

    n: float
    tokens: float
    unique_tokens: float
    flops: float
    loss: float
    standard_error: float


@dataclass(frozen=True)
class NextPoints:
    """The runs that narrow `target` the most for a budget of FLOPs.

    `estimate` and the standard errors are of the target, of its logarithm where `logarithmic`.
    """

    target: str
    logarithmic: bool
    estimate: float
    standard_error: float
    runs: tuple[NextRun, ...]
    budget: float
    spent: float
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Strict JSON values."""
        return asdict(self)


def next_points(
    fit: Fit | Surface,
    runs: int,
    budget: float,
    target: str,
    *,
    most_per_run: float | None = None,
    unique_tokens: float | None = None,
) -> NextPoints:
    """At most `runs` runs within `budget` FLOPs that narrow `target` the most, each at most `most_per_run`.

    A target is a parameter, a derived quantity such as `a`, or `loss@C`, the loss of the best plan for C
    FLOPs. Candidates lie in the fitted range and up to ten times above it; those of a law that knows repeats
    may make several passes; `unique_tokens` are the most there are. The choice is greedy, by the variance
    taken away for each FLOP and by that alone, each improved by exchange, whichever ends lower. Raises
    NextPointsError, PlanError.
    """
    surface = surface_of(fit) if isinstance(fit, Fit) else fit
    check_plannable(surface.law)
    _check(runs, budget, most_per_run, unique_tokens)
    limit = min(budget, most_per_run or budget)
    inputs = candidates(surface, unique_tokens)
    affordable = _affordable(inputs, limit)
    _check_known(surface, inputs, limit)
    quantity = _quantity(surface, target, unique_tokens)
    problem = _Problem.of(surface, affordable, quantity.gradient)
    chosen = problem.choose(runs, budget)
    return _result(surface, target, quantity, problem, chosen, affordable, budget)


def _check(runs: int, budget: float, most_per_run: float | None, unique_tokens: float | None) -> None:
    if runs < 1:
        raise NextPointsError(f"next={runs}: at least one run")
    named = (("budget", budget), ("most_per_run", most_per_run), ("unique_tokens", unique_tokens))
    for name, value in named:
        if value is not None and not (math.isfinite(value) and value > 0):
            raise NextPointsError(f"{name}={value}: must be positive and finite")


def candidates(surface: Surface, unique_tokens: float | None = None) -> dict[str, np.ndarray]:
    """N, E and U of the runs that could be made: a grid over the fitted range and above it."""
    n_range, e_range = _spans(surface)
    n, tokens = (np.geomspace(low, high * _BEYOND, _VALUES).round() for low, high in (n_range, e_range))
    passes = np.array([1.0] if surface.first_pass else PASSES)
    n, tokens, k = (axis.ravel() for axis in np.meshgrid(n, tokens, passes, indexing="ij"))
    unique = tokens / k
    possible = (n >= 1) & (unique >= 1) & (unique <= (unique_tokens or math.inf))
    return {"N": n[possible], "E": tokens[possible], "U": unique[possible]}


def _spans(surface: Surface) -> tuple[tuple[float, float], tuple[float, float]]:
    """The fitted ranges of N and E; of a law in C and M they follow from C = 6NE and M = E / N."""
    if missing := [x for x in surface.law.inputs if x not in surface.ranges]:
        raise NextPointsError(f"{surface.name}: the range of {missing[0]} that was fitted is not known")
    if "N" in surface.law.inputs:
        return surface.ranges["N"], surface.ranges["E"]
    (c_low, c_high), (m_low, m_high) = surface.ranges["C"], surface.ranges["M"]
    ends = [(c / 6, m) for c in (c_low, c_high) for m in (m_low, m_high)]
    n, tokens = zip(*((math.sqrt(product / m), math.sqrt(product * m)) for product, m in ends), strict=True)
    return (min(n), max(n)), (min(tokens), max(tokens))


def _flops(inputs: dict[str, np.ndarray]) -> np.ndarray:
    return 6 * inputs["N"] * inputs["E"]


def _affordable(inputs: dict[str, np.ndarray], limit: float) -> dict[str, np.ndarray]:
    flops = _flops(inputs)
    if len(flops) == 0 or not (flops <= limit).any():
        least = (
            f"the cheapest takes {text.power(float(flops.min()))} FLOPs" if len(flops) else "there is none"
        )
        raise NextPointsError(f"{text.power(limit)} FLOPs buy no run near the fitted range: {least}")
    return {name: values[flops <= limit] for name, values in inputs.items()}


def _check_known(surface: Surface, inputs: dict[str, np.ndarray], limit: float) -> None:
    """Raise NextPointsError where the draws say nothing of a parameter, naming runs that would."""
    if not surface.draws and not surface.confounded:
        raise NextPointsError(
            f"{surface.name} has no draws of its parameters: fit it with a bootstrap, to more runs than "
            "parameters"
        )
    unknown = [name for name in _free(surface) if surface.parameter_interval[name] == (None, None)]
    if surface.confounded or unknown:
        raise NextPointsError(
            f"the runs so far do not bound {unknown[0] if unknown else 'the parameters'} of {surface.name}, "
            f"so that no error follows: {_would_identify(surface, inputs, limit, unknown)}"
        )


def _free(surface: Surface) -> list[str]:
    return [name for name in surface.law.parameter_names if name not in surface.frozen]


def _would_identify(surface: Surface, inputs: dict[str, np.ndarray], limit: float, unknown: list[str]) -> str:
    """Runs that vary one input alone: that which changes the slopes of the loss by the unknown ones most."""
    axes = ("N", "E") if surface.first_pass else ("N", "E", "U")
    columns = [_free(surface).index(name) for name in unknown] or list(range(len(_free(surface))))
    losses = np.asarray(surface.loss(inputs["N"], inputs["E"], inputs["U"]))
    slopes = gradient(surface, inputs)[:, columns] * losses[:, None]
    inputs = {x: inputs[x] for x in axes}
    moved = {x: _variation(slopes, inputs, x) for x in axes}
    x = "E" if surface.confounded else max(moved, key=lambda name: moved[name])
    at = _line(_affordable(inputs, limit), x)
    if len(at[x]) < 2:
        others = " and ".join(name for name in axes if name != x)
        return f"vary {x} at fixed {others}, for which this budget is too small"
    ends = " and ".join(text.count(float(at[x][place])) for place in (0, -1))
    fixed = ", ".join(f"{name} = {text.count(float(at[name][0]))}" for name in axes if name != x)
    return f"vary {x} at fixed {fixed}, for example {x} = {ends}"


def _line(inputs: dict[str, np.ndarray], x: str) -> dict[str, np.ndarray]:
    """The longest line of candidates along one input."""
    others = [values for name, values in inputs.items() if name != x]
    _, place, size = np.unique(np.stack(others), axis=1, return_inverse=True, return_counts=True)
    kept = np.flatnonzero(place.ravel() == size.argmax())
    kept = kept[np.argsort(inputs[x][kept])]
    return {name: values[kept] for name, values in inputs.items()}


def _variation(slopes: np.ndarray, inputs: dict[str, np.ndarray], x: str) -> float:
    """The variance of slopes [runs, parameters] along an input, averaged over the others."""
    others = np.stack([values for name, values in inputs.items() if name != x])
    _, place = np.unique(others, axis=1, return_inverse=True)
    place = place.ravel()
    size = np.bincount(place)
    means = np.stack([np.bincount(place, column) / size for column in slopes.T], axis=1)
    return float(np.mean((slopes - means[place]) ** 2))


def gradient(surface: Surface, inputs: dict[str, np.ndarray]) -> np.ndarray:
    """d log loss / d free parameter, per e-fold for `log` ones, at each run: [runs, parameters]."""
    from analysis.solver import jacobian  # JAX takes a second to import

    law = surface.law.frozen({name: surface.params[name] for name in surface.frozen})
    params = np.array([surface.params[name] for name in law.parameter_names])
    return jacobian(law, params, law_inputs(law, inputs["N"], inputs["E"], inputs["U"]))


@dataclass(frozen=True)
class _Quantity:
    """The target: its value, whether errors are of its logarithm, and its gradient [parameters]."""

    value: float
    logarithmic: bool
    gradient: np.ndarray


def _quantity(surface: Surface, target: str, unique_tokens: float | None) -> _Quantity:
    value, logarithmic = _target(surface, target, unique_tokens)
    at = float(value(surface.params))
    slopes = np.array([_slope(surface, value, name) for name in _free(surface)])
    if not (math.isfinite(at) and np.isfinite(slopes).all()) or (logarithmic and at <= 0):
        raise NextPointsError(f"{target} is {at:g} in this fit: no error follows")
    if not slopes.any():
        raise NextPointsError(f"{target} does not depend on the fitted parameters")
    return _Quantity(at, logarithmic, slopes / at if logarithmic else slopes)


def _target(surface: Surface, target: str, unique: float | None) -> tuple[Callable[[Values], Any], bool]:
    """The target as a function of the parameters, and whether its error is that of a logarithm."""
    if target.startswith("loss@"):
        n, tokens = optimum(surface, _budget_of(target), unique)
        # At its least the loss does not feel N and E, so that they may stay where they are.
        return lambda p: surface.loss(n, tokens, unique, p), False
    derived = {derived.name: derived.value for derived in surface.law.derived}
    parameters = {parameter.name: parameter.log for parameter in surface.law.parameters}
    if target in parameters:
        return lambda p: p[target], parameters[target]
    if target in derived:
        return derived[target], False
    choices = ", ".join([*parameters, *derived, "loss@FLOPS"])
    raise NextPointsError(
        f"target={target!r} is nothing that {surface.law.name} gives: choose one of {choices}"
    )


def _budget_of(target: str) -> float:
    words = target.removeprefix("loss@")
    try:
        flops = float(words)
    except ValueError:
        flops = math.nan
    if not (math.isfinite(flops) and flops > 0):
        raise NextPointsError(f"target={target!r}: {words!r} is no budget in FLOPs, such as loss@1e21")
    return flops


def _slope(surface: Surface, value: Callable[[Values], Any], name: str) -> float:
    """The derivative of a quantity by one parameter, per e-fold for a `log` one."""
    parameter = next(p for p in surface.law.parameters if p.name == name)
    middle = surface.params[name]

    def at(step: float) -> float:
        moved = middle * math.exp(step) if parameter.log else middle + step
        with np.errstate(all="ignore"):
            return float(value({**surface.params, name: moved}))

    return (at(_STEP) - at(-_STEP)) / (2 * _STEP)


@dataclass(frozen=True)
class _Problem:
    """The covariance of the free parameters, and of each candidate its scaled gradient and its FLOPs.

    covariance [parameters, parameters], target [parameters], runs [candidates, parameters] in units of the
    seed noise, flops [candidates].
    """

    covariance: np.ndarray
    target: np.ndarray
    runs: np.ndarray
    flops: np.ndarray

    @classmethod
    def of(cls, surface: Surface, inputs: dict[str, np.ndarray], target: np.ndarray) -> "_Problem":
        """Raises NextPointsError for a covariance that is singular, or without seed noise."""
        if not surface.seed_noise > 0:
            raise NextPointsError(f"{surface.name}: seed noise {surface.seed_noise:g} gives runs no weight")
        scaled = gradient(surface, inputs) / surface.seed_noise
        return cls(_covariance(surface), target, np.nan_to_num(scaled), _flops(inputs))

    def choose(self, runs: int, budget: float) -> list[int]:
        """The candidates chosen, in the order in which they help."""
        per_flop, alone = (self.greedy(runs, budget, power) for power in (1.0, 0.0))
        best = min((self.exchanged(chosen, budget) for chosen in (per_flop, alone)), key=self.variance)
        return self.ordered(best)

    def greedy(self, runs: int, budget: float, power: float) -> list[int]:
        """One run after the other, each by the variance it takes away over its FLOPs to this power."""
        chosen: list[int] = []
        while len(chosen) < runs:
            left = budget - self.flops[chosen].sum()
            gain = np.where(self.flops <= left, self.gains(chosen), 0.0)
            if not gain.any():
                break
            chosen.append(int(np.argmax(gain / self.flops**power)))
        return chosen

    def exchanged(self, chosen: list[int], budget: float) -> list[int]:
        """With each run changed for the best in its place, until none is (Fedorov 1972, recalled)."""
        for _ in range(20):
            before = list(chosen)
            for place in range(len(chosen)):
                others = chosen[:place] + chosen[place + 1 :]
                left = budget - self.flops[others].sum()
                gain = np.where(self.flops <= left, self.gains(others), 0.0)
                chosen = [*chosen[:place], int(np.argmax(gain)), *chosen[place + 1 :]]
            if chosen == before:
                break
        return chosen

    def ordered(self, chosen: Sequence[int]) -> list[int]:
        rest, done = list(chosen), list[int]()
        while rest:
            gain = self.gains(done)
            done.append(rest.pop(int(np.argmax([gain[place] for place in rest]))))
        return done

    def gains(self, chosen: Sequence[int]) -> np.ndarray:
        """The variance of the target that each candidate would take away after those chosen: [candidates]."""
        along = self.runs @ self.after(chosen)
        return (along @ self.target) ** 2 / (1 + np.sum(along * self.runs, axis=1))

    def variance(self, chosen: Sequence[int]) -> float:
        return float(self.target @ self.after(chosen) @ self.target)

    def after(self, chosen: Sequence[int]) -> np.ndarray:
        """The covariance with these runs, by one rank-one update for each (Sherman and Morrison)."""
        covariance = self.covariance
        for place in chosen:
            along = covariance @ self.runs[place]
            covariance = covariance - np.outer(along, along) / (1 + self.runs[place] @ along)
        return covariance


def _covariance(surface: Surface) -> np.ndarray:
    """Of the free parameters in search coordinates, over the draws: [parameters, parameters]."""
    free = [parameter for parameter in surface.law.parameters if parameter.name not in surface.frozen]
    drawn = np.array([search_coordinate(p, surface.draws[p.name]) for p in free])
    drawn = drawn[:, np.isfinite(drawn).all(axis=0)]
    if drawn.shape[1] <= len(free) or not (np.ptp(drawn, axis=1) > 0).all():
        raise NextPointsError(f"the draws of {surface.name} do not vary in every parameter: no error follows")
    found = np.atleast_2d(np.cov(drawn))
    spread = np.sqrt(np.diag(found))
    if np.linalg.cond(found / np.outer(spread, spread)) > _SINGULAR:
        raise NextPointsError(
            f"the draws of {surface.name} leave its parameters one free combination (a singular covariance): "
            "fit a law with fewer parameters, or vary each input at fixed others"
        )
    return found


def _result(
    surface: Surface,
    target: str,
    quantity: _Quantity,
    problem: _Problem,
    chosen: list[int],
    inputs: dict[str, np.ndarray],
    budget: float,
) -> NextPoints:
    runs = []
    for i, place in enumerate(chosen):
        n, tokens, unique = (float(inputs[name][place]) for name in ("N", "E", "U"))
        loss, error = float(surface.loss(n, tokens, unique)), math.sqrt(problem.variance(chosen[: i + 1]))
        runs.append(NextRun(n, tokens, unique, float(problem.flops[place]), loss, error))
    before, spent = math.sqrt(problem.variance([])), sum(run.flops for run in runs)
    shown = NextPoints(target, quantity.logarithmic, quantity.value, before, tuple(runs), budget, spent, ())
    return replace(shown, warnings=tuple(_warnings(surface, shown)))


def _warnings(surface: Surface, shown: NextPoints) -> list[str]:
    found = []
    if half_open := [p for p in _free(surface) if None in surface.parameter_interval[p]]:
        found.append(
            f"{half_open[0]} is bounded on one side only: the errors take the draws for a normal distribution"
        )
    n_range, e_range = _spans(surface)
    for name, values, (low, high) in (
        ("N", [run.n for run in shown.runs], n_range),
        ("E", [run.tokens for run in shown.runs], e_range),
    ):
        if outside := sum(not low <= value <= high for value in values):
            found.append(
                f"{name} of {text.plural(outside, 'run')} is outside the fitted {text.count(low)} to "
                f"{text.count(high)}: the gain holds if the law does"
            )
    return [*found, *(f"of the fit: {warning}" for warning in surface.warnings)]
