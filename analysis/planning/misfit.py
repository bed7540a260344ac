"""What a law misses beyond its points, as runs further out extend the fitted range."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from quarry.analysis.fitting.prediction.distance import coordinates, distance

if TYPE_CHECKING:
    from quarry.analysis.fitting.prediction.extrapolation import Extrapolation
    from quarry.analysis.planning.surface import Surface


@dataclass(frozen=True)
class TargetMisfit:
    """The misfit of a loss at inputs `at`, when runs among candidates at inputs `runs` [candidates] are made.

    Both are by coordinate (each input, and compute). A run takes the distance away as far as it reaches.
    """

    extrapolation: "Extrapolation"
    loss: float
    at: dict[str, Any]
    runs: dict[str, np.ndarray]

    def variance(self, chosen: Sequence[int]) -> float:
        """The variance of the loss by misfit when these runs are made."""
        return float(self._variance(self._distance(self._with(chosen))))

    def gains(self, chosen: Sequence[int]) -> np.ndarray:
        """By how much each candidate after those chosen lowers the variance: [candidates]."""
        low, high = self._with(chosen)
        ends = {name: np.minimum(end, self.runs[name]) for name, end in low.items()}
        tops = {name: np.maximum(end, self.runs[name]) for name, end in high.items()}
        return self.variance(chosen) - self._variance(self._distance((ends, tops)))

    def _with(self, chosen: Sequence[int]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The least and the largest of each coordinate of the points and the runs chosen."""
        ranges = self.extrapolation.ranges
        reached = {name: self.runs[name][list(chosen)] for name in ranges}
        low = {name: reached[name].min(initial=ends[0]) for name, ends in ranges.items()}
        return low, {name: reached[name].max(initial=ends[1]) for name, ends in ranges.items()}

    def _distance(self, ends: tuple[dict[str, Any], dict[str, Any]]) -> np.ndarray:
        low, high = ends
        return distance(self.at, {name: (low[name], high[name]) for name in low})

    def _variance(self, distances: np.ndarray) -> np.ndarray:
        return np.asarray((self.loss * self.extrapolation.deviation(distances)) ** 2)


def run_misfit(surface: "Surface", inputs: dict[str, np.ndarray]) -> np.ndarray:
    """The standard deviation of the log loss of runs about the law, beyond their noise: [candidates]."""
    if surface.outlook is None:
        return np.array(0.0)
    beyond = surface.outlook.extrapolation
    return beyond.deviation(beyond.distance(inputs))


def target_misfit(
    surface: "Surface", inputs: dict[str, np.ndarray], at: dict[str, Any] | None
) -> TargetMisfit | None:
    """The misfit of the loss at `at`, inputs of the law; None for a target that is no loss."""
    if surface.outlook is None or at is None:
        return None
    loss = float(surface.law.predict(surface.params, at))
    return TargetMisfit(surface.outlook.extrapolation, loss, at, coordinates(inputs))
