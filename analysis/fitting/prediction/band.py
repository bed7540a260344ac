"""The interval of a prediction, of three parts: the parameters, the seed of a run, and extrapolation."""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from quarry.analysis.fitting.intervals import finite

if TYPE_CHECKING:
    from quarry.analysis.fitting.prediction.extrapolation import Extrapolation

PARTS = ("parameters", "seed", "extrapolation")
"""The parts of an interval, by the names of their half-widths."""

FURTHER = ", further than any backtest"
"""What is said of a prediction beyond all backtests."""

Reach = tuple[np.ndarray, np.ndarray]
"""How far an interval goes below and above its middle [...], in log loss."""


@dataclass(frozen=True)
class Parts:
    """What makes an interval of log loss wide [...]: half of it by each part alone, and how far out it lies.

    - `parameters`, `seed` and `extrapolation` are half-widths at the interval's level; together less than
      their sum, about the root of the sum of their squares.
    - `distance` is in e-folds beyond the fitted range, `further` whether no backtest went as far.
    """

    parameters: np.ndarray
    seed: np.ndarray
    extrapolation: np.ndarray
    distance: np.ndarray
    further: np.ndarray

    def to_json(self) -> dict[str, Any]:
        """The parts of a single prediction."""
        halves = {name: finite(getattr(self, name)) for name in PARTS}
        further = {"factor": math.exp(float(self.distance)), "further": bool(self.further)}
        return {**halves, **further, "words": self.sentence()}

    def sentence(self, place: tuple[int, ...] = ()) -> str:
        """The three parts of one prediction, in words."""
        halves = {name: float(getattr(self, name)[place]) for name in PARTS}
        if halves["seed"] == 0:  # of what no run is predicted for, such as N_opt
            del halves["seed"]
        shares = ", ".join(
            f"{100 * half:.2g} {name}" if math.isfinite(half) else f"{name} open"
            for name, half in halves.items()
        )
        if self.distance[place] == 0:
            return f"{shares}, inside the fitted range"
        further = FURTHER if self.further[place] else ""
        return f"{shares} over a factor of {math.exp(self.distance[place]):.3g}{further}"


def parts_of(
    reach: Reach,
    level: float,
    noise: float,
    extrapolation: "Extrapolation | None",
    distances: np.ndarray,
    furthest: float,
) -> Parts:
    """The parts of the interval whose parameters alone go as far as `reach`; `noise` is that of a run."""
    none = np.zeros_like(distances)
    beyond = none if extrapolation is None else extrapolation.reach(distances, none, level)
    return Parts(
        parameters=np.asarray((reach[0] + reach[1]) / 2),
        seed=np.full_like(distances, _normal(level) * noise),
        extrapolation=beyond,
        distance=distances,
        further=np.asarray(distances > furthest),
    )


def widened(
    middle: np.ndarray,
    reach: Reach,
    level: float,
    noise: float,
    extrapolation: "Extrapolation | None",
    distances: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Low and high [...] about the response `middle`: the parameters' reach, the noise and the misfit.

    A bias that the backtests found moves both ends.
    (0, inf) where the parameters leave a side open.
    """
    below, above = (_side(side, level, noise, extrapolation, distances) for side in reach)
    if extrapolation is not None:
        shift = extrapolation.shift(distances)
        below, above = below - shift, above + shift
    with np.errstate(all="ignore"):
        low, high = middle * np.exp(-below), middle * np.exp(above)
    return np.where(np.isnan(low), 0.0, low), np.where(np.isnan(high), np.inf, high)


def _side(
    reach: np.ndarray,
    level: float,
    noise: float,
    extrapolation: "Extrapolation | None",
    distances: np.ndarray,
) -> np.ndarray:
    if extrapolation is None:
        return np.asarray(np.hypot(reach, _normal(level) * noise))
    known = np.where(np.isfinite(reach), (reach / _normal(level)) ** 2, 0.0) + noise**2
    return np.asarray(np.where(np.isfinite(reach), extrapolation.reach(distances, known, level), np.inf))


def _normal(level: float) -> float:
    return NormalDist().inv_cdf((1 + level) / 2)
