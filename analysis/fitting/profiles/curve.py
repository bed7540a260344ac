"""The curve of a profile, followed outward from every minimum of the fit."""

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from quarry.analysis.fitting.coordinates import (
    NEGLIGIBLE_SENSITIVITY,
    at_search_limit,
    natural_within_bounds,
    params_by_name,
    to_natural,
    to_search,
)

if TYPE_CHECKING:
    from quarry.analysis.fitting.profiles.quantity import Quantity
    from quarry.analysis.fitting.profiles.threshold import Local
    from quarry.analysis.fitting.search import Data

# Distances from a minimum double from this fraction of the expected half-width to the limit.
_NEAREST = 2.0**-4

# A quantity is followed at most so many expected half-widths.
_FARTHEST = 1e4

# The pull is so many times as stiff as the profile is curved.
_STIFFNESS = 100.0

# Points are fitted again from these neighbours until none gains this part of the threshold, or so often.
_NEIGHBOURS, _SETTLED, _SWEEPS = (-3, -1, 0, 1, 3), 1e-3, 8

# A crossing of the threshold is refined in so many places.
_REFINED = 6

# A closed side is shown to so many thresholds, an open one for so many half-widths; for as many a minimum's
# own slope is trusted.
_SHOWN, _OPEN = 2.0, 4.0


@dataclass(frozen=True)
class Curve:
    """Profile points by rising position: all [points], but theta [points, parameters].

    `cost` is the objective with the pull to `target`; `stopped` marks points that owe their objective to a
    limit of the search on another parameter.
    """

    target: np.ndarray
    position: np.ndarray
    objective: np.ndarray
    cost: np.ndarray
    stopped: np.ndarray
    theta: np.ndarray

    @property
    def excess(self) -> np.ndarray:
        return self.objective - self.objective.min()

    def sorted(self) -> "Curve":
        """By rising position, the finite points, of those at one position the lowest."""
        order = np.lexsort((self.objective, self.position))
        order = order[np.isfinite(self.objective[order]) & np.isfinite(self.position[order])]
        order = order[np.diff(self.position[order], prepend=-np.inf) > 0]
        return self.rows(order)

    def rows(self, places: Any) -> "Curve":
        return Curve(*(getattr(self, field.name)[places] for field in fields(self)))

    def joined(self, other: "Curve") -> "Curve":
        pairs = ((getattr(self, field.name), getattr(other, field.name)) for field in fields(self))
        return Curve(*(np.concatenate(pair) for pair in pairs)).sorted()

    def kept(self, local: "Local") -> "Curve":
        """As far as is worth showing, and the first point beyond on each side."""
        inside = np.flatnonzero(self.excess <= _SHOWN * local.threshold)
        return self.rows(slice(max(inside[0] - 1, 0), inside[-1] + 2))

    def shown(self, local: "Local") -> tuple[float, float]:
        """The positions worth showing: an open side to a few half-widths."""
        excess, best = self.excess[[0, -1]], self.position[self.objective.argmin()]
        ends = self.position[[0, -1]]
        closed = excess > local.threshold
        far = _OPEN * max(np.abs(ends - best)[closed], default=local.width)
        low, high = np.where(closed, ends, np.clip(ends, best - far, best + far))
        return float(low), float(high)


@dataclass(frozen=True)
class Tracer:
    """Follows the profile of `quantity` from `minima`, theta [minima, parameters]."""

    data: "Data"
    quantity: "Quantity"
    minima: np.ndarray
    local: "Local"

    def scan(self) -> Curve:
        """Points outward from every minimum, each reached from every minimum."""
        centres = np.array([self.position(theta) for theta in self.minima])
        targets = _outward(centres, self.local.width, self.quantity.limits)
        farthest = _OPEN * self.local.width
        shift = np.nan_to_num(np.clip(targets[:, None] - centres, -farthest, farthest))
        starts = self.minima + shift[:, :, None] * self.local.direction
        return self.settled(self.lowest(targets, starts).sorted())

    def with_more(self, curve: Curve, targets: np.ndarray) -> Curve:
        """Also points at `targets`, from those on both sides and from the mean of these."""
        if not targets.size:
            return curve
        right = np.clip(np.searchsorted(curve.position, targets), 1, len(curve.position) - 1)
        sides = curve.theta[right - 1], curve.theta[right]
        more = self.lowest(targets, np.stack([*sides, (sides[0] + sides[1]) / 2], axis=1))
        return self.settled(curve.joined(more))

    def settled(self, curve: Curve) -> Curve:
        """Every point fitted again from its neighbours, until that helps none."""
        for _ in range(_SWEEPS):
            places = np.arange(len(curve.target))
            starts = [curve.theta[np.clip(places + away, 0, places[-1])] for away in _NEIGHBOURS]
            again = self.lowest(curve.target, np.stack(starts, axis=1))
            gain = curve.cost - again.cost
            curve = again.sorted()
            if gain.max() < _SETTLED * self.local.threshold:
                break
        return curve

    def position(self, theta: np.ndarray) -> float:
        with np.errstate(all="ignore"):
            return float(
                self.quantity.position(params_by_name(self.data.law, to_natural(self.data.law, theta)))
            )

    def lowest(self, targets: np.ndarray, starts: np.ndarray) -> Curve:
        """The best of `starts` [targets, starts, parameters] at each target."""
        each = starts.shape[1]
        solved = self.solved(np.repeat(targets, each), starts.reshape(-1, starts.shape[2]))
        best = np.argmin(solved.cost.reshape(-1, each), axis=1) + each * np.arange(len(targets))
        return solved.rows(best)

    @property
    def stiffness(self) -> float:
        """A point pulled there is on the profile whatever it is: it lies a hundredth short of the target."""
        return 2 * _STIFFNESS * self.local.threshold / self.local.width**2

    def solved(self, targets: np.ndarray, theta: np.ndarray) -> Curve:
        """What each lane reaches: a parameter is held at its target, another quantity pulled to it."""
        law, place = self.data.law, self.quantity.place
        if place is None:
            from quarry.analysis.fitting.solver import Pull

            pull = Pull(self.quantity.position, targets, self.stiffness)
            solution = self.data.solve(natural_within_bounds(law, theta), pull=pull, with_sensitivity=True)
            with np.errstate(all="ignore"):
                position = np.asarray(self.quantity.position(params_by_name(law, solution.params)))
        else:
            held = np.arange(len(law.parameters)) == place
            start = natural_within_bounds(law, np.where(held, targets[:, None], theta))
            fixed = tuple(held.tolist())
            solution, position = self.data.solve(start, fixed=fixed, with_sensitivity=True), targets
        cost = solution.objective + 0.5 * self.stiffness * (position - targets) ** 2
        cost = np.where(np.isfinite(cost), cost, np.inf)
        stopped = self.stopped(solution.params, solution.sensitivity)
        return Curve(targets, position, solution.objective, cost, stopped, to_search(law, solution.params))

    def stopped(self, params: np.ndarray, sensitivity: np.ndarray) -> np.ndarray:
        """Lanes with a parameter, other than the one held, on a limit of the search that the points feel."""
        parameters = self.data.law.parameters
        at_limit = np.stack(
            [at_search_limit(p, v) for p, v in zip(parameters, params.T, strict=True)], axis=1
        )
        felt = sensitivity > NEGLIGIBLE_SENSITIVITY * np.median(self.data.scale)
        return (at_limit & felt & (np.arange(len(parameters)) != self.quantity.place)).any(axis=1)


def _outward(centres: np.ndarray, width: float, limits: tuple[float, float]) -> np.ndarray:
    """Targets at doubling distances from every centre, and the limits themselves."""
    low = max(limits[0], np.nanmin(centres) - _FARTHEST * width)
    high = min(limits[1], np.nanmax(centres) + _FARTHEST * width)
    nearest = _NEAREST * width
    distances = nearest * 2.0 ** np.arange(math.ceil(math.log2(2 * (high - low) / nearest)))
    distances = np.concatenate([-distances[::-1], [0.0], distances])
    targets = (centres[np.isfinite(centres), None] + distances).ravel()
    targets = np.unique(np.clip(targets, low, high))
    return targets[np.diff(targets, prepend=-np.inf) > 1e-3 * nearest]


def near_crossings(curve: Curve, threshold: float) -> np.ndarray:
    """Positions within every step that enters or leaves the region, near where it should cross."""
    share = np.linspace(0, 1, _REFINED + 2)[1:-1]
    steps = crossings(curve, threshold)
    spans = [np.interp(share, [0, 0.5, 1], [left, at, right]) for left, at, right in steps]
    return np.concatenate(spans) if spans else curve.position[:0]


def crossings(curve: Curve, threshold: float) -> list[tuple[float, float, float]]:
    """(left, crossing, right) of every step across the threshold: linear in the root of the excess."""
    root = np.sqrt(np.maximum(curve.excess, 0)) - math.sqrt(threshold)
    steps = np.flatnonzero((root[:-1] <= 0) != (root[1:] <= 0))
    share = root[steps] / (root[steps] - root[steps + 1])
    left, right = curve.position[steps], curve.position[steps + 1]
    return list(zip(left.tolist(), (left + share * (right - left)).tolist(), right.tolist(), strict=True))
