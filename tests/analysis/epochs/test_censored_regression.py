"""The censored line against the likelihood maximised directly, and against SciPy's fit of censored data."""

import numpy as np
import pytest
import scipy
from hypothesis import given, settings
from hypothesis import strategies as st

from quarry.analysis.epochs.censored_regression import Censored, tobit
from quarry.analysis.epochs.first_reached import first_below


def sample(seed, cut):
    random = np.random.default_rng(seed)
    design = np.stack([np.ones(40), random.standard_normal(40)], axis=1)
    true = design @ [1.0, -0.5] + 0.3 * random.standard_normal(40)
    low = np.where(true > cut, cut, np.where(true < 0.2, -np.inf, true))
    high = np.where(true > cut, np.inf, np.where(true < 0.2, 0.2, true))
    return design, Censored(low[None], high[None])


def likelihood(parameters, design, values):
    mean, deviation = design @ parameters[:2], np.exp(parameters[2])
    low, high = values.low[0], values.high[0]
    terms = np.where(
        values.known[0],
        scipy.stats.norm.logpdf(np.where(values.known[0], low, 0.0), mean, deviation),
        np.where(
            np.isinf(high),
            scipy.stats.norm.logsf(low, mean, deviation),
            scipy.stats.norm.logcdf(high, mean, deviation),
        ),
    )
    return -terms.sum()


@pytest.mark.slow
@settings(max_examples=20)
@given(seed=st.integers(0, 1000), cut=st.floats(0.9, 2.0))
def test_it_maximises_the_likelihood(seed, cut):
    design, values = sample(seed, cut)
    line, deviation = tobit(design, values, np.ones((1, len(design))))
    found = np.array([*line[0], np.log(deviation[0])])
    best = scipy.optimize.minimize(likelihood, found + 0.05, args=(design, values))
    assert likelihood(found, design, values) <= best.fun + 1e-4


def test_a_mean_alone_is_scipys_fit_of_censored_data():
    _, values = sample(3, 1.2)
    line, deviation = tobit(np.ones((40, 1)), values, np.ones((1, 40)))
    low, high = values.low[0], values.high[0]
    known, right = values.known[0], np.isinf(high)
    data = scipy.stats.CensoredData(low[known], right=low[right], left=high[~known & ~right])
    assert np.allclose((line[0, 0], deviation[0]), scipy.stats.norm.fit(data), atol=2e-3)


def test_draws_that_cannot_bear_a_line_have_none():
    design, values = sample(0, 1.2)
    nothing = Censored(np.full_like(values.low, 0.1), np.full_like(values.low, np.inf))
    both = Censored(np.vstack([values.low, nothing.low]), np.vstack([values.high, nothing.high]))
    line, deviation = tobit(design, both, np.ones((2, 40)))
    assert np.isfinite(line[0]).all()
    assert np.isnan(line[1]).all()
    assert np.isnan(deviation[1])


def test_a_weight_of_two_is_the_unit_twice():
    design, values = sample(1, 1.2)
    weights = np.ones((1, 40))
    weights[0, :5] = 2
    twice = np.r_[np.arange(40), np.arange(5)]
    once = tobit(design, values, weights)[0]
    again = tobit(design[twice], values.at((slice(None), twice)), np.ones((1, 45)))[0]
    assert np.allclose(once, again, atol=1e-4)


def test_first_below_interpolates_and_bounds():
    x = np.array([1.0, 2.0, 4.0, 8.0])
    losses = np.array([[3.0, 2.0, np.nan, 1.0], [3.0, 2.5, 2.4, 2.4], [1.0, 1.0, 1.0, 1.0], [np.nan] * 4])
    found = first_below(x, losses, np.array([1.5, 2.0, 1.5, 2.0]))
    assert np.isclose(found.low[0], np.log(4.0))
    assert found.high[0] == found.low[0]
    assert (found.low[1], found.high[1]) == (np.log(8.0), np.inf)
    assert (found.low[2], found.high[2]) == (-np.inf, 0.0)
    assert np.isnan(found.low[3])
