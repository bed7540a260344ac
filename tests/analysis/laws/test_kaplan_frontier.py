"""The compute-efficient frontier against Kaplan's numbers, and against brute force."""

import json

import numpy as np
import pytest

from quarry.analysis.laws import kaplan_frontier as kaplan
from quarry.analysis.laws.batch_size import critical_batch
from quarry.analysis.laws.kaplan import KAPLAN_NS
from quarry.analysis.laws.kaplan_frontier import plan_efficient_run
from quarry.analysis.laws.published import PF_DAY, find_published
from quarry.errors import FitError

NS, CRITICAL = (find_published(name).params for name in ("kaplan-ns", "critical-batch"))
P = {**NS, **CRITICAL}
BUDGETS = pytest.mark.parametrize("flops", [1e-6 * PF_DAY, PF_DAY, 1e4 * PF_DAY])


def test_training_stops_a_tenth_above_the_converged_loss():
    assert kaplan.stopping_fraction(P) == pytest.approx(0.1013, abs=5e-5)


def test_the_compute_law_of_table_3():
    assert kaplan.compute_exponent(P) == pytest.approx(0.0525, abs=5e-5)
    assert kaplan.compute_scale(P) == pytest.approx(1.6e8 * PF_DAY, rel=0.01)


def test_convergence_costs_compute():
    ratios = kaplan.convergence_ratios(0.10, 0.02, P)
    assert (ratios.n, ratios.steps) == pytest.approx((2.67, 0.133), abs=5e-3)
    assert ratios.flops == pytest.approx(0.35, abs=5e-3)


def test_convergence_ratios_are_those_of_runs_that_reach_one_loss():
    loss, runs = 2.7, {}
    for f in (0.10, 0.02):
        n = NS["N_c"] * (loss / (1 + f)) ** (-1 / NS["alpha_N"])
        steps = NS["S_c"] * (loss - loss / (1 + f)) ** (-1 / NS["alpha_S"])
        assert KAPLAN_NS.predict(NS, {"N": n, "S_min": steps}) == pytest.approx(loss)
        runs[f] = np.array([n, steps, 6 * n * steps * critical_batch(loss, CRITICAL)])
    ratios = kaplan.convergence_ratios(0.10, 0.02, P)
    assert [ratios.n, ratios.steps, ratios.flops] == pytest.approx(runs[0.10] / runs[0.02])


@pytest.mark.slow
@BUDGETS
def test_the_size_of_least_loss_is_the_efficient_size(flops):
    efficient = kaplan.optimal_size(flops, P)
    sizes = efficient * np.exp(np.linspace(-1, 1, 401))
    losses = [kaplan.loss_at(n, flops, P) for n in sizes]
    assert sizes[np.argmin(losses)] == pytest.approx(efficient, rel=5e-3)
    assert min(losses) == pytest.approx(kaplan.optimal_loss(flops, P), rel=1e-9)


@BUDGETS
def test_a_plan_agrees_with_the_laws_it_follows_from(flops):
    plan = plan_efficient_run(flops, NS, CRITICAL)
    assert KAPLAN_NS.predict(NS, {"N": plan.n, "S_min": plan.steps}) == pytest.approx(plan.loss)
    assert critical_batch(plan.loss, CRITICAL) == pytest.approx(plan.batch)
    assert plan.steps * plan.batch == pytest.approx(plan.tokens)
    assert 6 * plan.n * plan.tokens == pytest.approx(flops)
    assert plan.loss / plan.converged_loss - 1 == pytest.approx(kaplan.stopping_fraction(P))
    assert plan.flops == flops
    assert json.loads(json.dumps(plan.to_json()))["n"] == plan.n


def test_growth_along_the_frontier_is_table_6s():
    one, more = (plan_efficient_run(flops, NS, CRITICAL) for flops in (PF_DAY, 1e3 * PF_DAY))
    growth = {
        name: np.log(getattr(more, name) / getattr(one, name)) / np.log(1e3)
        for name in ("n", "batch", "steps")
    }
    assert growth["n"] == pytest.approx(0.73, abs=0.06)
    assert growth["batch"] == pytest.approx(0.24, abs=0.02)
    assert growth["steps"] == pytest.approx(0.03, abs=0.05)
    assert sum(growth.values()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("n", "flops"), [(1e3, 1e-9 * PF_DAY), (1e9, PF_DAY), (1e15, 1.0), (1e6, 1e9 * PF_DAY)]
)
def test_the_loss_at_a_budget_solves_its_own_equation(n, flops):
    loss = kaplan.loss_at(n, flops, P)
    steps = flops / (6 * n * critical_batch(loss, CRITICAL))
    assert KAPLAN_NS.predict(NS, {"N": n, "S_min": steps}) == pytest.approx(loss, rel=1e-9)


@pytest.mark.parametrize(("ratio", "excess"), [(0.6, 0.16), (2.2, 0.20)])
def test_sizes_near_the_efficient_one_cost_at_most_a_fifth_more(ratio, excess):
    assert kaplan.excess_compute(ratio, P) == pytest.approx(1 + excess, abs=6e-3)


def test_the_efficient_size_costs_least():
    ratios = np.linspace(0.5, 3, 251)
    assert ratios[np.argmin(kaplan.excess_compute(ratios, P))] == pytest.approx(1.0)
    assert kaplan.excess_compute(1.0, P) == pytest.approx(1.0)


def test_a_larger_size_takes_45_percent_fewer_steps():
    assert kaplan.excess_steps(2.2, P) == pytest.approx(1 - 0.45, abs=5e-3)


@pytest.mark.parametrize("ratio", [0.6, 2.2])
def test_excess_is_that_of_two_runs_to_one_loss(ratio):
    plan = plan_efficient_run(PF_DAY, NS, CRITICAL)
    tokens = kaplan.minimum_tokens_to(plan.loss, ratio * plan.n, P)
    assert ratio * tokens / plan.tokens == pytest.approx(kaplan.excess_compute(ratio, P))


def test_a_size_whose_floor_is_above_the_loss_is_refused():
    with pytest.raises(FitError, match=r"N / N_eff=0.2: so small a model never reaches the loss"):
        kaplan.excess_compute(0.2, P)
    floor = kaplan.converged_loss(1e6, P)
    for function in (kaplan.minimum_tokens_to, kaplan.tokens_over_infinite_size):
        with pytest.raises(FitError, match="never reaches it, its converged loss is"):
            function(floor, 1e6, P)


def test_minimum_tokens_fall_to_those_of_an_infinite_size():
    sizes = np.geomspace(1e8, 1e80, 40)
    tokens = kaplan.minimum_tokens_to(3.0, sizes, P)
    assert np.all(np.diff(tokens) < 0)
    assert tokens / kaplan.tokens_over_infinite_size(3.0, sizes, P) == pytest.approx(
        critical_batch(3.0, P) * P["S_c"] * 3.0 ** (-1 / P["alpha_S"])
    )
    assert kaplan.tokens_over_infinite_size(3.0, 1e80, P) == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("flops", [0.0, -1.0, np.nan, np.inf])
def test_a_budget_that_is_not_positive_is_refused(flops):
    with pytest.raises(FitError, match=f"flops={flops}: must be positive and finite"):
        plan_efficient_run(flops, NS, CRITICAL)
    with pytest.raises(FitError, match=f"flops={flops}"):
        kaplan.loss_at(1e6, flops, P)


def test_a_budget_below_one_parameter_is_refused():
    with pytest.raises(FitError, match="flops=1 would buy N="):
        plan_efficient_run(1.0, NS, CRITICAL)


def test_a_plan_needs_every_parameter_positive():
    with pytest.raises(FitError, match="needs the parameter B_star"):
        plan_efficient_run(PF_DAY, NS, {"alpha_B": 0.2})
    with pytest.raises(FitError, match=r"alpha_S=0\.0: must be positive"):
        plan_efficient_run(PF_DAY, {**NS, "alpha_S": 0.0}, CRITICAL)
