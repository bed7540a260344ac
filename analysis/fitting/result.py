"""A fitted law: what it predicts, how sure it is, and what was measured of it."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from quarry.analysis.fitting.checklist import build_checklist
from quarry.analysis.fitting.doubts import values_at_limits
from quarry.analysis.fitting.intervals import OPEN, Interval, reach
from quarry.analysis.fitting.prediction.band import PARTS, Parts
from quarry.analysis.laws.formulas import plain
from quarry.analysis.laws.law import check_inside
from quarry.analysis.points.columns import law_inputs
from quarry.analysis.points.loading import PointsLike, as_points
from quarry.analysis.points.selection import described, points_for_law
from quarry.errors import FitError
from quarry.results import Result, quantities
from quarry.text import number
from quarry.train.record.files import json_values

if TYPE_CHECKING:
    from quarry.analysis.fitting.diagnostics import Diagnostics
    from quarry.analysis.fitting.fit_intervals import FitIntervals
    from quarry.analysis.fitting.prediction.band import Reach
    from quarry.analysis.fitting.prediction.outlook import Outlook
    from quarry.analysis.fitting.search import Data, Minima
    from quarry.analysis.laws.law import Law, Values
    from quarry.analysis.points.table import Exclusion


@dataclass(frozen=True)
class At:
    """The objective at given parameters; parameters and objective of the minimum downhill from them."""

    params: dict[str, float]
    objective: float
    nearest: dict[str, float]
    nearest_objective: float


@dataclass(frozen=True)
class Fit(Result):
    """A fitted law. Losses in nats per token, inputs in the law's units.

    `interval` holds a None on a side that the runs do not bound. `draws` are the bootstrap refits by
    parameter name, empty without an interval. `points` are the rows used, `excluded` says what was left out.
    `data` and `minima` are the arrays fitted and the minima found: a frozen parameter is in `params`, not in
    them. `outlook` is what is known beyond the points, None without an interval.
    `no_interval` says why resamples of the runs cannot make an interval, where they cannot. `members` are the
    fits of the laws of a mixture by name, where it was fitted here.
    """

    law: "Law"
    params: dict[str, float]
    interval: dict[str, Interval]
    level: float
    draws: dict[str, np.ndarray]
    points: pl.DataFrame
    excluded: "tuple[Exclusion, ...]"
    objective: float
    derived: dict[str, float]
    derived_interval: dict[str, Interval]
    diagnostics: "Diagnostics"
    warnings: tuple[str, ...]
    data: "Data"
    minima: "Minima"
    intervals: "FitIntervals | None"
    outlook: "Outlook | None" = None
    no_interval: str = ""
    members: "Mapping[str, Fit]" = field(default_factory=dict)

    @property
    def headline(self) -> str:
        """The law with its formula, and how many points it was fitted to."""
        return f"{self.law.name}: {plain(self.law.formula)}, fitted to {len(self.points)} points"

    def table(self) -> pl.DataFrame:
        """A row for each parameter and derived quantity: value, low and high (null where unbounded), note."""
        ends = self.interval | self.derived_interval
        values = {name: (float(v), ends.get(name, OPEN)) for name, v in (self.params | self.derived).items()}
        notes = [self._note(name) for name in values]
        return quantities(values).rename({"quantity": "parameter"}).with_columns(note=pl.Series(notes))

    def _note(self, name: str) -> str:
        return "frozen" if name in self.diagnostics.frozen else "limit" * self._owes_a_limit(name)

    @property
    def seed_noise(self) -> float:
        """The standard deviation of log loss between repeats of one run."""
        return self.diagnostics.seed_noise

    @property
    def at_limit(self) -> dict[str, str]:
        """The fitted parameters that lie on a bound of the search, with the side: lower or upper."""
        return values_at_limits(self.data.law, self.params)

    def shown(self, name: str, digits: int = 4) -> str:
        """A parameter or derived quantity in words, marked (limit) where it owes its value to a bound."""
        value = self.params.get(name, self.derived.get(name))
        return number(value, digits) + " (limit)" * self._owes_a_limit(name)

    def _owes_a_limit(self, name: str) -> bool:
        """Whether a parameter lies on a bound, or a derived quantity changes with one that does."""
        if name not in self.derived:
            return name in self.at_limit
        return self.owes_to_limit(next(d.value for d in self.law.derived if d.name == name))

    def owes_to_limit(self, value: "Callable[[Values], Any]") -> bool:
        """Whether what follows from the parameters changes with one that lies on a bound of the search."""
        moved = [{**self.params, each: self.params[each] * 1.001 + 1e-9} for each in self.at_limit]
        return any(value(params) != value(self.params) for params in moved)

    def predict(self, inputs: Mapping[str, Any]) -> Any:
        """The predicted response (a loss) at `inputs`, a number or an array for each of the law's inputs.

        A float where all of them are numbers, else an array of their common shape.
        """
        return _plain(self._middle(inputs))

    def _middle(self, inputs: Mapping[str, Any]) -> np.ndarray:
        return np.asarray(self.law.predict(self.params, self._arrays(inputs)))

    def band(self, inputs: Mapping[str, Any], new_run: bool = False) -> tuple[Any, Any]:
        """The interval of the law at `inputs`, or of one `new_run` there; (0, inf) where nothing is known.

        Its ends are floats where all inputs are numbers, else arrays.

        Beyond the fitted range both hold the misfit that backtests and the prior over published ladders let
        expect there (`quarry.analysis.fitting.prediction`). A new run adds its scatter about the law.
        """
        at, middle = self._arrays(inputs), self._middle(inputs)
        if self.outlook is None:
            return _plain(np.zeros_like(middle)), _plain(np.full_like(middle, np.inf))
        low, high = self.outlook.band(at, middle, self.parameter_reach(inputs), self.level, new_run)
        return _plain(low), _plain(high)

    def parts(self, inputs: Mapping[str, Any]) -> Parts:
        """What the interval of a new run at `inputs` is made of. Raises FitError without an interval."""
        if self.outlook is None:
            raise FitError(f"{self.law.name}: no interval, so it has no parts")
        return self.outlook.parts(self._arrays(inputs), self.parameter_reach(inputs), self.level)

    def parameter_reach(self, inputs: Mapping[str, Any]) -> "Reach":
        """How far the parameters' interval of each prediction goes below and above it, in log loss.

        Infinite without an interval: one part of `band`, and the published practice alone.
        """
        at, middle = self._arrays(inputs), self._middle(inputs)
        if self.intervals is None:
            return np.full_like(middle, np.inf), np.full_like(middle, np.inf)
        if self.intervals.kind == "bca":
            return self._reach_of_each(at, middle)
        params = {name: values.reshape(-1, *(1,) * middle.ndim) for name, values in self.draws.items()}
        return reach(np.asarray(self.law.predict(params, at)), middle, self.intervals.settings)

    def _reach_of_each(self, at: Mapping[str, np.ndarray], middle: np.ndarray) -> "Reach":
        """The same, prediction by prediction."""
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

        Only the points that the law is of: of a law of C those on the compute frontier, of an early-stopped
        law those of the best E, of one variable those that share what it holds fixed. The interval is that of
        a new run; with one, half_parameters, half_seed and half_extrapolation are the half-widths (of log
        loss) that each part alone would give, factor how far beyond the fitted range a point lies, and
        further whether that is further than any backtest. Raises FitError.
        """
        table = points_for_law(as_points(held, self.law), self.law, self.diagnostics.settings.critical).table
        table = described(table, self.points, self.law)
        inputs, measured = law_inputs(table, self.law), table[self.law.response].cast(pl.Float64)
        low, high = self.band(inputs, new_run=True)
        predicted = pl.Series(self._middle(inputs))
        found = table.with_columns(predicted=predicted, error=predicted / measured - 1, low=low, high=high)
        return found if self.outlook is None else found.with_columns(**_columns(self.parts(inputs)))

    def at(self, params: Mapping[str, float]) -> At:
        """The objective at `params` (the others as fitted) and the minimum downhill from there.

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
        nearest = dict(zip(free, solution.params[0].tolist(), strict=True))
        return At(self.params | dict(params), float(terms.sum()), nearest, float(solution.objective[0]))

    def quantity(self, value: "Callable[[Values], Any]") -> tuple[float, Interval]:
        """What follows from the parameters, by a function of them by name, with its interval."""
        fixed = {name: v for name, v in self.params.items() if name not in self.data.law.parameter_names}
        with np.errstate(all="ignore"):  # NumPy's numbers overflow to inf, Python's raise
            estimate = float(value({name: np.float64(number) for name, number in self.params.items()}))
        if self.intervals is None:
            return estimate, OPEN
        return estimate, self.intervals.quantity(lambda params: value({**params, **fixed}))

    def checklist(self) -> list[tuple[str, str]]:
        """What is needed to repeat or doubt the fit ((Mis)Fitting, arXiv 2502.18969): (item, answer)."""
        return build_checklist(self)

    def to_json(self) -> dict[str, Any]:
        """The fit as strict JSON values: null for an unbounded side and for a number that is not finite."""
        return json_values(
            {
                "law": self.law.name,
                "params": self.params,
                "at_limit": self.at_limit,
                "interval": {"level": self.level, **_listed(self.interval)},
                "objective": self.objective,
                "n_points": len(self.points),
                "excluded": [{"reason": exclusion.reason, "n": exclusion.n} for exclusion in self.excluded],
                "derived": self.derived,
                "derived_interval": _listed(self.derived_interval),
                "diagnostics": self.diagnostics.to_json(),
                "warnings": list(self.warnings),
                "formula": self.law.formula,
                "draws": {name: values.tolist() for name, values in self.draws.items()},
                "prediction": self.outlook.to_json() if self.outlook else None,
            }
        )

    def _arrays(self, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """The law's inputs as float arrays. Raises FitError for one that is missing."""
        law = self.law
        if missing := [name for name in law.inputs if name not in inputs]:
            raise FitError(f"{law.name} needs {', '.join(law.inputs)}; {missing[0]} is missing")
        return {name: np.asarray(inputs[name], float) for name in law.inputs}


def _plain(values: Any) -> Any:
    """A float in place of an array without axes."""
    return float(values) if np.ndim(values) == 0 else np.asarray(values)


def _columns(parts: Parts) -> dict[str, np.ndarray]:
    """The parts as columns of a table of predictions."""
    halves = {f"half_{name}": getattr(parts, name) for name in PARTS}
    return {**halves, "factor": np.exp(parts.distance), "further": parts.further}


def _listed(intervals: Mapping[str, Interval]) -> dict[str, list[float | None]]:
    return {name: list(sides) for name, sides in intervals.items()}
