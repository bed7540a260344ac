"""Fits without some rows, their errors on these rows, and the gap between the errors of two laws."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from quarry.analysis.fitting.bootstrap import refit, resample
from quarry.checks import FEWEST_DRAWS
from quarry.errors import FitError

if TYPE_CHECKING:
    from quarry.analysis.fitting.result import Fit
    from quarry.analysis.fitting.search import Data

FEWEST_RUNS = 5
"""With fewer runs held out, resamples of them say nothing of noise."""

BETTER_PROBABILITY = 0.95
"""A law predicts better than another if that is at least this probable."""


def check_draws(draws: int) -> None:
    """Raise FitError for fewer refits than a probability needs."""
    if draws < FEWEST_DRAWS:
        raise FitError(f"bootstrap={draws}: a probability needs at least {FEWEST_DRAWS} draws")


@dataclass(frozen=True)
class Gap:
    """How much larger one law's mean error is than another's, with its interval and the probability of > 0.

    Interval and probability are None where too few runs are held out.
    """

    difference: float
    low: float | None
    high: float | None
    probability: float | None


def measure_gap(differences: np.ndarray, runs: np.ndarray, seed: int, level: float = 0.95) -> Gap:
    """The gap from differences of errors [1 + draws, rows]: as measured, then by the refits of each draw.

    Each draw also resamples the `runs` [rows] held out.
    """
    difference = float(differences[0].mean())
    if len(np.unique(runs)) < FEWEST_RUNS:
        return Gap(difference, None, None, None)
    weights = resample(runs, len(differences) - 1, seed + 1)
    drawn = (weights * differences[1:]).sum(axis=1) / weights.sum(axis=1)
    with np.errstate(all="ignore"):  # an error may be infinite
        low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    probability = np.mean(drawn > 0) + np.mean(drawn == 0) / 2
    return Gap(difference, float(low), float(high), float(probability))


def refits_without(fitted: "Fit", out: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """Parameters of a fit without the rows `out`, then of its bootstrap's refits: [1 + draws, parameters]."""
    data = fitted.data.rows(~out)
    params = fitted.data.refit(fitted.minima, ~out)
    starts = np.stack([params, fitted.minima.params[0]])
    drawn = refit(data, resample(data.runs, draws, seed), starts).params
    return np.stack([params, *drawn])


def relative_errors(data: "Data", params: np.ndarray) -> np.ndarray:
    """predicted / measured - 1 of the response [points]."""
    return data.objective.response(data.predicted(params)) / data.objective.response(data.target) - 1


def distinct_points(data: "Data", rows: np.ndarray) -> int:
    """How many distinct inputs the `rows` have."""
    return len(np.unique(np.stack([values[rows] for values in data.inputs.values()], axis=1), axis=0))
