"""Do 95% intervals hold the truth 95% of the time, and do they say when they cannot?"""

import math

import numpy as np
import pytest

from analysis.laws import KAPLAN_N
from analysis.solver import solve
from analysis.uncertainty import (
    Draws,
    bootstrap,
    parameter_intervals,
    resample,
    widening_factor,
)
from tests.analysis.designs import DESIGNS, KAPLAN

REPEATS, DRAWS, LEVEL = 200, 250, 0.95


@pytest.mark.parametrize("name", DESIGNS)
def test_intervals_cover_the_truth(name):
    design = DESIGNS[name]
    log_loss = design.log_losses(REPEATS, seed=1)
    points = log_loss.shape[1]
    start = np.array([design.true]) * 1.02
    estimates = solve(
        design.law, np.repeat(start, REPEATS, 0), design.inputs, log_loss, np.ones(points)
    ).params
    weights = resample(np.arange(points), REPEATS * DRAWS, seed=2)
    draws = bootstrap(design.law, design.inputs, np.repeat(log_loss, DRAWS, 0), weights, start, 1e-3)
    covered = np.mean([_covered(design, estimates, draws, i) for i in range(REPEATS)], axis=0)
    print(name, dict(zip(design.law.parameter_names, covered, strict=True)))
    assert (covered >= 0.90).all(), covered
    assert (covered <= 0.99).all(), covered


def _covered(design, estimates, draws, i):
    mine = slice(i * DRAWS, (i + 1) * DRAWS)
    own = Draws(draws.params[mine], draws.below[mine], draws.above[mine])
    widening = widening_factor(len(design.inputs["N"]), LEVEL)
    intervals = parameter_intervals(design.law, estimates[i], own, LEVEL, widening).values()
    pairs = zip(intervals, design.true, strict=True)
    return [(-np.inf if low is None else low) <= true <= (high or np.inf) for (low, high), true in pairs]


def test_a_runs_rows_are_drawn_together():
    weights = resample(np.array(["b", "a", "b", "c"]), 500, seed=0)
    assert (weights[:, 0] == weights[:, 2]).all()
    assert (weights[:, [0, 1, 3]].sum(axis=1) == 3).all()
    np.testing.assert_array_equal(weights, resample(np.array(["b", "a", "b", "c"]), 500, seed=0))
    assert (weights != resample(np.array(["b", "a", "b", "c"]), 500, seed=1)).any()


def test_widening_vanishes_with_many_runs():
    assert widening_factor(5, 0.95) == pytest.approx(math.sqrt(5 / 4) * 2.776445 / 1.959964, rel=1e-6)
    assert 1 < widening_factor(3000, 0.95) < 1.001


def test_draws_with_fewer_distinct_points_than_parameters_limit_nothing():
    weights = np.zeros((2, 40))
    weights[0, [0, 10, 20]] = 1  # the same size three times
    weights[1, [0, 1]] = 1
    draws = bootstrap(
        KAPLAN_N, KAPLAN.inputs, KAPLAN.log_losses(1)[0], weights, np.array([KAPLAN.true]), 1e-3
    )
    np.testing.assert_array_equal(draws.below, [[True, True], [False, False]])
    np.testing.assert_array_equal(draws.above, draws.below)


def _kaplan_interval(values, below=None):
    params = np.stack([np.full(len(values), 8.8e13), values], axis=1)
    marks = np.zeros(params.shape, bool)
    if below is not None:
        marks[:, 1] = below
    estimate = np.array([8.8e13, 0.076])
    return parameter_intervals(KAPLAN_N, estimate, Draws(params, marks, np.zeros_like(marks)), LEVEL, 1.5)[
        "alpha_N"
    ]


def test_a_side_is_open_once_more_than_the_tail_of_the_draws_is_unlimited():
    values = np.linspace(0.07, 0.08, 1001)
    closed = _kaplan_interval(values, below=np.arange(1001) < 20)
    opened = _kaplan_interval(values, below=np.arange(1001) < 30)
    assert closed[0] is not None
    assert opened[0] is None
    assert opened[1] == closed[1]


def test_an_end_that_widens_beyond_the_bounds_is_open():
    assert _kaplan_interval(np.linspace(0.01, 0.08, 1001))[0] is None  # .076 - 1.5 * (.076 - .01175) < 0
