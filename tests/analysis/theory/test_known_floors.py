"""Regression whose floor is known: the posterior mean, and the line where one pass is enough."""

import dataclasses

import numpy as np
import pytest

from quarry.analysis.theory.features import Features, _drawn, _inputs
from quarry.analysis.theory.simulated import EASY, HARD

SMALL = Features(dimension=40, most=40)


def test_the_floor_is_ridge_regression_with_the_prior_as_weights():
    """Ridge through the kernel of the samples, the other side of the same equation."""
    x, y = (samples[:15] for samples in _inputs(SMALL, 4096, 0))
    prior = np.arange(1, 41) ** -SMALL.b
    mean = prior * (x.T @ np.linalg.solve((x * prior) @ x.T + SMALL.noise**2 * np.eye(15), y))
    miss = mean - _drawn(SMALL, 0)[0]
    assert SMALL.floor(15) == pytest.approx(SMALL.L_inf + miss @ miss / 2, rel=1e-9)


def test_the_floor_averages_to_the_expected_one_and_no_run_is_lower():
    floors, expected = (
        [getattr(SMALL, name)(50, seed) for seed in range(40)] for name in ("floor", "expected_floor")
    )
    gap = np.subtract(floors, expected)
    assert abs(gap.mean()) < 3 * gap.std() / np.sqrt(40)
    runs = [min(SMALL.descent(40, 50, np.array([1, 4, 16, 64]), seed)) for seed in range(40)]
    assert np.mean(runs) > np.mean(floors)


def test_the_best_of_several_rates_is_chosen_for_each_run():
    tuned = dataclasses.replace(SMALL, rates=(0.3, 0.1))
    one = [dataclasses.replace(SMALL, rate=rate).loss(40, 50, 4) for rate in tuned.rates]
    assert tuned.loss(40, 50, 4) == min(one)
    assert dataclasses.replace(SMALL, rates=(9.0, 0.1)).loss(40, 50, 4) == one[1]
    with pytest.raises(ValueError, match="must be positive"):
        dataclasses.replace(SMALL, rates=(0.3, 0.0))


@pytest.mark.parametrize(("ladder", "enough"), [(EASY, True), (HARD, False)])
def test_one_pass_is_enough_only_on_one_side_of_the_line(ladder, enough):
    floor, (once, often) = ladder.model.floor(256), ladder.model.descent(256, 256, np.array([1, 32]))
    assert (once - floor < 0.05 * floor) == enough
    assert (once - often < 0.02 * floor) == enough


def test_a_ladder_of_known_floor_says_so_in_its_points():
    small = dataclasses.replace(HARD, sizes=(32,), unique=(64,), epochs=(1, 2), seeds=(1,), fresh=1)
    points = small.points()
    assert points["floor"].to_list() == [HARD.model.floor(u, 1) for u in points["U"]]
    assert points["entropy_rate"].unique().to_list() == [0.1]
