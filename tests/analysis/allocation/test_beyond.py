"""N_opt beyond the budgets: what backtests over budgets and the prior add to its interval."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import quarry
from quarry.analysis.allocation.beyond import PRIOR, look_beyond_optima, parts_at, with_misfit
from quarry.analysis.allocation.lines import Optima
from quarry.analysis.allocation.methods import parametric_allocation
from quarry.analysis.allocation.trends import trend_through

ROOT = Path(__file__).parents[3]
ENDS = (0.9e9, 1.1e9)


def line(bend: float, budgets: int = 8, noise: float = 0.02) -> tuple[Optima, Optima]:
    """Optima every factor of e whose slope rises by `bend` per e-fold, and draws of their noise."""
    log_c = 40.0 + np.arange(budgets)
    log_n = 0.5 * log_c + bend * (log_c - 40) ** 2 / 2
    drawn = log_n + noise * np.random.default_rng(0).standard_normal((100, budgets))
    weight = np.ones(budgets)
    every = np.broadcast_to(log_c, drawn.shape)
    return Optima(log_c, log_n, log_c - log_n, weight), Optima(every, drawn, every - drawn, 0 * drawn + 1)


def half_width(bend: float, decades: float) -> float:
    outlook = look_beyond_optima(*line(bend), 0.95)
    low, high = with_misfit(outlook, math.exp(47) * 10**decades, 1e9, ENDS, 0.95)[1]
    assert low is not None
    assert high is not None
    return math.log(high / low) / 2


def test_inside_the_budgets_the_interval_is_that_of_the_draws():
    outlook = look_beyond_optima(*line(0.1), 0.95)
    assert with_misfit(outlook, math.exp(44), 1e9, ENDS, 0.95)[1] == pytest.approx(ENDS)


def test_the_interval_grows_with_the_distance_and_with_what_the_backtests_missed():
    assert 0.1 < half_width(0.0, 0.5) < half_width(0.0, 1.0) < half_width(0.0, 2.0)
    assert half_width(0.1, 1.0) > 2 * half_width(0.0, 1.0)


def test_a_bend_that_goes_on_is_held():
    (optima, draws), flops = line(0.05), math.exp(49)
    low, high = trend_through(optima, draws, 0.95, 1.0, ()).n(flops)[1]
    assert low is not None
    assert high is not None
    assert low < math.exp(0.5 * 49 + 0.05 * 9**2 / 2) < high


def test_further_than_any_backtest_is_said():
    optima, draws = line(0.0)
    trend = trend_through(optima, draws, 0.95, 1.0, ())
    near, far = (trend.warnings_at(math.exp(each))[-1] for each in (49, 60))
    assert "decades above the fitted range" in near
    assert "further than any backtest" not in near
    assert far.endswith("further than any backtest")


def test_two_budgets_have_the_prior_alone():
    optima, draws = line(0.0, budgets=2)
    outlook = look_beyond_optima(optima, draws, 0.95)
    assert outlook.cuts == 0
    parts = parts_at(outlook, math.exp(41) * 10, 1e9, ENDS, 0.95)
    assert parts is not None
    assert parts.further
    assert 2 * PRIOR.median < parts.extrapolation < 5 * PRIOR.median


def test_the_prior_is_the_widest_that_the_tables_do_not_contradict():
    table = pl.read_csv(ROOT / "experiments" / "results" / "bands" / "optima-prior.csv")
    within = table.filter(pl.col("log_likelihood") >= pl.col("log_likelihood").max() - 1)
    assert within["median"].max() == PRIOR.median


@pytest.mark.slow
def test_the_optimum_of_a_fitted_law_has_the_misfit_too():
    known = quarry.find_published("besiroglu")
    flops = np.repeat(np.geomspace(1e18, 1e20, 5), 7)
    n = np.tile(np.geomspace(1 / 8, 8, 7), 5) * np.sqrt(flops / 120)
    loss = known.law.predict(known.params, {"N": n, "E": flops / (6 * n)})
    loss = loss * np.exp(0.001 * np.random.default_rng(0).standard_normal(len(n)))
    points = pl.DataFrame({"N": n, "C": flops, "loss": loss})
    budgets = quarry.allocate(points, [1e20, 1e21], method="parametric", bootstrap=100).budgets
    assert budgets["half_extrapolation"][0] == pytest.approx(0)
    assert budgets["half_extrapolation"][1] > 0.1
    assert math.log(budgets["N_high"][1] / budgets["N_low"][1]) / 2 > budgets["half_parameters"][1]


def test_exponents_that_follow_from_a_parameter_at_a_search_limit_are_marked():
    points = ROOT / "experiments" / "results" / "quickstart" / "points.parquet"
    fitted = quarry.fit(points, "chinchilla", bootstrap=0)
    upper = {each.name: each.upper for each in fitted.law.parameters}
    steepest = upper["alpha"]  # its A balances the terms at N of 50,000, or the optimum would be refused
    balanced = (
        fitted.params["A"] * fitted.params["alpha"] / steepest * 5e4 ** (steepest - fitted.params["alpha"])
    )
    at_limit = replace(fitted, params=fitted.params | {"alpha": steepest, "A": balanced})
    assert parametric_allocation(at_limit, [1e13]).shown("a").endswith(" (limit)")
    without_effect = replace(fitted, params=fitted.params | {"L_inf": upper["L_inf"]})
    for each in (fitted, without_effect):
        assert "limit" not in parametric_allocation(each, [1e13]).shown("a")
