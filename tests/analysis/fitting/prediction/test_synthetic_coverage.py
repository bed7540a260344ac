"""Intervals hold new runs of known laws, inside and beyond the ladder; and the truths are what they say."""

import numpy as np
import pytest

from tests.analysis.quick import QUICK
from tests.benchmarks.coverage.synthetic import FACTORS, ladder, places_ahead
from tests.benchmarks.coverage.truths import DESIGNS, TRUTHS

REPEATS = 2


@pytest.mark.slow
def test_intervals_hold_new_runs_of_the_law_that_is_fitted():
    rows = [
        row for repeat in range(REPEATS) for row in ladder("chinchilla", "grid", repeat, QUICK, draws=100)
    ]
    assert [row["factor"] for row in rows] == REPEATS * list(FACTORS)
    assert sum(row["inside_95%"] for row in rows) >= len(rows) - 1
    assert all(0 < row["width_80%"] < row["width_95%"] < 0.5 for row in rows)


@pytest.mark.parametrize("design", DESIGNS)
def test_places_grow_in_compute_from_inside_the_ladder(design):
    places = DESIGNS[design]()
    ahead = places_ahead(places, design, np.random.default_rng(0))
    assert places.compute.min() < ahead.compute[0] < places.compute.max()
    assert ahead.compute[1:] == pytest.approx(places.compute.max() * np.array(FACTORS[1:]))
    assert np.ptp((ahead.E / ahead.N)[1:]) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("truth", TRUTHS)
def test_truths_are_losses_near_published_ones(truth):
    for seed in range(20):
        places = DESIGNS["grid"]()
        loss = TRUTHS[truth](np.random.default_rng(seed), places)
        near, large = loss(np.array([1e8, 1e30]), np.array([2e9, 1e31]))
        assert 2.0 < near < 4.5
        assert 1.2 <= large < 2.0 * (1 + 0.003 * 50**2)
        assert (loss(places.N, places.E) > loss(10 * places.N, 10 * places.E)).all()
