"""What to train with a budget: the best N and E of a fitted law, their bands, and what would help more."""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from statistics import NormalDist
from typing import Any, Literal

import numpy as np

from analysis import text
from analysis.batch import KAPLAN_CRITICAL_BATCH, critical_batch, minimum_compute
from analysis.caveats import confounded
from analysis.fit import Fit
from analysis.intervals import Interval, widened_quantile, widening_factor
from analysis.kaplan import KaplanError, efficient_plan, optimal_loss, optimal_size
from analysis.laws import (
    EPOCH_TERMS,
    EPOCHS,
    KAPLAN_NS,
    LAWS,
    Law,
    LawError,
    Parameter,
    Values,
    epochs,
    find_law,
)
from analysis.published import find_published
from analysis.uncertainty import search_coordinate

FIRST_PASS = (("N", "E"), ("C", "M"))
"""Inputs of the laws that know fresh tokens only."""

REPEATING = ("N", "E", "U")
"""Inputs of the laws that know what a repeated token is worth."""

PUBLISHED_PLANS = ("besiroglu", "hoffmann", "muennighoff", "kaplan-ns")
"""The published fits that plan where no fit of one's own is given."""

KAPLAN_RULE = "the critical batch at this loss, constants published by Kaplan 2020 (eq. 1.4)"

# A limit that grids of logarithms do not reach: the loss of unlimited parameters or passes.
_UNLIMITED = 1e100
_LARGEST_N, _LARGEST_K = 1e30, 1e9

# The search: points of the first grid and of each finer one, and how many finer ones.
_FIRST, _FINER, _ROUNDS = 257, 17, 8
_FIRST_NESTED, _FINER_NESTED, _ROUNDS_NESTED = 33, 9, 6

_STEP = 1e-4
"""Of a logarithm, in derivatives."""

# Draws whose label is counted, of however many there are; the share of them that a label needs.
_LABELLED, _SURE = 200, 0.8

# A fitted number within this fraction of the width of its bounds is on the bound (as in the intervals); a
# loss that changes by less than this fraction does not feel a parameter.
_AT_BOUND, _UNFELT = 2e-4, 1e-10

# Rounds in which C_min and the loss it buys settle: each brings them five times nearer.
_SETTLED = 40

# Outside the fitted range by more than this many decades is worth a word; a budget spent to more than this
# share is spent.
_OUTSIDE, _SPENT = 0.05, 0.99


class PlanError(ValueError):
    """A file that holds no fit, a law that cannot plan, or a budget that is none."""


@dataclass(frozen=True, eq=False)
class Surface:
    """A law with its parameters: the loss over N, E and U, and what is known of its error.

    `draws` [draws] by parameter are empty where nothing is known of it; `ranges` are those of the inputs
    fitted, `seed_noise` the standard deviation of log loss between runs alike.
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
    count: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def first_pass(self) -> bool:
        """Whether the law knows fresh tokens only."""
        return self.law.inputs in FIRST_PASS

    @property
    def widening(self) -> float:
        return widening_factor(self.runs, self.level)

    def loss(self, n: Any, tokens: Any, unique: Any = None, params: Values | None = None) -> Any:
        """The loss at N, E and U (None: every token is fresh); arrays broadcast."""
        values = law_inputs(self.law, n, tokens, unique)
        with np.errstate(all="ignore"):
            return self.law.predict(self.params if params is None else params, values)

    def felt(self, loss: Callable[[Values], Any], name: str) -> bool:
        """Whether a loss, a function of the parameters, depends on this one."""
        value = self.params[name]
        changed = {**self.params, name: value * 1.001 if value else 1e-3}
        return abs(float(loss(changed)) / float(loss(self.params)) - 1) > _UNFELT

    def stopped(self, loss: Callable[[Values], Any]) -> np.ndarray:
        """The draws in which a parameter that the loss feels ended on a limit of the search: [draws]."""
        found = np.zeros(len(next(iter(self.draws.values()))), bool)
        for parameter in self.law.parameters:
            if parameter.name in self.frozen or not self.felt(loss, parameter.name):
                continue
            values = search_coordinate(parameter, self.draws[parameter.name])
            lower, upper = search_coordinate(parameter, np.array([parameter.lower, parameter.upper]))
            margin = _AT_BOUND * (upper - lower)
            found |= (values >= upper - margin) | (
                (values <= lower + margin) & (not parameter.physical_lower)
            )
        return found

    def interval(self, values: np.ndarray, middle: float, stopped: np.ndarray) -> Interval:
        """Of a quantity with one value for each draw; it is unlimited in the draws that were stopped."""
        lost = ~np.isfinite(values) | stopped
        low, high = (
            float(widened_quantile(np.where(lost, side * np.inf, values), middle, quantile, self.widening))
            for side, quantile in ((-1, (1 - self.level) / 2), (1, (1 + self.level) / 2))
        )
        return _finite(min(low, middle)), _finite(max(high, middle))

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


def law_inputs(law: Law, n: Any, tokens: Any, unique: Any = None) -> dict[str, Any]:
    """The law's inputs at N, E and U; of more unique tokens than are processed, the rest is never seen."""
    seen = tokens if unique is None else np.minimum(unique, tokens)
    known = {"N": n, "E": tokens, "U": seen, "C": 6.0 * n * tokens, "M": tokens / n}
    return {name: known[name] for name in law.inputs}


def surface_of(fit: Fit, name: str = "") -> Surface:
    """The surface of a fit."""
    return _surface(name or fit.law.name, fit.to_json(), "fitted here", fit.law)


def published_surface(name: str) -> Surface:
    """The surface of a published fit: no draws, so no band. Raises PublishedError."""
    found = find_published(name)
    return Surface(name, found.law, found.params, f"{found.source} ({found.status})")


def read_fit(path: Path) -> Surface:
    """The fit that `quarry fit --json` wrote at `path`. Raises PlanError naming the file and the field."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except OSError as error:
        raise PlanError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise PlanError(f"{path} is not strict JSON: {error}") from None
    try:
        return _surface(path.stem, value, str(path))
    except (PlanError, LawError) as error:
        raise PlanError(f"{path} is not a fit: {error}") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"it holds {name}")


def _surface(name: str, value: Any, source: str, law: Law | None = None) -> Surface:
    if not isinstance(value, dict):
        raise PlanError("it holds no object")
    law = law or _law(value)
    diagnostics, interval = _object(value, "diagnostics"), _object(value, "interval")
    draws = _draws(_object(value, "draws"), law)
    return Surface(
        name=name,
        law=law,
        params={parameter.name: _parameter(value, parameter) for parameter in law.parameters},
        source=source,
        draws=draws,
        level=_number(value, "interval", "level", 0.5, 0.9999),
        runs=int(_number(value, "diagnostics", "runs", 2 if draws else 1)),
        seed_noise=_number(value, "diagnostics", "seed_noise", 0.0),
        ranges={x: _range(diagnostics, x) for x in law.inputs},
        parameter_interval={p: _pair(interval.get(p), f"interval.{p}") for p in law.parameter_names},
        frozen=tuple(diagnostics.get("frozen") or ()),
        confounded=confounded(diagnostics.get("correlated_inputs")),
        count=str(diagnostics.get("count") or ""),
        warnings=tuple(map(str, value.get("warnings") or ())),
    )


def _law(value: Mapping[str, Any]) -> Law:
    """The law named; of `epochs` the terms follow from its parameters, the references from its formula."""
    name = value.get("law")
    if not isinstance(name, str):
        raise PlanError("the field law is missing or not a name")
    if name != EPOCHS.name:
        return find_law(name)
    params, formula = _object(value, "params"), str(value.get("formula"))
    terms = tuple(term for term, names in EPOCH_TERMS.items() if names.split()[0] in params)
    references = dict(re.findall(r"([NU]) / 10\^\{(-?\d{1,3})\}", formula))
    law = epochs(terms, 10.0 ** int(references.get("N", 8)), 10.0 ** int(references.get("U", 9)))
    if law.formula != formula:
        raise PlanError(f"the field formula is not that of epochs with these params: {formula}")
    return law


def _object(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    if not isinstance(value.get(name), dict):
        raise PlanError(f"the field {name} is missing or not an object")
    return value[name]


def _number(value: Mapping[str, Any], where: str, name: str, low: float, high: float = math.inf) -> float:
    number: Any = _object(value, where).get(name)
    if not _is_number(number):
        raise PlanError(f"the field {where}.{name} is missing or not a number")
    if not low <= number <= high:
        raise PlanError(f"the field {where}.{name} = {number:g} is outside its range, {low:g} to {high:g}")
    return float(number)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _parameter(value: Mapping[str, Any], parameter: Parameter) -> float:
    return _number(value, "params", parameter.name, parameter.lower, parameter.upper)


def _range(diagnostics: Mapping[str, Any], name: str) -> tuple[float, float]:
    low, high = _pair(_object(diagnostics, "ranges").get(name), f"diagnostics.ranges.{name}")
    if low is None or high is None or not 0 < low <= high:
        raise PlanError(f"the field diagnostics.ranges.{name} is not a range of positive numbers")
    return low, high


def _pair(value: Any, where: str) -> Interval:
    if not (isinstance(value, list) and len(value) == 2 and all(v is None or _is_number(v) for v in value)):
        raise PlanError(f"the field {where} is missing or not a pair of numbers")
    low, high = (None if side is None else float(side) for side in value)
    return low, high


def _draws(drawn: Mapping[str, Any], law: Law) -> dict[str, np.ndarray]:
    """The draws by parameter; a null among them is not finite."""
    if not drawn:
        return {}
    if missing := [name for name in law.parameter_names if name not in drawn]:
        raise PlanError(f"the field draws.{missing[0]} is missing")
    try:
        found = {name: np.asarray(drawn[name], dtype=np.float64) for name in law.parameter_names}
    except (TypeError, ValueError):
        raise PlanError("the field draws holds something else than numbers") from None
    shapes = {values.shape for values in found.values()}
    if len(shapes) > 1 or len(shape := shapes.pop()) != 1 or shape[0] < 2:
        raise PlanError("the field draws is not one list of the same length for each parameter")
    return found


Limit = Literal["data", "model", "epoch", "mixed"]


@dataclass(frozen=True)
class Regime:
    """What the reducible loss at a plan is made of: `terms` in nats per token, which add to L - L_inf.

    Data: what U unique tokens leave to any model and any number of passes. Model: what this N leaves above
    that at its best k, `best_epochs` (None: more passes never hurt). Epoch: what the plan's k leaves above
    that. The label is the term of more than half; with draws, in at least 80% of them, else `mixed`.
    `probability` is how often each term was more than half (None without draws).
    """

    label: Limit
    terms: dict[str, float]
    best_epochs: float | None
    probability: dict[str, float] | None


def _label(often: Mapping[str, float]) -> Limit:
    """The term that is more than half often enough."""
    limits: tuple[Limit, ...] = ("data", "model", "epoch")
    for limit in limits:
        if often[limit] >= _SURE:
            return limit
    return "mixed"


@dataclass(frozen=True)
class Doubling:
    """The loss with twice as much of one thing, and by how many nats per token it is less."""

    loss: float
    gain: float
    gain_interval: Interval


@dataclass(frozen=True)
class Plan:
    """The compute-optimal plan of one law: N parameters, E, U and B in tokens, losses in nats per token.

    `n_interval` and `tokens_interval` hold each draw's own optimum. `loss_band` is the law's at this plan,
    `run_band` that of one new run. `regret` is what the plan loses, at most in `level` of the draws, against
    the draw's own optimum. `elasticity` is -d ln(L - L_inf) / d ln x for x of N, U (at fixed k) and k.
    Without `unique_tokens` every token is fresh: U = E, k = 1, and the elasticities of U and k are both that
    of E. `doubling` has C and U (planned anew) and N and k (all else equal). `outside` is by how many decades
    an input lies above (or, negative, below) the fitted range. A None stands for what the law cannot say.
    """

    name: str
    law: str
    source: str
    count: str
    level: float
    flops: float
    unique_tokens: float | None
    n: float
    tokens: float
    epochs: float
    spent: float
    n_interval: Interval
    tokens_interval: Interval
    loss: float
    irreducible: float
    loss_band: Interval
    run_band: Interval
    regret: float | None
    batch_tokens: float
    batch_rule: str
    steps: float
    elasticity: dict[str, float]
    elasticity_interval: dict[str, Interval]
    regime: Regime | None
    doubling: dict[str, Doubling]
    outside: dict[str, float]
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Strict JSON values."""
        return asdict(self)


def plan(
    fit: Fit | Surface,
    flops: float,
    unique_tokens: float | None = None,
    batch_tokens: float | None = None,
) -> Plan:
    """The least loss of a fitted law for `flops` = 6NE, from `unique_tokens` (None: always fresh ones).

    Where more passes hurt, less than the budget is spent. The batch is `batch_tokens`, or Kaplan's critical
    batch at the loss. Raises PlanError for a budget that is none, for a law that is no surface of N and E,
    and where the loss has no least value within it.
    """
    surface = surface_of(fit) if isinstance(fit, Fit) else fit
    for name, value in (("flops", flops), ("unique_tokens", unique_tokens), ("batch_tokens", batch_tokens)):
        _check_positive(name, value)
    if surface.law is KAPLAN_NS:
        return _kaplan_plan(surface, flops, unique_tokens, batch_tokens)
    check_plannable(surface.law)
    n, tokens = optimum(surface, flops, unique_tokens)
    return _Planned(surface, flops, unique_tokens, n, tokens).report(batch_tokens)


def plannable(law: Law) -> bool:
    """Whether the law is a surface of the loss over N and E, with or without U."""
    return law.inputs in (*FIRST_PASS, REPEATING) and law.response == "loss"


def check_plannable(law: Law) -> None:
    """Raise PlanError, which names the laws that can plan, unless `law` is one."""
    if not plannable(law):
        others = ", ".join(name for name, other in LAWS.items() if plannable(other))
        raise PlanError(
            f"{law.name} gives the {law.response} by {', '.join(law.inputs)} and cannot divide a budget "
            f"between N and E: fit one of {others}"
        )


def _check_positive(name: str, value: float | None) -> None:
    if value is not None and not (math.isfinite(value) and value > 0):
        raise PlanError(f"{name}={value}: must be positive and finite")


def optimum(surface: Surface, flops: float, unique: float | None = None) -> tuple[float, float]:
    """The N and E of least loss with 6NE <= `flops`. Raises PlanError where there is none inside."""
    params = {name: np.array([value]) for name, value in surface.params.items()}
    n, tokens = (float(found[0]) for found in _optima(surface, params, flops, unique))
    if not math.isfinite(n):
        raise PlanError(
            f"{surface.name}: the loss of {surface.law.name} has no least value between N = 1 and E = 1 at "
            f"{text.power(flops)} FLOPs"
        )
    return n, tokens


def _optima(
    surface: Surface, params: Values, flops: float, unique: float | None
) -> tuple[np.ndarray, np.ndarray]:
    """The optimum of each of the params [lanes]: N and E [lanes], NaN where the loss has no least value."""
    lanes = len(next(iter(params.values())))
    edges = np.zeros(lanes), np.full(lanes, math.log(flops / 6))

    def tokens(log_n: np.ndarray) -> np.ndarray:
        return _best_tokens(surface, params, np.exp(log_n), flops, unique)

    def loss(log_n: np.ndarray) -> np.ndarray:
        return surface.loss(np.exp(log_n), tokens(log_n), unique, _columns(params))

    nested = _spends_less(surface, unique)
    first = 4 * _FIRST_NESTED if nested else _FIRST
    log_n, least = _least(loss, *edges, first, _FINER_NESTED if nested else _FINER)
    inside = (log_n > edges[0] + _STEP) & (log_n < edges[1] - _STEP) & np.isfinite(least)
    best = np.where(inside, log_n, np.nan)[:, None]
    return np.exp(best[:, 0]), tokens(best)[:, 0]


def best_tokens(surface: Surface, sizes: np.ndarray, flops: float, unique: float | None = None) -> np.ndarray:
    """The E of least loss for each N within the budget: [sizes]."""
    params = {name: np.array([value]) for name, value in surface.params.items()}
    return _best_tokens(surface, params, sizes[None, :], flops, unique)[0]


def _spends_less(surface: Surface, unique: float | None) -> bool:
    """Whether the best E may be less than the budget allows: only repeats can hurt."""
    return unique is not None and not surface.first_pass


def _best_tokens(
    surface: Surface, params: Values, n: np.ndarray, flops: float, unique: float | None
) -> np.ndarray:
    """The best E for each N [lanes, points]: what the budget allows, or where more passes begin to hurt."""
    most = flops / (6 * n)
    if not _spends_less(surface, unique):
        return most
    assert unique is not None
    lanes = {name: np.repeat(values, n.shape[1]) for name, values in params.items()}
    size = n.reshape(-1, 1)
    fresh = np.log(np.minimum(unique, most)).ravel()

    def loss(log_tokens: np.ndarray) -> np.ndarray:
        return surface.loss(size, np.exp(log_tokens), unique, _columns(lanes))

    best, _ = _least(loss, fresh, np.log(most).ravel(), _FIRST_NESTED, _FINER_NESTED, _ROUNDS_NESTED)
    return np.minimum(np.exp(best).reshape(n.shape), most)


def _columns(params: Values) -> dict[str, np.ndarray]:
    return {name: np.asarray(values)[:, None] for name, values in params.items()}


def _least(
    loss: Callable[[np.ndarray], np.ndarray],
    low: np.ndarray,
    high: np.ndarray,
    first: int = _FIRST,
    finer: int = _FINER,
    rounds: int = _ROUNDS,
) -> tuple[np.ndarray, np.ndarray]:
    """Where in [low, high] the loss is least, and that loss: all [lanes].

    By a grid and ever finer ones around its best point; `loss` takes and gives [lanes, points].
    """
    lanes = np.arange(len(low))
    for points in (first, *(finer,) * rounds):
        x = low[:, None] + (high - low)[:, None] * np.linspace(0, 1, points)
        values = loss(x)
        values = np.where(np.isfinite(values), values, np.inf)
        best = values.argmin(axis=1)
        low, high = x[lanes, np.maximum(best - 1, 0)], x[lanes, np.minimum(best + 1, points - 1)]
    return x[lanes, best], values[lanes, best]


def best_epochs(surface: Surface, params: Values, n: np.ndarray, unique: np.ndarray) -> tuple[Any, Any]:
    """The k >= 1 of least loss at each N and U, and that loss: all [lanes]. Infinite k: more never hurts.

    A law that knows fresh tokens only ends at k = 1.
    """
    own, size, data = _columns(params), n[:, None], unique[:, None]
    if surface.first_pass:
        return np.ones_like(n), surface.loss(n, unique, unique, params)

    def loss(log_k: np.ndarray) -> np.ndarray:
        return surface.loss(size, np.exp(log_k) * data, data, own)

    edges = np.zeros(len(n)), np.full(len(n), math.log(_LARGEST_K))
    log_k, least = _least(loss, *edges, 2 * _FIRST_NESTED, _FINER_NESTED, _ROUNDS_NESTED)
    forever = np.asarray(surface.loss(n, unique * _UNLIMITED, unique, params))
    never_hurts = forever <= least
    return np.where(never_hurts, np.inf, np.exp(log_k)), np.where(never_hurts, forever, least)


def data_floor(surface: Surface, params: Values, unique: np.ndarray) -> np.ndarray:
    """L*(U), the least loss over every N and k at U unique tokens: [lanes]."""
    lanes = len(unique)

    def loss(log_n: np.ndarray) -> np.ndarray:
        points = log_n.shape[1]
        own = {name: np.repeat(values, points) for name, values in params.items()}
        _, least = best_epochs(surface, own, np.exp(log_n).ravel(), np.repeat(unique, points))
        return least.reshape(log_n.shape)

    huge = np.full(lanes, _UNLIMITED)
    corners = [np.asarray(surface.loss(huge, unique, unique, params))]
    if not surface.first_pass:
        corners.append(np.asarray(surface.loss(huge, unique * _UNLIMITED, unique, params)))
        edges = np.zeros(lanes), np.full(lanes, math.log(_LARGEST_N))
        corners.append(_least(loss, *edges, 2 * _FIRST_NESTED, _FINER_NESTED, 3)[1])
    return np.min([np.where(np.isfinite(corner), corner, np.inf) for corner in corners], axis=0)


def split(
    surface: Surface,
    params: Values,
    n: np.ndarray,
    tokens: np.ndarray,
    unique: np.ndarray,
    floor: np.ndarray | None = None,
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The data, model and epoch terms of L - L_inf, and the best k: all [lanes].

    The terms are those of an exact decomposition: none is negative, and they add to L - L_inf. `floor` is
    L*(U) where it is known already.
    """
    loss = np.asarray(surface.loss(n, tokens, unique, params))
    k, best = best_epochs(surface, params, n, unique)
    best = np.minimum(best, loss)
    floor = np.minimum(data_floor(surface, params, unique) if floor is None else floor, best)
    irreducible = params.get("L_inf", 0.0)
    return {"data": floor - irreducible, "model": best - floor, "epoch": loss - best}, k


@dataclass(frozen=True, eq=False)
class _Planned:
    """A surface at its best N and E for a budget: what there is to say about it."""

    surface: Surface
    flops: float
    unique: float | None
    n: float
    tokens: float

    @property
    def known(self) -> bool:
        """Whether the law knows this many passes."""
        return self.unique is None or not self.surface.first_pass or self.tokens <= self.unique

    @property
    def epochs(self) -> float:
        return 1.0 if self.unique is None else self.tokens / self.unique

    def report(self, batch_tokens: float | None) -> Plan:
        surface, middle = self.surface, self.loss
        law_band, run_band = surface.bands(self.at)
        n_interval, tokens_interval, regret = self.optima()
        batch, rule = _batch(middle, batch_tokens)
        elasticity = {x: self.elasticity(x) for x in self.varied}
        shown = Plan(
            name=surface.name,
            law=surface.law.name,
            source=surface.source,
            count=surface.count,
            level=surface.level,
            flops=self.flops,
            unique_tokens=self.unique,
            n=self.n,
            tokens=self.tokens,
            epochs=self.epochs,
            spent=6 * self.n * self.tokens,
            n_interval=n_interval,
            tokens_interval=tokens_interval,
            loss=middle,
            irreducible=surface.params.get("L_inf", 0.0),
            loss_band=law_band,
            run_band=run_band,
            regret=regret,
            batch_tokens=batch,
            batch_rule=rule,
            steps=self.tokens / batch,
            elasticity={x: value for x, (value, _) in elasticity.items()},
            elasticity_interval={x: interval for x, (_, interval) in elasticity.items()},
            regime=self.regime() if self.known else None,
            doubling=self.doublings(),
            outside=_outside(surface, law_inputs(surface.law, self.n, self.tokens, self.unique)),
            warnings=(),
        )
        return replace(shown, warnings=tuple(self.warnings(shown)))

    def at(self, params: Values, n: float = 1.0, unique: float = 1.0, k: float = 1.0) -> Any:
        """The loss at the plan with N, U at fixed k, and k at fixed U, multiplied by these."""
        data = None if self.unique is None else self.unique * unique
        return self.surface.loss(self.n * n, self.tokens * unique * k, data, params)

    @property
    def loss(self) -> float:
        return float(self.at(self.surface.params))

    @property
    def varied(self) -> tuple[str, ...]:
        return ("N", "U", "k") if self.known else ("N",)

    def shifted(self, x: str, factor: float, params: Values) -> Any:
        return self.at(params, **{{"N": "n", "U": "unique", "k": "k"}[x]: factor})

    @cached_property
    def stopped(self) -> np.ndarray:
        return self.surface.stopped(self.at)

    def optima(self) -> tuple[Interval, Interval, float | None]:
        """The intervals of N and E over each draw's own optimum, and the regret of this plan."""
        if not self.surface.draws:
            return (None, None), (None, None), None
        surface = self.surface
        n, tokens = _optima(surface, surface.draws, self.flops, self.unique)
        own = surface.loss(n, tokens, self.unique, surface.draws)
        regret = np.nan_to_num(self.at(surface.draws) - own, nan=np.inf)
        worst = float(np.quantile(regret, surface.level, method="higher"))
        n_interval = surface.log_interval(n, self.n, self.stopped)
        return n_interval, surface.log_interval(tokens, self.tokens, self.stopped), _finite(max(0.0, worst))

    def elasticity(self, x: str) -> tuple[float, Interval]:
        """-d ln(L - L_inf) / d ln x, with its interval."""

        def value(params: Values) -> Any:
            ends = (self.shifted(x, math.exp(step), params) for step in (-_STEP, _STEP))
            below, above = (np.log(loss - params.get("L_inf", 0.0)) for loss in ends)
            return (below - above) / (2 * _STEP)

        middle = float(value(self.surface.params))
        return middle, self.interval(value, middle)

    def interval(self, value: Callable[[Values], Any], middle: float) -> Interval:
        """Of a function of the parameters, over the draws."""
        if not self.surface.draws:
            return None, None
        with np.errstate(all="ignore"):
            values = np.asarray(value(self.surface.draws))
        return self.surface.interval(values, middle, self.stopped)

    def at_corner(self) -> bool:
        """Whether the loss rises at once with fewer passes than one and with more."""
        params, step = self.surface.params, 1.001
        around = [float(self.shifted("k", factor, params)) for factor in (1 / step, step)]
        return abs(self.epochs - 1) < _STEP and min(around) > self.loss

    def regime(self) -> Regime:
        """The exact split of the reducible loss at the plan."""
        terms, k = self.split({name: np.array([value]) for name, value in self.surface.params.items()})
        shares = {name: float(values[0]) for name, values in terms.items()}
        probability = self.probability()
        often = probability or {name: float(term > sum(shares.values()) / 2) for name, term in shares.items()}
        return Regime(_label(often), shares, _finite(float(k[0])), probability)

    def split(self, params: Values) -> tuple[dict[str, np.ndarray], np.ndarray]:
        lanes = len(next(iter(params.values())))
        unique = self.tokens if self.unique is None else self.unique
        at = (np.full(lanes, value) for value in (self.n, self.tokens, unique))
        return split(self.surface, params, *at)

    def probability(self) -> dict[str, float] | None:
        """In which share of the draws each term is more than half."""
        if not self.surface.draws:
            return None
        some = max(1, len(next(iter(self.surface.draws.values()))) // _LABELLED)
        terms, _ = self.split({name: values[::some] for name, values in self.surface.draws.items()})
        whole = sum(terms.values())
        return {name: float(np.mean(term > whole / 2)) for name, term in terms.items()}

    def doublings(self) -> dict[str, Doubling]:
        """The loss with twice the C or U, planned anew, and with twice the N or k, all else equal."""
        found = {}
        if self.known:
            found["C"] = self.planned(2 * self.flops, self.unique)
        if self.known and self.unique is not None:
            found["U"] = self.planned(self.flops, 2 * self.unique)
        for x in ("N", "k"):
            if x in self.varied and (x == "N" or not self._beyond(2)):
                found[x] = self.against(partial(self.shifted, x, 2.0))
        return found

    def _beyond(self, factor: float) -> bool:
        """Whether so many more passes are beyond what the law knows."""
        return self.surface.first_pass and self.unique is not None and self.epochs * factor > 1

    def planned(self, flops: float, unique: float | None) -> Doubling:
        n, tokens = optimum(self.surface, flops, unique)
        return self.against(_Planned(self.surface, flops, unique, n, tokens).at)

    def against(self, loss: Callable[[Values], Any]) -> Doubling:
        """Another plan's loss against this one's, draw by draw."""
        other = float(loss(self.surface.params))
        gain = self.loss - other
        return Doubling(other, gain, self.interval(lambda params: self.at(params) - loss(params), gain))

    def warnings(self, shown: Plan) -> list[str]:
        found, law = [], self.surface.law.name
        if not self.known:
            found.append(_repeats_words(self.surface, self.epochs, shown))
        if shown.spent < _SPENT * self.flops:
            found.append(
                f"more passes over {text.count(self.unique)} unique tokens would hurt: the plan spends "
                f"{text.power(shown.spent)} of the {text.power(self.flops)} FLOPs, the rest is better left"
            )
        if self.at_corner():
            found.append(
                f"{law} has a corner at k = 1, where repeats begin to hurt: the elasticity in k is a mean of "
                "both sides"
            )
        return [*found, *_doubts(self.surface, shown.outside)]


def _repeats_words(surface: Surface, passes: float, shown: Plan) -> str:
    return (
        f"the plan makes {text.number(passes, 2)} passes over {text.count(shown.unique_tokens)} unique "
        f"tokens, and {surface.law.name} knows fresh ones only: its loss is that of "
        f"{text.count(shown.tokens)} fresh tokens"
    )


def _doubts(surface: Surface, outside: Mapping[str, float]) -> list[str]:
    """What any plan by this surface is to be doubted for."""
    found = [_outside_words(x, decades, surface.ranges[x]) for x, decades in outside.items()]
    if not surface.ranges:
        found.append("the range that the law was fitted on is not known here")
    if not surface.draws:
        found.append("no band: the parameters come without draws")
    return [*found, *(f"of the fit: {warning}" for warning in surface.warnings)]


def _outside(surface: Surface, at: Mapping[str, Any]) -> dict[str, float]:
    """By how many decades each input lies outside the fitted range, where it does."""
    decades = {x: _decades(float(at[x]), limits) for x, limits in surface.ranges.items()}
    return {x: value for x, value in decades.items() if abs(value) > _OUTSIDE}


def _kaplan_plan(surface: Surface, flops: float, unique: float | None, batch: float | None) -> Plan:
    """The efficient plan of a fit of `kaplan-ns`: C_min = C / (1 + B / B_crit), by default at B = B_crit."""
    params = surface.params
    try:
        best = efficient_plan(float(_minimum_flops(flops, batch, params)), params, KAPLAN_CRITICAL_BATCH)
        more = efficient_plan(float(_minimum_flops(2 * flops, batch, params)), params, KAPLAN_CRITICAL_BATCH)
    except KaplanError as error:
        raise PlanError(f"{surface.name}: {error}") from None
    inputs = {"N": best.n, "S_min": best.steps}
    tokens, size = flops / (6 * best.n), batch or best.batch
    law_band, run_band = surface.bands(lambda p: surface.law.predict(p, inputs))
    n_interval, tokens_interval = _kaplan_intervals(surface, flops, batch, best.n)
    epochs_over = 1.0 if unique is None else tokens / unique
    shown = Plan(
        name=surface.name,
        law=surface.law.name,
        source=surface.source,
        count=surface.count,
        level=surface.level,
        flops=flops,
        unique_tokens=unique,
        n=best.n,
        tokens=tokens,
        epochs=epochs_over,
        spent=flops,
        n_interval=n_interval,
        tokens_interval=tokens_interval,
        loss=best.loss,
        irreducible=0.0,
        loss_band=law_band,
        run_band=run_band,
        regret=None,
        batch_tokens=size,
        batch_rule=KAPLAN_RULE if batch is None else "as given",
        steps=tokens / size,
        elasticity={},
        elasticity_interval={},
        regime=None,
        doubling={"C": Doubling(more.loss, best.loss - more.loss, (None, None))},
        outside=_outside(surface, inputs),
        warnings=(),
    )
    found = [] if epochs_over <= 1 else [_repeats_words(surface, epochs_over, shown)]
    found.append("kaplan-ns counts steps, not tokens: it gives no elasticities and no regime")
    return replace(shown, warnings=(*found, *_doubts(surface, shown.outside)))


def _minimum_flops(flops: Any, batch: float | None, params: Values) -> Any:
    """C_min of a run of C FLOPs: its batch is what is given, or B_crit at the loss that C_min buys."""
    least, joined = flops / 2, {**params, **KAPLAN_CRITICAL_BATCH}
    for _ in range(0 if batch is None else _SETTLED):
        least = minimum_compute(flops, batch, critical_batch(optimal_loss(least, joined), joined))
    return least


def _kaplan_intervals(
    surface: Surface, flops: float, batch: float | None, n: float
) -> tuple[Interval, Interval]:
    """Of N and E, over each draw's own plan."""
    if not surface.draws:
        return (None, None), (None, None)
    with np.errstate(all="ignore"):
        least = _minimum_flops(flops, batch, surface.draws)
        own = np.asarray(optimal_size(least, {**surface.draws, **KAPLAN_CRITICAL_BATCH}))
    none = np.zeros(len(own), bool)
    return surface.log_interval(own, n, none), surface.log_interval(flops / (6 * own), flops / (6 * n), none)


def _batch(loss: float, given: float | None) -> tuple[float, str]:
    """The tokens of a step and the rule they come from."""
    if given is not None:
        return given, "as given"
    return float(critical_batch(loss, KAPLAN_CRITICAL_BATCH)), KAPLAN_RULE


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _decades(value: float, limits: tuple[float, float]) -> float:
    low, high = limits
    return min(0.0, math.log10(value / low)) + max(0.0, math.log10(value / high))


def _outside_words(x: str, decades: float, limits: tuple[float, float]) -> str:
    low, high = (text.power(limit) if x == "C" else text.count(limit) for limit in limits)
    side = "above" if decades > 0 else "below"
    return f"{x} is {abs(decades):.1f} decades {side} the fitted range, {low} to {high}"
