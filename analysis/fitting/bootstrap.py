"""What the data could have been: resampled runs or simulated noise, every draw refitted.

Evaluations of one run share its seed and data order, so by default the run is resampled, not the row; rows
(`point`) and simulated seed noise around the fitted law (`noise`) are the other ways.
`quarry.analysis.fitting.intervals`
reads the draws.
"""

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from quarry.analysis.fitting.coordinates import UNFELT, at_bounds, stopped
from quarry.analysis.fitting.search import Data, Minima
from quarry.analysis.laws.law import Parameter

Resampling = Literal["run", "point", "noise"]
"""What a draw of the bootstrap varies: which runs, which rows, or the seed noise around the fitted law."""

# Draws start from this many minima; more than _JACKKNIFE runs are left out in groups; with _REPLICATES
# differences between runs alike these measure the seed noise.
_STARTS, _JACKKNIFE, _REPLICATES = 3, 100, 3


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


def draw(data: Data, minima: Minima, draws: int, seed: int, resampling: Resampling) -> Draws:
    """Refits of `draws` resamples of `data`, from the best of its minima."""
    starts = minima.params[:_STARTS]
    if resampling == "noise":
        return bootstrap(data, np.ones((draws, data.points)), starts, simulated(data, starts[0], draws, seed))
    units = np.arange(data.points) if resampling == "point" else data.runs
    weights = data.chosen(resample(units, draws, seed))
    return replace(bootstrap(data, weights, starts), units=units)


def resample(runs: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """Weights of the rows, [draws, rows]: how often the row's run was drawn, of as many runs as there are."""
    names, index = np.unique(runs, return_inverse=True)
    chosen = np.random.default_rng(seed).multinomial(
        len(names), np.full(len(names), 1 / len(names)), size=draws
    )
    return chosen[:, index].astype(np.float64)


def simulated(data: Data, params: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """Targets [draws, points]: the law at `params` with noise that a run's rows share, and each row's own."""
    names, index = np.unique(data.runs, return_inverse=True)
    shared, own = noise_parts(data, params)
    rng = np.random.default_rng(seed)
    noise = shared * rng.standard_normal((draws, len(names)))[:, index]
    noise += own * rng.standard_normal((draws, data.points))
    return data.predicted(params) + noise / data.scale


def noise_parts(data: Data, params: np.ndarray) -> tuple[float, float]:
    """Standard deviations of the scaled residuals: of what the rows of a run share, and of each row's own."""
    if data.n_runs == data.points:
        return seed_noise(data, params), 0.0
    residuals = data.residuals(params)
    _, index, rows = np.unique(data.runs, return_inverse=True, return_counts=True)
    means, several = np.bincount(index, residuals) / rows, rows[index] > 1
    own = _spread((residuals - means[index])[several] / np.sqrt(1 - 1 / rows[index][several]), 0)
    shared = _spread(means, len(params)) ** 2 - own**2 * float(np.mean(1 / rows))
    return math.sqrt(max(0.0, shared)), own


def _spread(residuals: np.ndarray, fitted: int) -> float:
    """The standard deviation of a normal distribution with this median absolute residual (1.4826 of it).

    As many of the smallest are left out as parameters were `fitted`: a robust fit goes through so many.
    """
    return 1.4826 * float(np.median(np.sort(np.abs(residuals))[min(fitted, len(residuals) - 1) :]))


def seed_noise(data: Data, params: np.ndarray) -> float:
    """The standard deviation of scaled residuals between runs alike, or around the law if none are alike.

    Runs with the same inputs differ by their seeds alone; with fewer than three such differences the median
    absolute residual is read as that of a normal distribution.
    """
    inputs = np.stack(list(data.inputs.values()), axis=1)
    _, group, sizes = np.unique(inputs, axis=0, return_inverse=True, return_counts=True)
    group = group.reshape(-1)
    freedom = data.points - len(sizes)
    if freedom >= _REPLICATES and data.n_runs == data.points:
        means = np.bincount(group, data.scale * data.target) / sizes
        return math.sqrt(float(np.sum((data.scale * data.target - means[group]) ** 2)) / freedom)
    return _spread(data.residuals(params), len(params))


def bootstrap(data: Data, weights: np.ndarray, starts: np.ndarray, target: np.ndarray | None = None) -> Draws:
    """Refit under each row of `weights` [draws, points] from each of `starts`, keeping the best.

    `target` [draws, points] takes the place of the measured ones.
    """
    each = len(starts)
    lanes = np.tile(starts, (len(weights), 1))
    targets = None if target is None else np.repeat(np.broadcast_to(target, weights.shape), each, 0)
    solution = data.solve(lanes, np.repeat(weights, each, 0), targets)
    best = np.argmin(solution.objective.reshape(-1, each), axis=1) + each * np.arange(len(weights))
    params, felt = solution.params[best], solution.sensitivity[best] > UNFELT * np.median(data.scale)
    below, above = _runaway(data.law.parameters, params, felt)
    undetermined = _undetermined(data, weights)
    lost = ~felt | undetermined[:, None] | ~np.isfinite(params)
    return Draws(params, below | lost, above | lost, undetermined, data.runs)


def _runaway(
    parameters: tuple[Parameter, ...], params: np.ndarray, felt: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Which parameters end on a bound, below and above.

    If the points feel a parameter that a limit of the search stopped, the others are what that limit made
    them, and the draw limits none of them.
    """
    columns = list(zip(parameters, params.T, strict=True))
    at_lower, at_upper = np.array([at_bounds(*column) for column in columns]).transpose(1, 2, 0)
    ended = np.array([stopped(*column) for column in columns]).T
    lost = (ended & felt).any(axis=1, keepdims=True)
    return at_lower | lost, at_upper | lost


def _undetermined(data: Data, weights: np.ndarray) -> np.ndarray:
    """Draws with fewer distinct points than parameters: an exact fit, and no information."""
    rows = np.stack(list(data.inputs.values()), axis=1)
    _, place = np.unique(rows, axis=0, return_inverse=True)
    order = np.argsort(place.reshape(-1), kind="stable")
    firsts = np.flatnonzero(np.diff(place.reshape(-1)[order], prepend=-1))
    present = np.maximum.reduceat(weights[:, order], firsts, axis=1) > 0
    return present.sum(axis=1) < len(data.law.parameters)


def jackknife(data: Data, params: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Refits without each unit (or, of more than 100, each of 100 groups of them): [refits, parameters]."""
    names, index = np.unique(units, return_inverse=True)
    group = index % min(len(names), _JACKKNIFE)
    weights = data.chosen(1.0 - (group == np.arange(group.max() + 1)[:, None]))
    return data.solve(np.tile(params, (len(weights), 1)), weights).params
