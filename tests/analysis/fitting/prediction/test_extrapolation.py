"""The misfit beyond the fitted range: its posterior, its quantiles, and what backtests may see."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy.special import ndtr, ndtri

from quarry import fit
from quarry.analysis.fitting.noise import run_scatter
from quarry.analysis.fitting.objective import Objective
from quarry.analysis.fitting.prediction.backtests import Backtests
from quarry.analysis.fitting.prediction.band import widened
from quarry.analysis.fitting.prediction.distance import distance, fitted_ranges
from quarry.analysis.fitting.prediction.extrapolation import measure_extrapolation, mixture_quantile
from quarry.analysis.fitting.prediction.outlook import noise_at
from quarry.analysis.fitting.prediction.prior import CURVE, SURFACE, TOGETHER, Prior, prior_named, prior_of
from quarry.analysis.fitting.prediction.rolling_origin import backtest
from quarry.analysis.fitting.prediction.scores import interval_score
from quarry.analysis.fitting.search import Data
from quarry.analysis.laws.catalog import LAWS, find_law
from quarry.analysis.laws.mixture import mix_laws
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
    assert alike == pytest.approx(0.1 * ndtri(0.975))
    assert 0.75 * ndtr(apart / 0.1) + 0.25 * ndtr(apart / 10) == pytest.approx(0.975)


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


def test_laws_together_have_a_prior_of_their_own():
    """A mixture of laws of one input has that of its kind."""
    together = mix_laws([LAWS["chinchilla"], LAWS["skaling"]])
    assert prior_of(together) == prior_named(TOGETHER) != prior_named(SURFACE)
    curve = mix_laws([find_law("power-offset", "E"), find_law("broken-power", "E")])
    assert prior_of(curve) == prior_named(CURVE)


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


def test_errors_of_one_sign_move_the_middle_and_chance_does_not():
    drift, chance = simulated(0.002), simulated(0.02)
    drift = replace(drift, error=drift.error + 0.02)
    low, high = (replace(drift, error=sign * drift.error) for sign in (-1, 1))
    biases = [measure_extrapolation(one, PRIOR, 0.0, {}).bias for one in (low, high, chance)]
    assert biases[1] == pytest.approx(0.01, rel=0.1)  # half of what they missed
    assert biases[0] == pytest.approx(-biases[1])
    assert abs(biases[2]) < 0.001
    assert measure_extrapolation(simulated(0.1, rows=0), PRIOR, 0.0, {}).bias == 0


def test_a_bias_moves_both_ends_of_an_interval():
    at, middle, reach = np.array([DECADE, 2 * DECADE]), np.full(2, 3.0), (np.full(2, 0.01), np.full(2, 0.01))
    found = measure_extrapolation(simulated(0.002), PRIOR, 0.0, {})
    even, moved = (widened(middle, reach, 0.95, 0.0, replace(found, bias=bias), at) for bias in (0.0, 0.005))
    for before, after in zip(even, moved, strict=True):
        assert np.log(after / before) == pytest.approx(np.array([0.005, 0.01]))


def test_the_noise_of_few_residuals_reaches_as_students_t():
    rng = np.random.default_rng(0)
    residuals, new = rng.standard_normal((20000, 30)), rng.standard_normal(20000)
    measured = 1.4826 * np.median(np.abs(residuals), axis=1)
    for level in (0.8, 0.95):
        reach = noise_at(level, 1.0, 0.37 * 30) * ndtri((1 + level) / 2) * measured
        student, normal = (np.mean(np.abs(new) <= r) for r in (reach, ndtri((1 + level) / 2) * measured))
        assert student == pytest.approx(level, abs=0.02)
        assert normal < student - 0.01
    assert normal < 0.94  # at 95%
    assert noise_at(0.95, 2.0, np.inf) == 2.0


def test_the_freedom_of_the_noise_is_that_of_what_measured_it():
    table = GRID.table(seed=1)
    data = Data.of(table.with_columns(run=pl.int_range(pl.len()).cast(pl.String)), QUICK, Objective())
    params = np.array([GRID.params[name] for name in QUICK.parameter_names])
    few = run_scatter(data, params)
    assert few.freedom == pytest.approx(0.37 * (data.points - len(params)))
    twice = data.rows(np.repeat(np.arange(data.points), 2))
    # Two seeds each, as far above the law as below: the residuals are smaller than the differences.
    side = np.repeat(0.1 * np.random.default_rng(0).standard_normal(data.points), 2)
    side[1::2] *= -1
    seeds = replace(twice, target=twice.target + side, runs=np.arange(twice.points).astype(str))
    assert run_scatter(seeds, params).freedom == data.points
    assert run_scatter(seeds, params).sd == pytest.approx(0.1 * np.sqrt(2), rel=0.2)
