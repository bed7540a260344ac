"""The seed noise of a fit: how far repeats of one run lie apart, and data simulated with it."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from quarry.analysis.fitting.search import Data

# With fewer differences between repeated runs these do not measure the noise.
_FEWEST_REPLICATES = 3

# The standard deviation of a normal distribution over its median absolute value.
_NORMAL_OVER_MEDIAN = 1.4826

# The efficiency of that estimate: its degrees of freedom over those of the root mean square (Rousseeuw and
# Croux 1993, table 1, 36.7%).
_OF_MEDIAN = 0.37


def simulated(data: "Data", params: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """Targets [draws, points]: the law at `params` with noise that a run's rows share, and each row's own."""
    names, index = np.unique(data.runs, return_inverse=True)
    shared, own = noise_parts(data, params)
    rng = np.random.default_rng(seed)
    noise = shared * rng.standard_normal((draws, len(names)))[:, index]
    noise += own * rng.standard_normal((draws, data.points))
    return data.predicted(params) + noise / data.scale


def noise_parts(data: "Data", params: np.ndarray) -> tuple[float, float]:
    """Standard deviations of scaled residuals: of the part that a run's rows share, and of each row's own."""
    if data.n_runs == data.points:
        return seed_noise(data, params), 0.0
    residuals = data.residuals(params)
    _, index, rows = np.unique(data.runs, return_inverse=True, return_counts=True)
    means, several = np.bincount(index, residuals) / rows, rows[index] > 1
    own = _spread((residuals - means[index])[several] / np.sqrt(1 - 1 / rows[index][several]), 0)
    shared = _spread(means, data.fitted) ** 2 - own**2 * float(np.mean(1 / rows))
    return math.sqrt(max(0.0, shared)), own


def relative_noise(data: "Data", params: np.ndarray) -> float:
    """The standard deviation of the logarithm of the response between repeats of one run."""
    return seed_noise(data, params) * _to_logarithm(data)


@dataclass(frozen=True)
class RunScatter:
    """The standard deviation of log response of a new run about the law, and how well that is known.

    `freedom` are the degrees of freedom of the Student distribution that the run's error over `sd` follows.
    """

    sd: float
    freedom: float = math.inf


def run_scatter(data: "Data", params: np.ndarray) -> RunScatter:
    """The scatter of a new run about the law, within its range.

    That between repeats, and never less than that of the residuals: where the law misfits, repeats agree with
    one another and not with it.
    """
    left = RunScatter(
        _spread(data.residuals(params), data.fitted) * _to_logarithm(data),
        max(1.0, _OF_MEDIAN * (data.points - data.fitted)),
    )
    between = RunScatter(relative_noise(data, params), _replicate_freedom(data) or left.freedom)
    return max(left, between, key=lambda one: one.sd)


def _to_logarithm(data: "Data") -> float:
    """What turns a scaled residual into one of the logarithm of the response."""
    relative = (
        1.0 if data.objective.logarithmic else float(np.median(1 / data.objective.response(data.target)))
    )
    return relative / float(np.median(data.scale))


def seed_noise(data: "Data", params: np.ndarray) -> float:
    """The standard deviation of scaled residuals between repeats, or around the law if there are none.

    Runs with the same inputs and settings differ by their seeds alone. With fewer than three such differences
    the median absolute residual is read as that of a normal distribution; where losses above the law count
    less, as those of badly tuned runs, that of the losses below it.
    """
    group, sizes = _replicates(data)
    if freedom := _replicate_freedom(data):
        means = np.bincount(group, data.scale * data.target) / sizes
        return math.sqrt(float(np.sum((data.scale * data.target - means[group]) ** 2)) / freedom)
    residuals = data.residuals(params)
    below = residuals[residuals > 0] if data.objective.above < 1 else residuals
    return _spread(below if len(below) > data.fitted else residuals, data.fitted)


def _replicates(data: "Data") -> tuple[np.ndarray, np.ndarray]:
    """Which rows differ by their seeds alone, by number [points], and how many are alike [groups]."""
    recipe = [] if data.recipe is None else [data.recipe]
    inputs = np.stack([*data.inputs.values(), *recipe], axis=1)
    _, group, sizes = np.unique(inputs, axis=0, return_inverse=True, return_counts=True)
    return group.reshape(-1), sizes


def _replicate_freedom(data: "Data") -> int:
    """The differences between repeated runs, 0 where they are too few to measure the noise."""
    freedom = data.points - len(_replicates(data)[1])
    return freedom if freedom >= _FEWEST_REPLICATES and data.n_runs == data.points else 0


def _spread(residuals: np.ndarray, fitted: int) -> float:
    """The standard deviation of a normal distribution with this median absolute residual.

    As many of the smallest are left out as parameters were `fitted`: a robust fit passes through so many.
    """
    rest = np.sort(np.abs(residuals))[min(fitted, len(residuals) - 1) :]
    return _NORMAL_OVER_MEDIAN * float(np.median(rest))
