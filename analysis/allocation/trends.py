"""How the compute-optimal N and E grow with C: straight lines in logarithms through measured optima."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from quarry import text
from quarry.analysis.allocation.beyond import look_beyond_optima, parts_at, with_misfit
from quarry.analysis.allocation.lines import ONE_C, SHORTEST, Optima, straight_line
from quarry.analysis.fitting.intervals import Interval, IntervalSettings
from quarry.analysis.fitting.prediction.band import FURTHER
from quarry.analysis.points.columns import positive_numbers
from quarry.analysis.points.comparable import text_warnings
from quarry.analysis.points.loading import PointsLike, as_points
from quarry.analysis.points.minimum_steps import at_small_batch
from quarry.analysis.points.schema import repeats_data
from quarry.analysis.points.units import flops_doubts
from quarry.checks import check_positive
from quarry.errors import FitError

if TYPE_CHECKING:
    from quarry.analysis.fitting.prediction.band import Parts
    from quarry.analysis.fitting.prediction.outlook import Outlook

_LARGEST = 700.0
"""exp of a larger number overflows."""


@dataclass(frozen=True)
class Trend:
    """N_opt = N_0 (C / C_0)^a and E_opt = E_0 (C / C_0)^b (Hoffmann et al. 2022, arXiv 2203.15556).

    N in parameters, E in tokens, C in FLOPs; C_0 is the middle of the optima. `fitted` is the range of C they
    span, `draws` the bootstrap refits of a, b, N_0, E_0 by name, empty without an interval. `outlook` is what
    is known beyond the optima, None without an interval.
    """

    a: float
    b: float
    N_0: float
    E_0: float
    C_0: float
    a_interval: Interval
    b_interval: Interval
    level: float
    widening: float
    draws: dict[str, np.ndarray]
    fitted: tuple[float, float]
    warnings: tuple[str, ...]
    outlook: "Outlook | None" = None

    def n(self, flops: float) -> tuple[float, Interval]:
        """The compute-optimal parameters at C = `flops`, with their interval. Raises FitError."""
        return with_misfit(self.outlook, flops, *self._line_at(flops, "N_0", "a"), self.level)

    def tokens(self, flops: float) -> tuple[float, Interval]:
        """The compute-optimal tokens at C = `flops`, with their interval. Raises FitError."""
        return with_misfit(self.outlook, flops, *self._line_at(flops, "E_0", "b"), self.level)

    def warnings_at(self, flops: float) -> tuple[str, ...]:
        """The warnings, and one more if `flops` lies outside the C of the optima. Raises FitError."""
        check_positive(FitError, flops=flops)
        low, high = self.fitted
        decades = math.log10(max(flops / high, low / flops))
        if decades <= 0:
            return self.warnings
        side = "above" if flops > high else "below"
        sentence = (
            f"C = {text.power(flops)} lies {text.number(decades, 2)} decades {side} the fitted range, "
            f"{text.power(low)} to {text.power(high)} FLOPs"
        )
        parts = self.parts(flops)
        return (*self.warnings, sentence + (FURTHER if parts and parts.further else ""))

    def parts(self, flops: float) -> "Parts | None":
        """What the interval of log N at C = `flops` is made of; None without one. Raises FitError."""
        return parts_at(self.outlook, flops, *self._line_at(flops, "N_0", "a"), self.level)

    def to_json(self) -> dict[str, Any]:
        """The line as strict JSON values."""
        names = ("a", "b", "N_0", "E_0", "C_0")
        return {
            "params": {name: getattr(self, name) for name in names},
            "interval": {"level": self.level, "a": list(self.a_interval), "b": list(self.b_interval)},
            "fitted": list(self.fitted),
            "warnings": list(self.warnings),
        }

    def _line_at(self, flops: float, scale: str, exponent: str) -> tuple[float, Interval]:
        """The value at C = `flops`, and the interval of the line there."""
        check_positive(FitError, flops=flops)
        distance = math.log(flops / self.C_0)
        middle = math.log(getattr(self, scale)) + getattr(self, exponent) * distance
        if abs(middle) > _LARGEST:
            raise FitError(f"flops={flops}: too far from the fitted range to be a number")
        draws = np.log(self.draws[scale]) + self.draws[exponent] * distance if self.draws else np.array([])
        low, high = IntervalSettings(self.level, self.widening).interval(draws, middle)
        return math.exp(middle), (_natural(low), _natural(high))


def _natural(logarithm: float | None) -> float | None:
    return None if logarithm is None or abs(logarithm) > _LARGEST else math.exp(logarithm)


def trend_through(
    optima: Optima, draws: Optima | None, level: float, widening: float, warnings: tuple[str, ...]
) -> Trend:
    """The weighted straight lines through `optima`; those through each of `draws` give the intervals.

    Raises FitError if the optima lie at one C, or within a factor of 1.5.
    """
    _check_extent(optima)
    middle = float(np.average(optima.log_c, weights=optima.weight))
    line = _lines(optima, middle)
    refits = {} if draws is None else _lines(draws, middle)
    refits = {name: values[np.isfinite(refits["a"])] for name, values in refits.items()}
    value = {name: float(values) for name, values in line.items()}
    settings = IntervalSettings(level, widening)
    intervals = {name: settings.interval(refits.get(name, np.array([])), value[name]) for name in "ab"}
    return Trend(
        **value,
        C_0=math.exp(middle),
        a_interval=intervals["a"],
        b_interval=intervals["b"],
        level=level,
        widening=widening,
        draws=refits,
        fitted=(math.exp(optima.log_c.min()), math.exp(optima.log_c.max())),
        warnings=warnings,
        outlook=look_beyond_optima(optima, draws, level) if draws is not None and len(refits["a"]) else None,
    )


def _check_extent(optima: Optima) -> None:
    low, high = float(optima.log_c.min()), float(optima.log_c.max())
    if high - low < math.sqrt(ONE_C):
        raise FitError(f"every optimum lies at C = {text.power(math.exp(low), 3)}: no line in C")
    if high - low < SHORTEST:
        raise FitError(
            f"the optima lie between C = {text.power(math.exp(low), 3)} and {text.power(math.exp(high), 3)}, "
            f"{text.number((high - low) / math.log(10), 1)} decades: too short for a line in C, which needs "
            "a factor of 1.5; train several sizes at a further budget"
        )


def _lines(optima: Optima, middle: float) -> dict[str, Any]:
    """a, b, N_0, E_0 with C_0 = exp(middle), not finite where the optima lie at one C."""
    x = optima.log_c - middle
    a, log_n = straight_line(x, optima.log_n, optima.weight)
    b, log_e = straight_line(x, optima.log_e, optima.weight)
    return {"a": a, "b": b, "N_0": np.exp(log_n), "E_0": np.exp(log_e)}


def allocation_table(points: PointsLike, critical: Mapping[str, float] | None = None) -> pl.DataFrame:
    """The table of `points` with run, and with N, E, C and loss as positive Float64.

    E or C may be left out if the other is there: C = 6NE. With the B_star and alpha_B of a `critical` batch
    they are those at a batch far below it. Raises PointsError, FitError.
    """
    points = as_points(points)
    table = positive_numbers(points.table, ("N", "E", "C", "loss"), points.source, "an allocation")
    if table.is_empty():
        raise FitError("there are no points")
    return at_small_batch(table, critical, points.source) if critical else table


def measurement_warnings(used: pl.DataFrame) -> list[str]:
    """Data-quality warnings on the points `used`: of several texts, mid-schedule, or on repeated data."""
    warnings = [*flops_doubts(used), *text_warnings(used)]
    if running := _mid_schedule(used):
        warnings.append(
            f"{running} of {text.plural(len(used), 'point')} used are not known to be annealed: where the "
            "learning rate decays, a loss before its end lies above that of a run that ends there"
        )
    repeated = int(used.select(repeats_data()).to_series().sum()) if "U" in used.columns else 0
    if repeated:
        warnings.append(
            f"{text.plural(repeated, 'point')} used repeat data (E > U): the law assumes fresh tokens"
        )
    return warnings


def _mid_schedule(used: pl.DataFrame) -> int:
    """How many points were measured mid-schedule: by the column annealed, else those that share their run."""
    if "annealed" not in used.columns:
        return int(used["run"].is_duplicated().sum())
    return int((~used["annealed"]).sum())
