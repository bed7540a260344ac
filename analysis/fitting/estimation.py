"""Fit a law to scale points: parameters, intervals, predictions, checklist."""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, get_args

import numpy as np
import polars as pl

from quarry.analysis.fitting import bootstrap as uncertainty
from quarry.analysis.fitting import misfit as lack_of_fit
from quarry.analysis.fitting.bootstrap import Draws, Resampling
from quarry.analysis.fitting.checklist import checklist
from quarry.analysis.fitting.intervals import Interval, IntervalKind, Intervals, band, with_noise
from quarry.analysis.fitting.objective import Objective, Residuals
from quarry.analysis.fitting.search import Data, Minima
from quarry.analysis.fitting.warnings import confounded, law_warnings, unbounded_warnings
from quarry.analysis.laws.catalog import find_law
from quarry.analysis.laws.law import Law, Values, check_inside
from quarry.analysis.points.columns import law_inputs
from quarry.analysis.points.held_out import held_out_rows
from quarry.analysis.points.loading import PointsLike, as_points
from quarry.analysis.points.selection import (
    FRONTIER,
    at_fixed_value,
    frontier_points,
    points_for_law,
    select_points,
)
from quarry.analysis.points.table import Exclusion, Points
from quarry.checks import check_choice, check_settings
from quarry.errors import FitError
from quarry.train.record.files import json_values

_HUBER_DELTA, _HUBER_DELTA_OF_NOISE = 1e-3, 1.345


@dataclass(frozen=True)
class At:
    """The objective at given parameters; parameters and objective of the minimum downhill from them."""

    params: dict[str, float]
    objective: float
    nearest: dict[str, float]
    nearest_objective: float


@dataclass(frozen=True)
class Fit:
    """A fitted law. Losses in nats per token, inputs in the law's units.

    `interval` holds a None on a side that the runs do not bound. `draws` are the bootstrap refits by
    parameter name, empty without an interval. `points` are those used, `excluded` the others. `data` and
    `minima` are the arrays fitted and what the search found; a frozen parameter is in `params`, not in them.
    """

    law: Law
    params: dict[str, float]
    interval: dict[str, Interval]
    level: float
    draws: dict[str, np.ndarray]
    points: pl.DataFrame
    excluded: tuple[Exclusion, ...]
    objective: float
    derived: dict[str, float]
    derived_interval: dict[str, Interval]
    diagnostics: dict[str, Any]
    warnings: tuple[str, ...]
    data: Data
    minima: Minima
    intervals: Intervals | None

    def predict(self, inputs: Mapping[str, Any]) -> np.ndarray:
        """The predicted response (a loss) at `inputs`, one array for each of the law's inputs."""
        return np.asarray(self.law.predict(self.params, _arrays(self.law, inputs)))

    def band(self, inputs: Mapping[str, Any], new_run: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """The interval of the law at `inputs`, or of one `new_run` there; (0, inf) where nothing is known.

        A new run adds seed noise, as `quarry.analysis.fitting.bootstrap.seed_noise` measures it.
        """
        at, middle = _arrays(self.law, inputs), self.predict(inputs)
        if self.intervals is None:
            return np.zeros_like(middle), np.full_like(middle, np.inf)
        noise = self.seed_noise if new_run else 0.0
        if self.intervals.kind == "bca":
            return with_noise(middle, self._reach(at, middle), self.level, noise)
        params = {name: values.reshape(-1, *(1,) * middle.ndim) for name, values in self.draws.items()}
        losses = np.asarray(self.law.predict(params, at))
        return band(losses, middle, self.level, self.intervals.widening, noise)

    def _reach(self, at: Mapping[str, np.ndarray], middle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How far the interval of each prediction by itself goes below and above it, in logarithms."""
        places = np.broadcast_arrays(*at.values())
        below, above = np.empty(middle.shape), np.empty(middle.shape)
        for place in np.ndindex(middle.shape):
            inputs = {name: values[place] for name, values in zip(at, places, strict=True)}
            low, high = self.quantity(lambda params, inputs=inputs: self.law.predict(params, inputs))[1]
            below[place] = math.log(middle[place] / low) if low else math.inf
            above[place] = math.inf if high is None else math.log(high / middle[place])
        return below, above

    def predictions(self, held: PointsLike) -> pl.DataFrame:
        """`held` points with the columns predicted, error (predicted / measured - 1), low and high.

        Only those that share what a law of one variable holds fixed. The interval is one of a new run. Raises
        FitError, FitError.
        """
        table = points_for_law(as_points(held, self.law), self.law, self.diagnostics["critical"]).table
        table = at_fixed_value(table, self.points, self.law)
        inputs, measured = law_inputs(table, self.law), table[self.law.response].cast(pl.Float64)
        low, high = self.band(inputs, new_run=True)
        predicted = pl.Series(self.predict(inputs))
        return table.with_columns(predicted=predicted, error=predicted / measured - 1, low=low, high=high)

    def at(self, params: Mapping[str, float]) -> "At":
        """The objective at `params` (those not named as fitted) and the minimum downhill from there.

        Raises FitError for a parameter that the law does not have or that is frozen, LawError for a value
        outside its range.
        """
        free = self.data.law.parameter_names
        if unknown := [name for name in params if name not in free]:
            raise FitError(f"{unknown[0]} is not a free parameter of this fit: {', '.join(free)}")
        for parameter in self.data.law.parameters:
            check_inside(self.law.name, parameter, params.get(parameter.name, parameter.lower))
        start = np.array([float(params.get(name, self.params[name])) for name in free])
        terms = self.data.objective.terms(self.data.residuals(start))
        solution = self.data.solve(start[None, :])
        found = dict(zip(free, solution.params[0].tolist(), strict=True))
        return At(self.params | dict(params), float(terms.sum()), found, float(solution.objective[0]))

    def quantity(self, value: Callable[[Values], Any]) -> tuple[float, Interval]:
        """What follows from the parameters, by a function of them by name, with its interval."""
        fixed = {name: v for name, v in self.params.items() if name not in self.data.law.parameter_names}
        with np.errstate(all="ignore"):  # NumPy's numbers overflow to inf, Python's raise
            estimate = float(value({name: np.float64(number) for name, number in self.params.items()}))
        if self.intervals is None:
            return estimate, (None, None)
        return estimate, self.intervals.quantity(lambda params: value({**params, **fixed}))

    @property
    def seed_noise(self) -> float:
        """The standard deviation of log loss between runs alike."""
        return self.diagnostics["seed_noise"]

    def checklist(self) -> list[tuple[str, str]]:
        """What is needed to repeat or doubt the fit ((Mis)Fitting, arXiv 2502.18969): (item, answer)."""
        return checklist(self)

    def to_json(self) -> dict[str, Any]:
        """The fit as strict JSON values: null for an unbounded side and for a number that is not finite."""
        return json_values(
            {
                "law": self.law.name,
                "params": self.params,
                "interval": {"level": self.level, **_listed(self.interval)},
                "objective": self.objective,
                "n_points": len(self.points),
                "excluded": [{"reason": exclusion.reason, "n": exclusion.n} for exclusion in self.excluded],
                "derived": self.derived,
                "derived_interval": _listed(self.derived_interval),
                "diagnostics": self.diagnostics,
                "warnings": list(self.warnings),
                "formula": self.law.formula,
                "draws": {name: values.tolist() for name, values in self.draws.items()},
            }
        )


def fit(
    points: PointsLike,
    law: str | Law,
    *,
    x: str = "N",
    terms: tuple[str, ...] | None = None,
    freeze: Mapping[str, float] | None = None,
    objective: Residuals = "huber",
    huber_delta: float | None = None,
    noise: str | None = None,
    above: float = 1.0,
    critical: Mapping[str, float] | None = None,
    bootstrap: int = 1000,
    resampling: Resampling = "run",
    interval: IntervalKind = "percentile",
    seed: int = 0,
    level: float = 0.95,
) -> Fit:
    """Fit `law` to `points`, by default robustly on log loss with bootstrap intervals by run.

    A DataFrame needs the law's inputs and response; without a column run every row is its own run.

    - `x` is the variable of `power-offset` and `broken-power`, `terms` are those of `epochs`.
    - `freeze` fixes parameters at published or other values.
    - `objective`: Huber terms of log loss beyond `huber_delta` (default .001), squares of log or raw loss.
    - `noise` names a column with each loss's standard deviation: residuals are then counted in units of it,
      and so is `huber_delta` (default 1.345, Huber's for 95% efficiency).
    - `above` is what a loss above the law costs, of one below: less than 1 where some runs are tuned badly.
    - `critical` has the B_star and alpha_B for `kaplan-ns` (default: Kaplan's, which hold for their data).
    - `resampling` of runs, of points, or of simulated seed noise, `bootstrap` times; `interval` from these
      draws by widened percentile or BCa.

    Raises FitError, LawError.
    """
    law = find_law(law, x, terms) if isinstance(law, str) else law
    check_settings(FitError, bootstrap, seed, level)
    check_choice(FitError, "resampling", resampling, get_args(Resampling))
    check_choice(FitError, "interval", interval, get_args(IntervalKind))
    delta = huber_delta if huber_delta is not None else _HUBER_DELTA_OF_NOISE if noise else _HUBER_DELTA
    offered = points_for_law(as_points(points, law), law, critical)
    points = select_points(offered, law)
    frozen = {name: float(value) for name, value in (freeze or {}).items()}
    law = law if frozen or law.reference is None else law.reference(_middle(points.table, law))
    data = Data.of(points.table, law.frozen(frozen), Objective.of(objective, delta, above), noise)
    minima = data.search()
    drawn = data if resampling == "noise" else _resampled(data, offered.table, noise)
    intervals = _intervals(data, drawn, minima, bootstrap, seed, resampling, level, interval)
    settings = {"bootstrap": bootstrap, "seed": seed, "resampling": resampling, "interval": interval}
    widening = {"interval_widening": intervals.widening if intervals else None}
    diagnostics = (
        _diagnostics(points, data, minima)
        | settings
        | widening
        | {
            "frozen": frozen,
            "noise": noise,
            "critical": dict(critical) if critical else None,
        }
    )
    fitted = Fit(
        law=law,
        params=_params(law, data, minima.params[0], frozen),
        interval=_parameter_intervals(law, data, intervals, frozen),
        level=level,
        draws=_named_draws(law, intervals, frozen),
        points=points.table,
        excluded=points.excluded,
        objective=float(minima.objective[0]),
        derived={},
        derived_interval={},
        diagnostics=diagnostics | {"seed_noise": _relative_noise(data, minima.params[0])},
        warnings=(),
        data=data,
        minima=minima,
        intervals=intervals,
    )
    return _with_warnings(_with_derived(fitted), points)


def _resampled(data: Data, offered: pl.DataFrame, noise: str | None) -> Data:
    """What the runs are drawn from: for a law of the compute frontier all that may be on it."""
    if data.law.inputs != FRONTIER:
        return data
    return replace(Data.of(offered, data.law, data.objective, noise), choice=frontier_points(offered))


def _relative_noise(data: Data, params: np.ndarray) -> float:
    """The standard deviation of the log response between runs alike."""
    relative = (
        1.0 if data.objective.logarithmic else float(np.median(1 / data.objective.response(data.target)))
    )
    return uncertainty.seed_noise(data, params) * relative / float(np.median(data.scale))


def _middle(table: pl.DataFrame, law: Law) -> dict[str, float]:
    """The geometric mean of each input."""
    return {name: float(np.exp(np.log(values).mean())) for name, values in law_inputs(table, law).items()}


def _intervals(data, drawn, minima, bootstrap, seed, resampling, level, kind) -> Intervals | None:
    """From resamples of `drawn`, of which `data` were chosen.

    None without draws, with too few runs for the parameters, or if the inputs move together.

    Too few are also those of which more resamples than the interval leaves out have fewer distinct points
    than the law has parameters.
    """
    if bootstrap == 0 or data.n_runs <= len(data.law.parameters) or confounded(data.input_correlation()):
        return None
    draws: Draws = uncertainty.draw(drawn, minima, bootstrap, seed, resampling)
    if draws.undetermined.mean() > (1 - level) / 2:
        return None
    return Intervals(drawn, minima.params[0], draws, level, kind)


def _params(law: Law, data: Data, values: np.ndarray, frozen: Mapping[str, float]) -> dict[str, float]:
    """All parameters in the law's order, the frozen ones among them."""
    known = dict(zip(data.law.parameter_names, values.tolist(), strict=True)) | dict(frozen)
    return {name: float(known[name]) for name in law.parameter_names}


def _parameter_intervals(law, data, intervals, frozen) -> dict[str, Interval]:
    free = data.law.parameter_names
    known: dict[str, Interval] = {name: (value, value) for name, value in frozen.items()}
    known |= {name: intervals.parameter(j) if intervals else (None, None) for j, name in enumerate(free)}
    return {name: known[name] for name in law.parameter_names}


def _named_draws(law, intervals, frozen) -> dict[str, np.ndarray]:
    if intervals is None:
        return {}
    params = intervals.draws.params[~intervals.draws.undetermined]
    drawn = dict(zip(intervals.data.law.parameter_names, params.T, strict=True))
    drawn |= {name: np.full(len(params), value) for name, value in frozen.items()}
    return {name: drawn[name] for name in law.parameter_names}


def _with_derived(fitted: Fit) -> Fit:
    """With the law's derived quantities; none where the points cannot tell its exponents apart."""
    if confounded(fitted.diagnostics["correlated_inputs"]):
        return fitted
    found = {derived.name: fitted.quantity(derived.value) for derived in fitted.law.derived}
    return replace(
        fitted,
        derived={name: value for name, (value, _) in found.items()},
        derived_interval={name: interval for name, (_, interval) in found.items()},
    )


def _with_warnings(fitted: Fit, points: Points) -> Fit:
    found = law_warnings(fitted.law, points, fitted.diagnostics)
    unbounded = unbounded_warnings(fitted.data.law, fitted.interval, fitted.diagnostics)
    return replace(fitted, warnings=(*found, *unbounded))


def _diagnostics(points: Points, data: Data, minima: Minima) -> dict[str, Any]:
    held_out_error, held_out_points = _held_out_error(data, minima)
    best = minima.params[0]
    return {
        "count": points.count,
        "source": points.source,
        "runs": data.n_runs,
        "ranges": _ranges(data),
        **data.law.options,
        "objective": data.objective.words(),
        "huber_delta": data.objective.delta,
        "n_starts": minima.starts,
        "n_starts_agreeing": minima.agreeing,
        "other_minima": minima.others(data.law.parameter_names),
        "condition_number": data.condition_number(best),
        "correlated_inputs": data.input_correlation(),
        "misfit": asdict(misfit) if (misfit := lack_of_fit.misfit(data, best)) else None,
        "outliers": lack_of_fit.outliers(data, best),
        "held_out_error": held_out_error,
        "held_out_points": held_out_points,
    }


def _ranges(data: Data) -> dict[str, list[float]]:
    """The least and the largest of each input, and of E / N."""
    values = dict(data.inputs)
    if {"N", "E"} <= set(values):
        values["E/N"] = values["E"] / values["N"]
    return {name: [float(each.min()), float(each.max())] for name, each in values.items()}


def _held_out_error(data: Data, minima: Minima) -> tuple[float | None, int]:
    """Mean |predicted / measured - 1| of the largest runs by a fit without them; None if too few are left."""
    largest = held_out_rows(data.law, data.inputs, data.runs)
    if largest is None:
        return None, 0
    params = data.refit(minima, ~largest)
    return prediction_error(data.rows(largest), params), int(largest.sum())


def prediction_error(data: Data, params: np.ndarray) -> float:
    """Mean |predicted / measured - 1| of the response."""
    ratio = data.objective.response(data.predicted(params)) / data.objective.response(data.target)
    return float(np.mean(np.abs(ratio - 1)))


def _listed(intervals: Mapping[str, Interval]) -> dict[str, list[float | None]]:
    return {name: list(sides) for name, sides in intervals.items()}


def _arrays(law: Law, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
    missing = [name for name in law.inputs if name not in inputs]
    if missing:
        raise FitError(f"{law.name} needs {', '.join(law.inputs)}; {missing[0]} is missing")
    return {name: np.asarray(inputs[name], float) for name in law.inputs}
