"""What a fit reports beside its parameters: search, residuals, the error on the largest runs."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from quarry.analysis.fitting.correlation import confounded
from quarry.analysis.fitting.doubts import distinct_values
from quarry.analysis.fitting.misfit import Misfit, measure_misfit
from quarry.analysis.fitting.noise import relative_noise
from quarry.analysis.fitting.outliers import Outliers, find_outliers
from quarry.analysis.points.held_out import held_out_rows

if TYPE_CHECKING:
    from quarry.analysis.fitting.fit_intervals import FitIntervals
    from quarry.analysis.fitting.search import Data, Minima, OtherMinimum
    from quarry.analysis.fitting.settings import FitSettings
    from quarry.analysis.points.table import Points


@dataclass(frozen=True)
class Diagnostics:
    """How a fit was made and what to judge it by.

    - `count` is the meaning of N, `source` where the points come from, `runs` how many they are of, `ranges`
      the least and the largest of each input and of E / N, `distinct` how many values each input takes.
    - `law_options` are what the law was built with, `objective` its words, `huber_delta` the value used.
    - `n_starts_agreeing` of `n_starts` reached the best objective; `other_minima` are the further ones.
    - `condition_number` is that of the Jacobian with columns of length 1, `correlated_inputs` the strongest
      correlation between logarithms of two inputs (None for one input).
    - `misfit` tests the residuals, `far` has the runs far from the law and the points of other runs.
    - `held_out_error` is the mean |predicted / measured - 1| of the largest runs by a fit without them, over
      `held_out_points` points; None if too few would be left.
    - `interval_widening` is the factor of the percentile interval, None without one.
    - `seed_noise` is the standard deviation of the logarithm of the response between repeats of one run.
    """

    count: str
    source: str
    runs: int
    ranges: dict[str, tuple[float, float]]
    distinct: dict[str, int]
    law_options: Mapping[str, Any]
    objective: str
    huber_delta: float
    n_starts: int
    n_starts_agreeing: int
    other_minima: "tuple[OtherMinimum, ...]"
    condition_number: float
    correlated_inputs: float | None
    misfit: Misfit | None
    far: Outliers
    held_out_error: float | None
    held_out_points: int
    settings: "FitSettings"
    interval_widening: float | None
    seed_noise: float

    @property
    def outliers(self) -> list[str]:
        """The runs far from the law."""
        return self.far.runs

    @property
    def confounded(self) -> bool:
        """Whether two inputs move together, so that the points cannot tell the law's exponents apart."""
        return confounded(self.correlated_inputs)

    @property
    def frozen(self) -> Mapping[str, float]:
        """The parameters that were not fitted."""
        return self.settings.freeze

    def to_json(self) -> dict[str, Any]:
        """The object `diagnostics` that `quarry fit --json` writes."""
        settings = self.settings
        return {
            "count": self.count,
            "source": self.source,
            "runs": self.runs,
            "ranges": {name: list(ends) for name, ends in self.ranges.items()},
            "distinct": self.distinct,
            **self.law_options,
            "objective": self.objective,
            "huber_delta": self.huber_delta,
            "n_starts": self.n_starts,
            "n_starts_agreeing": self.n_starts_agreeing,
            "other_minima": [asdict(minimum) for minimum in self.other_minima],
            "condition_number": self.condition_number,
            "correlated_inputs": self.correlated_inputs,
            "misfit": asdict(self.misfit) if self.misfit else None,
            **self.far.to_json(),
            "held_out_error": self.held_out_error,
            "held_out_points": self.held_out_points,
            "bootstrap": settings.bootstrap,
            "seed": settings.seed,
            "resampling": settings.resampling,
            "interval": settings.interval,
            "interval_widening": self.interval_widening,
            "frozen": dict(settings.freeze),
            "noise": settings.noise,
            "critical": dict(settings.critical) if settings.critical else None,
            "seed_noise": self.seed_noise,
        }


def diagnose(
    points: "Points",
    data: "Data",
    minima: "Minima",
    intervals: "FitIntervals | None",
    settings: "FitSettings",
) -> Diagnostics:
    """The diagnostics at the best of `minima`, of a law fitted to `points`."""
    best = minima.params[0]
    held_out_error, held_out_points = _held_out_error(data, minima)
    return Diagnostics(
        count=points.count,
        source=points.source,
        runs=data.n_runs,
        ranges=_ranges(data),
        distinct=distinct_values(data.inputs),
        law_options=data.law.options,
        objective=data.objective.words(),
        huber_delta=data.objective.delta,
        n_starts=minima.starts,
        n_starts_agreeing=minima.agreeing,
        other_minima=minima.others(data.law.parameter_names),
        condition_number=data.condition_number(best),
        correlated_inputs=data.input_correlation(),
        misfit=measure_misfit(data, best),
        far=find_outliers(data, best),
        held_out_error=held_out_error,
        held_out_points=held_out_points,
        settings=settings,
        interval_widening=intervals.settings.widening if intervals else None,
        seed_noise=relative_noise(data, best),
    )


def _ranges(data: "Data") -> dict[str, tuple[float, float]]:
    values = dict(data.inputs)
    if {"N", "E"} <= set(values):
        values["E/N"] = values["E"] / values["N"]
    return {name: (float(each.min()), float(each.max())) for name, each in values.items()}


def _held_out_error(data: "Data", minima: "Minima") -> tuple[float | None, int]:
    """The error on the largest runs and how many points they have; None if too few others are left."""
    tested = refit_without_largest(data, minima)
    if tested is None:
        return None, 0
    params, largest = tested
    return prediction_error(data.rows(largest), params), int(largest.sum())


def refit_without_largest(data: "Data", minima: "Minima") -> tuple[np.ndarray, np.ndarray] | None:
    """The parameters of a fit without the largest runs, and which rows are theirs; None if too few others."""
    largest = held_out_rows(data.law, data.inputs, data.runs)
    return None if largest is None else (data.refit(minima, ~largest), largest)


def prediction_error(data: "Data", params: np.ndarray) -> float:
    """Mean |predicted / measured - 1| of the response."""
    ratio = data.objective.response(data.predicted(params)) / data.objective.response(data.target)
    return float(np.mean(np.abs(ratio - 1)))
