"""Resampled or simulated data, every draw refitted.

Evaluations of one run share its seed and data order, so by default runs are resampled, not rows. Rows
(`point`) and simulated seed noise around the fitted law (`noise`) are the other ways. `intervals.py` turns
the draws into intervals.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from quarry.analysis.fitting.coordinates import NEGLIGIBLE_SENSITIVITY, at_bounds, at_search_limit
from quarry.analysis.fitting.noise import simulated

if TYPE_CHECKING:
    from quarry.analysis.fitting.search import Data, Minima
    from quarry.analysis.fitting.settings import Resampling
    from quarry.analysis.laws.law import Parameter

# A draw is refitted from at most so many of the minima of all points.
_STARTS = 3

# More units than this are left out in groups by the jackknife.
_MOST_REFITS = 100


@dataclass(frozen=True)
class Draws:
    """Refits of the resampled runs: params [draws, parameters] in natural units.

    `below` and `above` [draws, parameters] mark the draws that put no limit on a parameter on that side,
    `undetermined` [draws] those with fewer distinct points than parameters. `units` [points] are what was
    resampled.
    """

    params: np.ndarray
    below: np.ndarray
    above: np.ndarray
    undetermined: np.ndarray
    units: np.ndarray


def draw_refits(
    data: "Data", minima: "Minima", draws: int, seed: int, resampling: "Resampling" = "run"
) -> Draws:
    """Refits of `draws` resamples of `data`, each from the best of its minima."""
    starts = minima.params[:_STARTS]
    if resampling == "noise":
        targets = simulated(data, starts[0], draws, seed)
        return refit(data, np.ones((draws, data.points)), starts, targets)
    units = np.arange(data.points) if resampling == "point" else data.runs
    weights = data.chosen(resample(units, draws, seed))
    return replace(refit(data, weights, starts), units=units)


def resample(runs: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """How often the run of each row [rows] was drawn, of as many draws as there are runs: [draws, rows]."""
    names, index = np.unique(runs, return_inverse=True)
    chosen = np.random.default_rng(seed).multinomial(
        len(names), np.full(len(names), 1 / len(names)), size=draws
    )
    return chosen[:, index].astype(np.float64)


def refit(data: "Data", weights: np.ndarray, starts: np.ndarray, target: np.ndarray | None = None) -> Draws:
    """Fit under each row of `weights` [draws, points] from each of `starts`, keeping the best.

    `target` [draws, points] replaces the measured ones.
    """
    each = len(starts)
    lanes = np.tile(starts, (len(weights), 1))
    targets = None if target is None else np.repeat(np.broadcast_to(target, weights.shape), each, 0)
    solution = data.solve(lanes, np.repeat(weights, each, 0), targets, with_sensitivity=True)
    best = np.argmin(solution.objective.reshape(-1, each), axis=1) + each * np.arange(len(weights))
    params = solution.params[best]
    felt = solution.sensitivity[best] > NEGLIGIBLE_SENSITIVITY * np.median(data.scale)
    below, above = _runaway(data.law.parameters, params, felt)
    undetermined = _undetermined(data, weights)
    lost = ~felt | undetermined[:, None] | ~np.isfinite(params)
    units = data.runs if data.n_runs > 1 else np.arange(data.points)
    return Draws(params, below | lost, above | lost, undetermined, units)


def _runaway(
    parameters: "tuple[Parameter, ...]", params: np.ndarray, felt: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Which parameters end on a bound, below and above.

    If the points feel a parameter that a limit of the search stopped, the others owe their values to that
    limit, and the draw limits none of them.
    """
    columns = list(zip(parameters, params.T, strict=True))
    at_lower, at_upper = np.array([at_bounds(*column) for column in columns]).transpose(1, 2, 0)
    ended = np.array([at_search_limit(*column) for column in columns]).T
    lost = (ended & felt).any(axis=1, keepdims=True)
    return at_lower | lost, at_upper | lost


def _undetermined(data: "Data", weights: np.ndarray) -> np.ndarray:
    """Draws with fewer distinct points than parameters: an exact fit, and no information."""
    rows = np.stack(list(data.inputs.values()), axis=1)
    _, place = np.unique(rows, axis=0, return_inverse=True)
    order = np.argsort(place.reshape(-1), kind="stable")
    firsts = np.flatnonzero(np.diff(place.reshape(-1)[order], prepend=-1))
    present = np.maximum.reduceat(weights[:, order], firsts, axis=1) > 0
    return present.sum(axis=1) < len(data.law.parameters)


def jackknife(data: "Data", params: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Refits without each unit (or, of more than 100, each of 100 groups of them): [refits, parameters]."""
    names, index = np.unique(units, return_inverse=True)
    group = index % min(len(names), _MOST_REFITS)
    weights = data.chosen(1.0 - (group == np.arange(group.max() + 1)[:, None]))
    return data.solve(np.tile(params, (len(weights), 1)), weights).params
