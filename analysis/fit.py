"""Fit a law to scale points: parameters, intervals, predictions, checklist."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from analysis import uncertainty
from analysis.caveats import confounded, law_warnings, unbounded_warnings
from analysis.checklist import checklist
from analysis.laws import Law, find_law
from analysis.points import Exclusion, Points
from analysis.search import Data, Minima
from analysis.selection import FitError, held_out, hold_fixed, points_of


@dataclass(frozen=True)
class Fit:
    """A fitted law. Losses in nats per token, inputs in the law's units.

    `interval` holds a None on a side that the runs do not bound. `draws` are the bootstrap refits by
    parameter name, empty without an interval. `points` are those used, `excluded` the others.
    """

    law: Law
    params: dict[str, float]
    interval: dict[str, tuple[float | None, float | None]]
    level: float
    draws: dict[str, np.ndarray]
    points: pl.DataFrame
    excluded: tuple[Exclusion, ...]
    objective: float
    derived: dict[str, float]
    diagnostics: dict[str, Any]
    warnings: tuple[str, ...]

    def predict(self, inputs: Mapping[str, Any]) -> np.ndarray:
        """The predicted loss at `inputs`, one array for each of the law's inputs."""
        return np.asarray(self.law.loss(self.params, _arrays(self.law, inputs)))

    def band(self, inputs: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        """The interval of the law itself (not of a new run) at `inputs`; (0, inf) where nothing is known."""
        at = _arrays(self.law, inputs)
        middle = self.predict(inputs)
        if self.diagnostics["interval_widening"] is None:
            return np.zeros_like(middle), np.full_like(middle, np.inf)
        params = {name: values.reshape(-1, *(1,) * middle.ndim) for name, values in self.draws.items()}
        return uncertainty.band(
            self.law.loss(params, at), middle, self.level, self.diagnostics["interval_widening"]
        )

    def checklist(self) -> list[tuple[str, str]]:
        """What is needed to repeat or doubt the fit ((Mis)Fitting, arXiv 2502.18969): (item, answer)."""
        return checklist(self)

    def to_json(self) -> dict[str, Any]:
        """The fit as strict JSON values: null for an unbounded side and for a number that is not finite."""
        interval = {name: list(sides) for name, sides in self.interval.items()}
        return _strict(
            {
                "law": self.law.name,
                "params": self.params,
                "interval": {"level": self.level, **interval},
                "objective": self.objective,
                "n_points": len(self.points),
                "excluded": [{"reason": exclusion.reason, "n": exclusion.n} for exclusion in self.excluded],
                "derived": self.derived,
                "diagnostics": self.diagnostics,
                "warnings": list(self.warnings),
            }
        )


def fit(
    points: Points | pl.DataFrame,
    law: str | Law,
    *,
    x: str = "N",
    bootstrap: int = 1000,
    huber_delta: float = 1e-3,
    seed: int = 0,
    level: float = 0.95,
) -> Fit:
    """Fit `law` to `points` by robust least squares on log loss, with bootstrap intervals by run.

    A DataFrame needs the law's inputs and loss; without a column run every row is its own run. `x` is the
    variable of `power-offset`. Raises FitError, LawError.
    """
    law = find_law(law, x) if isinstance(law, str) else law
    _check_settings(bootstrap, huber_delta, level, seed)
    points = hold_fixed(points_of(points, law), law)
    data = Data.of(points.table, law, huber_delta)
    minima = data.search(np.ones(data.points))
    resampled = _Resampled.of(data, minima, bootstrap, seed, level)
    interval = resampled.interval(data, minima, level)
    settings = {"bootstrap": bootstrap, "seed": seed, "huber_delta": huber_delta}
    diagnostics = _diagnostics(points, data, minima) | settings | {"interval_widening": resampled.widening}
    params = dict(zip(law.parameter_names, minima.params[0].tolist(), strict=True))
    return Fit(
        law=law,
        params=params,
        interval=interval,
        level=level,
        draws=resampled.by_name(law),
        points=points.table,
        excluded=points.excluded,
        objective=float(minima.objective[0]),
        derived=_derived(law, params, data),
        diagnostics=diagnostics,
        warnings=(*law_warnings(law, points, diagnostics), *unbounded_warnings(law, interval, diagnostics)),
    )


@dataclass(frozen=True)
class _Resampled:
    """The bootstrap of a fit; None where there are too few runs, or none was asked for."""

    draws: uncertainty.Draws | None
    widening: float | None

    @classmethod
    def of(cls, data: Data, minima: Minima, bootstrap: int, seed: int, level: float) -> "_Resampled":
        if bootstrap == 0 or data.n_runs <= len(data.law.parameters):
            return cls(None, None)
        weights = uncertainty.resample(data.runs, bootstrap, seed)
        draws = uncertainty.bootstrap(
            data.law, data.inputs, data.log_loss, weights, minima.params, data.delta
        )
        return cls(draws, uncertainty.widening_factor(data.n_runs, level))

    def interval(self, data: Data, minima: Minima, level: float) -> uncertainty.Intervals:
        """By parameter name; all sides open without draws, or if the inputs move together."""
        if self.draws is None or self.widening is None or confounded(data.input_correlation()):
            return dict.fromkeys(data.law.parameter_names, (None, None))
        return uncertainty.parameter_intervals(data.law, minima.params[0], self.draws, level, self.widening)

    def by_name(self, law: Law) -> dict[str, np.ndarray]:
        return {} if self.draws is None else dict(zip(law.parameter_names, self.draws.params.T, strict=True))


def _derived(law: Law, params: dict[str, float], data: Data) -> dict[str, float]:
    """The law's derived quantities; none where the points cannot tell its exponents apart."""
    if confounded(data.input_correlation()):
        return {}
    return {name: float(value) for name, value in law.derive(params).items()}


def _diagnostics(points: Points, data: Data, minima: Minima) -> dict[str, Any]:
    held_out_error, held_out_points = _held_out_error(data)
    return {
        "count": points.count,
        "source": points.source,
        "runs": data.n_runs,
        "n_starts": minima.starts,
        "n_starts_agreeing": minima.agreeing,
        "condition_number": data.condition_number(minima.params[0]),
        "correlated_inputs": data.input_correlation(),
        "held_out_error": held_out_error,
        "held_out_points": held_out_points,
        "other_minima": minima.others(data.law.parameter_names),
    }


def _held_out_error(data: Data) -> tuple[float | None, int]:
    """Mean |predicted / measured - 1| of the largest runs by a fit without them; None if too few are left."""
    largest = held_out(data.law, data.inputs, data.runs)
    if largest is None:
        return None, 0
    params = data.search((~largest).astype(float)).params[0]
    inputs = {name: values[largest] for name, values in data.inputs.items()}
    predicted = data.law.loss(dict(zip(data.law.parameter_names, params, strict=True)), inputs)
    return float(np.mean(np.abs(predicted / np.exp(data.log_loss[largest]) - 1))), int(largest.sum())


def _check_settings(bootstrap: int, huber_delta: float, level: float, seed: int) -> None:
    if seed < 0:
        raise FitError(f"seed={seed}: must not be negative")
    if bootstrap < 0 or 0 < bootstrap < 100:
        raise FitError(f"bootstrap={bootstrap}: an interval needs at least 100 draws (0: no interval)")
    if not (math.isfinite(huber_delta) and huber_delta > 0):
        raise FitError(f"huber_delta={huber_delta}: must be positive and finite")
    if not 0.5 <= level < 1:
        raise FitError(f"level={level}: must be at least 0.5 and below 1")


def _arrays(law: Law, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
    missing = [name for name in law.inputs if name not in inputs]
    if missing:
        raise FitError(f"{law.name} needs {', '.join(law.inputs)}; {missing[0]} is missing")
    return {name: np.asarray(inputs[name], float) for name in law.inputs}


def _strict(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _strict(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
