"""What is known of a fit beyond its points: the scatter of a run, the backtests, the misfit they show."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

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

    def band(
        self, at: Mapping[str, Any], middle: np.ndarray, reach: Reach, level: float, new_run: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Low and high [...] at inputs `at`, about `middle`, where the parameters go as far as `reach`."""
        noise = self.noise if new_run else 0.0
        return widened(middle, reach, level, noise, self.extrapolation, self.extrapolation.distance(at))

    def parts(self, at: Mapping[str, Any], reach: Reach, level: float, new_run: bool = True) -> Parts:
        """What the interval of a new run (or of the law) at `at` is made of."""
        noise = self.noise if new_run else 0.0
        distances = self.extrapolation.distance(at)
        return parts_of(reach, level, noise, self.extrapolation, distances, self.furthest)

    def to_json(self) -> dict[str, Any]:
        """The object `prediction` that `quarry fit --json` writes."""
        found = self.extrapolation
        return {
            "noise": self.noise,
            "scales": found.scales.tolist(),
            "weights": found.weights.tolist(),
            "growth": found.growth,
            "ranges": {name: list(ends) for name, ends in found.ranges.items()},
            "furthest": self.furthest,
            "cuts": self.cuts,
            "tested": self.tested,
            "inside": self.inside,
        }


def outlook_of(backtests: Backtests, prior: Prior, noise: float, ranges: Ranges, level: float) -> Outlook:
    """What backtests and the prior say; `noise` is the scatter of a run about the law, in log loss."""
    return Outlook(
        noise=noise,
        extrapolation=measure_extrapolation(backtests, prior, noise, ranges),
        furthest=backtests.furthest,
        cuts=backtests.cuts,
        tested=len(backtests.error),
        inside=_inside(backtests, prior, noise, level),
        backtests=backtests,
    )


def _inside(backtests: Backtests, prior: Prior, noise: float, level: float) -> int:
    """How many of the backtests' points lie in the band that the other cuts would have given them."""
    inside = 0
    for cut in np.unique(backtests.cut):
        own, others = (backtests.rows(chosen) for chosen in (backtests.cut == cut, backtests.cut != cut))
        found = measure_extrapolation(others, prior, noise, {})
        reach = found.reach(own.distance, own.parameters**2 + noise**2, level)
        inside += int((np.abs(own.error) <= reach).sum())
    return inside
