"""Do 95% intervals hold the truth 95% of the time, and do they say when they cannot?"""

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from quarry.analysis.fitting.bootstrap import Draws, refit, resample
from quarry.analysis.fitting.estimation import fit
from quarry.analysis.fitting.fit_intervals import FitIntervals, bca_quantile
from quarry.analysis.fitting.intervals import IntervalSettings, reach
from quarry.analysis.fitting.noise import noise_parts, seed_noise, simulated
from quarry.analysis.fitting.prediction.band import widened
from tests.analysis.coverage import fewest_held
from tests.analysis.designs import DESIGNS, KAPLAN, OFFSET
from tests.benchmarks.intervals import LEVEL, NOISES, bca, data_of, percentile, simulated_noise
from tests.conftest import ROOT

MEASURED = ROOT / "experiments" / "results" / "fitting" / "intervals.csv"


def holds_the_truth(found):
    """In as many of the few repeats as chance allows, and by intervals about as wide as the scatter."""
    for one in found:
        assert one.repeats * one.covered >= fewest_held(one.repeats) - 1e-9, one
        assert 0.6 < one.width < 1.8, one


@pytest.mark.slow
@pytest.mark.parametrize("name", DESIGNS)
def test_intervals_cover_the_truth(name):
    """Every parameter and derived quantity, runs resampled, seed noise shared by the rows of a run."""
    holds_the_truth(percentile(DESIGNS[name], repeats=32, draws=40))


@pytest.mark.slow
def test_bca_intervals_cover_the_truth():
    holds_the_truth(bca(repeats=32, draws=200))


@pytest.mark.slow
@pytest.mark.parametrize("noises", NOISES.values(), ids=NOISES)
def test_simulated_noise_covers_the_truth_on_few_runs_with_checkpoints(noises):
    holds_the_truth(simulated_noise(noises, repeats=32, draws=100))


def test_the_committed_study_found_nominal_coverage():
    """`python -m tests.benchmarks.intervals`, 100 or 200 repeats: neither too few nor all."""
    table = pl.read_csv(MEASURED)
    assert set(table.filter(study="percentile")["law"]) == set(DESIGNS)
    assert set(table["study"]) == {"percentile", "bca", *NOISES}
    least = pl.when(study="bca").then(0.88).otherwise(0.90)
    assert table.filter((pl.col("covered") < least) | (pl.col("covered") > 0.99)).is_empty()


def test_bca_of_symmetric_draws_is_their_percentile():
    draws = np.linspace(-1, 1, 2001)
    assert bca_quantile(draws, 0.0, 0.975, np.array([-1.0, 0.0, 1.0])) == pytest.approx(0.95, abs=2e-3)
    skewed = bca_quantile(draws, 0.0, 0.975, np.array([-3.0, 1.0, 1.0, 1.0]))
    assert skewed > 0.96  # removing one run lowers the estimate: the truth may lie further above


def test_a_runs_rows_are_drawn_together():
    weights = resample(np.array(["b", "a", "b", "c"]), 500, seed=0)
    assert (weights[:, 0] == weights[:, 2]).all()
    assert (weights[:, [0, 1, 3]].sum(axis=1) == 3).all()
    np.testing.assert_array_equal(weights, resample(np.array(["b", "a", "b", "c"]), 500, seed=0))
    assert (weights != resample(np.array(["b", "a", "b", "c"]), 500, seed=1)).any()


def test_widening_vanishes_with_many_runs():
    assert IntervalSettings.of_runs(0.95, 5).widening == pytest.approx(
        math.sqrt(5 / 4) * 2.776445 / 1.959964, rel=1e-6
    )
    assert 1 < IntervalSettings.of_runs(0.95, 3000).widening < 1.001


def test_draws_with_fewer_distinct_points_than_parameters_limit_nothing():
    weights = np.zeros((2, 80))
    weights[0, [0, 1, 2]] = 1  # the same size three times
    weights[1, [0, 8]] = 1
    draws = refit(data_of(KAPLAN, KAPLAN.log_losses(1)[0]), weights, np.array([KAPLAN.true]))
    np.testing.assert_array_equal(draws.below, [[True, True], [False, False]])
    np.testing.assert_array_equal(draws.above, draws.below)


def test_seed_noise_is_that_between_runs_alike():
    single = replace(OFFSET, runs=np.arange(80), run_noise=0.0, noise=0.004)
    target = single.log_losses(1, seed=3)[0]
    wrong = np.array([2.0, 1e6, 0.3])  # what the law says does not matter where runs are alike
    assert seed_noise(data_of(single, target), wrong) == pytest.approx(0.004, rel=0.15)
    alone = replace(single, inputs={"N": np.geomspace(1e4, 1e8, 80)})
    target = alone.log_losses(1, seed=3)[0]
    assert seed_noise(data_of(alone, target), np.array(alone.true)) == pytest.approx(0.004, rel=0.25)


@pytest.mark.parametrize("noises", [(0.003, 0.001), (0.001, 0.003)])
def test_noise_is_parted_into_that_of_runs_and_of_their_rows(noises):
    design, true = replace(OFFSET, run_noise=noises[0], noise=noises[1]), np.array(OFFSET.true)
    parts = np.array([noise_parts(data_of(design, target), true) for target in design.log_losses(40, seed=3)])
    np.testing.assert_allclose(np.sqrt(np.mean(parts**2, axis=0)), noises, atol=7e-4)


def test_simulated_noise_has_both_parts():
    """Two rows a run: what they share has the variance of their covariance."""
    data = data_of(OFFSET, OFFSET.log_losses(1, seed=3)[0])
    parts = noise_parts(data, np.array(OFFSET.true))
    drawn = simulated(data, np.array(OFFSET.true), 2000, seed=0) - np.log(OFFSET.exact())
    shared = np.mean(drawn[:, ::2] * drawn[:, 1::2])
    np.testing.assert_allclose(np.sqrt([shared, drawn.var() - shared]), parts, rtol=0.05)


def _kaplan_interval(values, below=None):
    params = np.stack([np.full(len(values), 8.8e13), values], axis=1)
    marks = np.zeros(params.shape, bool)
    if below is not None:
        marks[:, 1] = below
    data = data_of(replace(KAPLAN, inputs={"N": np.ones(8)}, runs=np.arange(8)), np.zeros(8))
    draws = Draws(params, marks, np.zeros_like(marks), marks[:, 1], data.runs)
    return FitIntervals(data, np.array([8.8e13, 0.076]), draws, LEVEL, "percentile").parameter(1)


def test_a_side_is_open_once_more_than_the_tail_of_the_draws_is_unlimited():
    values = np.linspace(0.07, 0.08, 1001)
    closed = _kaplan_interval(values, below=np.arange(1001) < 20)
    opened = _kaplan_interval(values, below=np.arange(1001) < 30)
    assert closed[0] is not None
    assert opened[0] is None
    assert opened[1] == closed[1]


def test_an_end_that_widens_beyond_the_bounds_is_open():
    assert _kaplan_interval(np.linspace(0.01, 0.08, 1001))[0] is None  # .076 - 1.29 * (.076 - .01175) < 0


def test_a_band_is_open_where_draws_have_no_loss_and_wider_for_a_new_run():
    losses, middle = np.linspace(2.9, 3.1, 401)[:, None] * np.ones(2), np.array([3.0, 3.0])
    losses[:20, 1] = np.nan
    sides = reach(losses, middle, IntervalSettings(LEVEL))
    low, high = widened(middle, sides, LEVEL, 0.0, None, np.zeros(2))
    assert 2.9 < low[0] < 3.0 < high[0] < 3.1
    assert (low[1], high[1]) == (0.0, np.inf)
    new_low, new_high = widened(middle, sides, LEVEL, 0.05, None, np.zeros(2))
    assert new_low[0] < low[0] < high[0] < new_high[0]
    assert math.log(3.0 / new_low[0]) == pytest.approx(math.hypot(math.log(3.0 / low[0]), 1.959964 * 0.05))


def test_simulated_noise_gives_one_run_an_interval():
    tokens = np.geomspace(1e5, 1e8, 8)
    losses = 1 + (1e4 / tokens) ** 0.3 * (1 + 0.001 * (-1.0) ** np.arange(8))
    run = pl.DataFrame({"run": ["one"] * 8, "N": [1e5] * 8, "E": tokens, "loss": losses})
    low, high = fit(run, "power-offset", x="E", resampling="noise", bootstrap=100).interval["alpha"]
    assert low < 0.3 < high
