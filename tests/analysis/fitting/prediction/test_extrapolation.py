"""The misfit beyond the fitted range: its posterior, its quantiles, and what backtests may see."""

import numpy as np
import polars as pl
import pytest
from scipy.stats import norm

from quarry import fit
from quarry.analysis.fitting.prediction.backtests import Backtests
from quarry.analysis.fitting.prediction.distance import distance, fitted_ranges
from quarry.analysis.fitting.prediction.extrapolation import measure_extrapolation, mixture_quantile
from quarry.analysis.fitting.prediction.prior import Prior, prior_of
from quarry.analysis.fitting.prediction.rolling_origin import backtest
from quarry.analysis.fitting.prediction.scores import interval_score
from quarry.analysis.laws.catalog import LAWS, find_law
from tests.analysis.designs import GRID
from tests.analysis.quick import QUICK

DECADE = np.log(10)
PRIOR = Prior(median=0.01, spread=1.0, growth=1.0)
CUTS, ROWS = 12, 200


def simulated(misfit: float, rows: int = ROWS) -> Backtests:
    """Cuts of so many points a decade beyond, whose errors have this standard deviation and no other."""
    rng = np.random.default_rng(0)
    cut = np.repeat(np.arange(CUTS), rows)
    known = {"parameters": np.full(len(cut), 1e-5), "distance": np.full(len(cut), DECADE)}
    return Backtests(
        error=misfit * rng.standard_normal(len(cut)), below=np.zeros(len(cut)), cut=cut,
        point=np.arange(len(cut)), run=np.arange(len(cut)), **known,
    )  # fmt: skip


def test_the_distance_is_that_of_the_coordinate_furthest_out():
    ranges = fitted_ranges({"N": np.array([1e6, 1e8]), "E": np.array([1e10, 1e9])})
    assert ranges == {"N": (1e6, 1e8), "E": (1e9, 1e10), "compute": (1e16, 1e17)}
    at = {"N": np.array([1e7, 1e9, 1e8, 1e5, 1e6]), "E": np.array([5e9, 1e10, 1e10, 1e9, 1e9])}
    beyond = distance(at, ranges) / DECADE
    assert beyond == pytest.approx([0, 2, 1, 2, 1])  # 1e15 FLOPs are a decade below, 1e19 two above


def test_the_quantile_of_a_mixture():
    deviations, weights = np.array([[0.1, 0.1], [0.1, 10.0]]), np.array([0.75, 0.25])
    alike, apart = mixture_quantile(deviations, weights, 0.975)
    assert alike == pytest.approx(0.1 * norm.ppf(0.975))
    assert 0.75 * norm.cdf(apart / 0.1) + 0.25 * norm.cdf(apart / 10) == pytest.approx(0.975)


@pytest.mark.parametrize("misfit", [0.002, 0.02, 0.2])
def test_backtests_measure_the_misfit(misfit):
    found = measure_extrapolation(simulated(misfit), PRIOR, 0.0, {})
    reach = float(found.reach(np.array(DECADE), np.array(0.0), 0.95))
    assert reach == pytest.approx(1.96 * misfit, rel=0.6)
    assert reach > 1.96 * misfit * 0.8  # twelve cuts do not know it well


def test_without_backtests_the_prior_rules():
    found = measure_extrapolation(simulated(0.1, rows=0), PRIOR, 0.0, {})
    assert np.exp((found.weights * np.log(found.scales)).sum()) == pytest.approx(0.01, rel=0.05)
    near, far = found.reach(np.array([DECADE, 2 * DECADE]), np.zeros(2), 0.95)
    assert far == pytest.approx(2 * near)


def test_what_parameters_and_noise_explain_is_no_misfit():
    explained = measure_extrapolation(simulated(0.02), PRIOR, 0.02, {})
    unexplained = measure_extrapolation(simulated(0.02), PRIOR, 0.0, {})
    known = np.array(0.0)
    reach = [float(found.reach(np.array(DECADE), known, 0.95)) for found in (explained, unexplained)]
    assert reach[0] < reach[1] / 2


def test_every_law_has_a_prior():
    priors = [prior_of(law) for law in LAWS.values()]
    assert all(0.001 < one.median < 0.2 and 0.1 < one.spread < 3 and 0.2 < one.growth < 2 for one in priors)
    assert prior_of(find_law("kaplan-n")) == prior_of(find_law("kaplan-c"))


def test_the_interval_score():
    low, high = np.full(3, 1.0), np.full(3, 3.0)
    assert interval_score(np.array([2.0, 0.5, 4.0]), low, high, 0.8) == pytest.approx([2, 2 + 5, 2 + 10])


@pytest.mark.slow
def test_a_backtest_sees_nothing_beyond_its_cut():
    table = GRID.table(seed=1)
    compute = table["N"] * table["E"]
    cut = float(np.quantile(compute.to_numpy(), 0.9))
    changed = table.with_columns(loss=pl.when(compute > cut).then(9.0).otherwise("loss"))
    both = [fit(points, QUICK, bootstrap=0) for points in (table, changed)]
    one, other = (backtest(f.data, both[0].minima) for f in both)
    beyond = np.log(table.filter(compute > cut)["loss"].to_numpy())
    top = np.log(compute.max() / compute.filter(compute <= cut).max())
    rows, others = (np.isclose(found.below, top, atol=1e-9) for found in (one, other))
    assert rows.any()
    moved = other.error[others][: len(beyond)] - one.error[rows][: len(beyond)]
    assert moved == pytest.approx(np.log(9.0) - beyond, abs=1e-6)
