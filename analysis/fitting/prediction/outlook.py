"""What is known of a fit beyond its points: the scatter of a run, the backtests, the misfit they show."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from quarry.analysis.fitting.intervals import finite, student_over_normal
from quarry.analysis.fitting.noise import RunScatter
from quarry.analysis.fitting.prediction.backtests import Backtests
from quarry.analysis.fitting.prediction.band import Parts, Reach, parts_of, widened
from quarry.analysis.fitting.prediction.distance import Ranges
from quarry.analysis.fitting.prediction.extrapolation import Extrapolation, measure_extrapolation
from quarry.analysis.fitting.prediction.prior import Prior

if TYPE_CHECKING:
    from quarry.analysis.fitting.prediction.rolling_origin import Refits


@dataclass(frozen=True)
class Outlook:
    """The parts of a prediction beside the parameters: `noise` (of log loss, of a run about the law), misfit.

    The noise is estimated with so many degrees of `freedom` (inf: known).
    `furthest` is the largest distance of a backtest, in e-folds. Of the `tested` points beyond the `cuts`, so
    many lay `inside` the band that the other cuts would have given them. A fit that was read has no
    `backtests`.
    """

    noise: float
    extrapolation: Extrapolation
    furthest: float
    cuts: int
    tested: int
    inside: int
    backtests: Backtests | None = None
    refits: "Refits | None" = None
    freedom: float = math.inf

    def band(
        self, at: Mapping[str, Any], middle: np.ndarray, reach: Reach, level: float, new_run: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Low and high [...] at inputs `at`, about `middle`, where the parameters go as far as `reach`."""
        noise = self._noise(level, new_run)
        return widened(middle, reach, level, noise, self.extrapolation, self.extrapolation.distance(at))

    def parts(self, at: Mapping[str, Any], reach: Reach, level: float, new_run: bool = True) -> Parts:
        """What the interval of a new run (or of the law) at `at` is made of."""
        noise = self._noise(level, new_run)
        distances = self.extrapolation.distance(at)
        return parts_of(reach, level, noise, self.extrapolation, distances, self.furthest)

    def _noise(self, level: float, new_run: bool) -> float:
        """The standard deviation of the normal error that reaches as far at `level`."""
        return noise_at(level, self.noise, self.freedom) if new_run else 0.0

    def to_json(self) -> dict[str, Any]:
        """The object `prediction` that `quarry fit --json` writes."""
        found = self.extrapolation
        return {
            "noise": self.noise,
            "freedom": finite(self.freedom),
            "scales": found.scales.tolist(),
            "weights": found.weights.tolist(),
            "growth": found.growth,
            "bias": found.bias,
            "ranges": {name: list(ends) for name, ends in found.ranges.items()},
            "furthest": self.furthest,
            "cuts": self.cuts,
            "tested": self.tested,
            "inside": self.inside,
        }


def outlook_of(
    backtests: Backtests, prior: Prior, noise: RunScatter, ranges: Ranges, level: float
) -> Outlook:
    """What backtests and the prior say; `noise` is the scatter of a run about the law."""
    return Outlook(
        noise=noise.sd,
        extrapolation=measure_extrapolation(backtests, prior, noise.sd, ranges),
        furthest=backtests.furthest,
        cuts=backtests.cuts,
        tested=len(backtests.error),
        inside=_inside(backtests, prior, noise, level),
        backtests=backtests,
        freedom=noise.freedom,
    )


def _inside(backtests: Backtests, prior: Prior, noise: RunScatter, level: float) -> int:
    """How many of the backtests' points lie in the band that the other cuts would have given them."""
    inside = 0
    for cut in np.unique(backtests.cut):
        own, others = (backtests.rows(chosen) for chosen in (backtests.cut == cut, backtests.cut != cut))
        found = measure_extrapolation(others, prior, noise.sd, {})
        seed = noise_at(level, noise.sd, noise.freedom)
        reach = found.reach(own.distance, own.parameters**2 + seed**2, level)
        inside += int((np.abs(own.error - found.shift(own.distance)) <= reach).sum())
    return inside


def noise_at(level: float, noise: float, freedom: float) -> float:
    """The standard deviation of the normal error that reaches at `level` as far as a new run's does.

    The scatter of runs is estimated, so that a new run over it follows Student's distribution.
    """
    return noise * student_over_normal(level, freedom)
