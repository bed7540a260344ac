"""The next runs: what is promised of them against simulated runs, and what cannot be promised."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from quarry.analysis.fitting.objective import Objective
from quarry.analysis.fitting.prediction.distance import fitted_ranges
from quarry.analysis.fitting.prediction.extrapolation import Extrapolation
from quarry.analysis.fitting.prediction.outlook import Outlook
from quarry.analysis.fitting.solver import solve
from quarry.analysis.fitting.together.candidates import member
from quarry.analysis.laws.catalog import LAWS
from quarry.analysis.laws.mixture import mix_laws, mixed_params, overtraining_of_counts
from quarry.analysis.planning.candidates import flops_of, list_candidates
from quarry.analysis.planning.design import Information, gradient
from quarry.analysis.planning.next_runs import plan_next_runs
from quarry.analysis.planning.optimum import find_optimum
from quarry.analysis.planning.surface import Surface, published_surface
from quarry.errors import FitError
from tests.analysis.quick import QUICK, TRUTH

NOISE, REPEATS = 0.002, 400
SQUARES = Objective(math.inf)

_N, _E = (axis.ravel() for axis in np.meshgrid(np.geomspace(1e6, 1e9, 5), np.geomspace(1e8, 1e11, 5)))
DONE = {"N": _N, "E": _E}


def refits(inputs, repeats=REPEATS, seed=0):
    """Fits of simulated runs at `inputs`: parameters by name [repeats]."""
    exact = np.log(QUICK.predict(TRUTH, inputs))
    target = exact + NOISE * np.random.default_rng(seed).standard_normal((repeats, len(exact)))
    starts = np.tile(list(TRUTH.values()), (repeats, 1))
    found = solve(QUICK, starts, inputs, target, 1.0, SQUARES)
    return dict(zip(QUICK.parameter_names, found.params.T, strict=True))


@pytest.fixture(scope="module")
def surface():
    measured = {**DONE, "E/N": DONE["E"] / DONE["N"]}
    ranges = {name: (float(values.min()), float(values.max())) for name, values in measured.items()}
    sides = dict.fromkeys(TRUTH, (0.0, 1.0))
    return Surface(
        "ladder", QUICK, TRUTH, "simulated", refits(DONE), runs=25, seed_noise=NOISE, ranges=ranges,
        parameter_interval=sides,
    )  # fmt: skip


def spread(target, params):
    if target.startswith("loss@"):
        n, tokens = find_optimum(Surface("", QUICK, TRUTH, ""), float(target[5:]))
        return np.std(QUICK.predict(params, {"N": n, "E": tokens}))
    values = params[target] if target in params else QUICK.derive(params)[target]
    return np.std(np.log(values) if target in ("A", "B") else values)


@pytest.mark.slow
@pytest.mark.parametrize("target", ["alpha", "A", "a", "loss@1e23"])
def test_simulated_runs_narrow_the_target_as_promised(surface, target):
    found = plan_next_runs(surface, 6, 1e20, target)
    assert found.standard_error == pytest.approx(spread(target, surface.draws), rel=0.1)
    more = {
        "N": np.append(DONE["N"], [run.n for run in found.runs]),
        "E": np.append(DONE["E"], [run.tokens for run in found.runs]),
    }
    promised = found.runs[-1].standard_error
    assert promised < 0.8 * found.standard_error
    assert spread(target, refits(more, seed=1)) == pytest.approx(promised, rel=0.15)


def test_errors_fall_run_by_run_and_the_budget_is_kept(surface):
    found = plan_next_runs(surface, 5, 1e19, "beta", most_per_run=4e18)
    errors = [found.standard_error, *(run.standard_error for run in found.runs)]
    assert errors == sorted(errors, reverse=True)
    assert len(found.runs) == 5
    assert found.spent == pytest.approx(sum(6 * run.n * run.tokens for run in found.runs))
    assert found.spent <= 1e19
    assert max(run.flops for run in found.runs) <= 4e18
    json.dumps(found.to_json(), allow_nan=False)


def test_a_larger_budget_promises_no_less(surface):
    errors = [
        plan_next_runs(surface, 3, budget, "loss@1e22").runs[-1].standard_error
        for budget in (1e18, 1e20, 1e22)
    ]
    assert errors == sorted(errors, reverse=True)


def test_the_choice_is_nearly_the_best_of_all_pairs(surface):
    target = plan_next_runs(surface, 2, 1e19, "alpha")
    slopes, inputs = np.array([0.0, 0, 0, 1, 0]), list_candidates(surface)
    problem, flops = Information.of(surface, inputs, slopes), flops_of(inputs)
    best = problem.variance([])
    for first in np.flatnonzero(flops <= 1e19)[::7].tolist():
        after = problem.after([first])
        along = problem.runs @ after
        left = slopes @ after @ slopes - (along @ slopes) ** 2 / (1 + np.sum(along * problem.runs, axis=1))
        best = min(best, left[flops <= 1e19 - flops[first]].min(initial=best))
    assert target.runs[-1].standard_error <= 1.02 * math.sqrt(best)


def test_the_update_is_the_inverse_of_the_added_information(surface):
    problem = Information.of(surface, list_candidates(surface), np.array([0.0, 0, 0, 1, 0]))
    chosen = [3, 17, 3]
    information = np.linalg.inv(problem.covariance) + sum(
        np.outer(problem.runs[i], problem.runs[i]) for i in chosen
    )
    np.testing.assert_allclose(problem.after(chosen), np.linalg.inv(information), rtol=1e-5, atol=1e-12)


def test_the_gradient_is_the_change_of_log_loss(surface):
    inputs = list_candidates(surface)
    slopes = gradient(surface, inputs)
    for place, parameter in enumerate(QUICK.parameters):
        middle, step = TRUTH[parameter.name], 1e-5
        ends = [middle * math.exp(s) if parameter.log else middle + s for s in (-step, step)]
        low, high = (surface.loss(inputs["N"], inputs["E"], None, {**TRUTH, parameter.name: v}) for v in ends)
        np.testing.assert_allclose(slopes[:, place], np.log(high / low) / (2 * step), rtol=1e-4, atol=1e-9)


def test_a_law_that_knows_repeats_may_ask_for_them():
    params = {**TRUTH, "P": 0.01, "delta": 0.8, "kappa": 0.3}
    normal = np.random.default_rng(0).standard_normal
    draws = {
        name: value * np.exp((0.5 if name == "P" else 0.01) * normal(300)) for name, value in params.items()
    }
    surface = Surface(
        "repeats", LAWS["overfit-epochs"], params, "", draws, runs=60, seed_noise=NOISE,
        ranges={"N": (1e6, 1e8), "E": (1e8, 1e10), "U": (1e7, 1e10), "E/N": (1.0, 1e4)},
        parameter_interval=dict.fromkeys(params, (0.0, 1.0)),
    )  # fmt: skip
    found = plan_next_runs(surface, 3, 1e20, "P", unique_tokens=1e9)
    assert found.runs[0].tokens > 2 * found.runs[0].unique_tokens
    assert max(run.unique_tokens for run in found.runs) <= 1e9
    assert found.logarithmic


def test_frozen_parameters_are_known(surface):
    draws = {**surface.draws, "beta": np.full(REPEATS, 0.28)}
    frozen = replace(surface, draws=draws, frozen=("beta",))
    assert plan_next_runs(frozen, 2, 1e19, "alpha").runs
    with pytest.raises(FitError, match="beta does not depend on the fitted parameters"):
        plan_next_runs(frozen, 2, 1e19, "beta")


def test_runs_outside_the_fitted_range_are_pointed_out(surface):
    found = plan_next_runs(surface, 2, 1e22, "loss@1e24")
    outside = [run for run in found.runs if run.n > 1e9 or run.tokens > 1e11]
    assert outside
    assert any("outside the fitted" in warning for warning in found.warnings)
    assert all(run.n >= 1e6 and run.tokens >= 1e8 for run in found.runs)


def test_no_run_has_an_absurd_number_of_tokens_for_each_parameter(surface):
    near = replace(surface, ranges={**surface.ranges, "E/N": (10.0, 40.0)})
    ratio = list_candidates(near)["E"] / list_candidates(near)["N"]
    assert 1 <= ratio.min() < 1.5
    assert 270 < ratio.max() <= 400
    for target in ("alpha", "beta"):
        found = plan_next_runs(near, 3, 1e20, target)
        assert all(1 <= run.tokens / run.n <= 400 for run in found.runs)
    ranges = {name: sides for name, sides in surface.ranges.items() if name != "E/N"}
    with pytest.raises(FitError, match="range of E/N that was fitted is not known"):
        plan_next_runs(replace(surface, ranges=ranges), 2, 1e19, "alpha")


def test_a_law_in_compute_and_tokens_per_parameter_keeps_to_its_ranges():
    law = LAWS["overtraining"]
    ranges = {"C": (6e16, 6e18), "M": (1.0, 100.0)}
    surface = Surface("gadre", law, dict.fromkeys(law.parameter_names, 1.0), "", ranges=ranges)
    inputs = list_candidates(surface)
    assert inputs["N"].min() == pytest.approx(1e7)
    assert inputs["N"].max() == pytest.approx(1e10)
    assert inputs["E"].min() == pytest.approx(1e8)
    assert (inputs["E"] / inputs["N"]).min() >= 0.1
    assert (inputs["E"] / inputs["N"]).max() <= 1000


@pytest.fixture(scope="module")
def misfitting(surface):
    """The surface with a misfit of 2% a decade beyond its points, which backtests followed for a decade."""
    ranges = fitted_ranges(DONE)
    beyond = Extrapolation(np.array([0.02]), np.ones(1), 1.0, ranges)
    return replace(surface, outlook=Outlook(NOISE, beyond, math.log(10), 5, 20, 19))


def test_the_error_of_a_loss_beyond_the_points_holds_the_misfit_there(surface, misfitting):
    exact, found = (plan_next_runs(each, 2, 1e22, "loss@1e24") for each in (surface, misfitting))
    top = 6 * 1e9 * 1e11
    n, tokens = find_optimum(surface, 1e24)
    assert found.factor == pytest.approx(max(1e24 / top, n / 1e9, tokens / 1e11))
    assert found.further
    assert found.extrapolation == pytest.approx(0.02 * math.log10(found.factor) * found.estimate, rel=1e-6)
    assert found.standard_error == pytest.approx(math.hypot(exact.standard_error, found.extrapolation))
    assert (exact.extrapolation, exact.factor, exact.further) == (0, 1, False)
    json.dumps(found.to_json(), allow_nan=False)


def test_runs_further_out_take_the_misfit_away(misfitting):
    found = plan_next_runs(misfitting, 3, 1e22, "loss@1e24")
    errors = [found.standard_error, *(run.standard_error for run in found.runs)]
    assert errors == sorted(errors, reverse=True)
    assert found.runs[-1].extrapolation < 0.7 * found.extrapolation
    reached = max(6 * run.n * run.tokens for run in found.runs)
    assert found.runs[-1].extrapolation >= 0.02 * math.log10(1e24 / reached) * found.estimate - 1e-9


def test_runs_far_out_tell_less_of_the_parameters_where_the_law_misfits(surface, misfitting):
    exact, found = (plan_next_runs(each, 3, 1e22, "alpha") for each in (surface, misfitting))
    assert exact.runs[-1].standard_error < found.runs[-1].standard_error < found.standard_error
    assert found.standard_error == exact.standard_error


OTHER = {**TRUTH, "L_inf": TRUTH["L_inf"] - 0.2, "A": 1.3 * TRUTH["A"]}
"""Another law of the same points."""


@pytest.fixture(scope="module")
def together(surface):
    """Two laws as one, and a third that hardly counts; each draw is of one of them."""
    hardly = dict.fromkeys(overtraining_of_counts().parameter_names, 0.5)
    laws = {"chinchilla": TRUTH, "skaling": {**OTHER, "kappa": 1.0}, "overtraining": hardly}
    weights = {"chinchilla": 0.5, "skaling": 0.47, "overtraining": 0.03}
    of_draw = np.random.default_rng(0).choice(3, REPEATS, p=list(weights.values()))
    hot = {name: (of_draw == i).astype(float) for i, name in enumerate(weights)}
    noise = np.random.default_rng(1).standard_normal
    draws = {
        law: {p: value * np.exp(0.005 * hot[law] * noise(REPEATS)) for p, value in own.items()}
        for law, own in laws.items()
    }
    law = mix_laws([member(name, ("N", "E")) for name in laws])
    params = mixed_params(weights, laws)
    return replace(
        surface, law=law, params=params, draws=mixed_params(hot, draws),
        parameter_interval=dict.fromkeys(params, (0.0, 1.0)), frozen=tuple(f"weight.{one}" for one in laws),
    )  # fmt: skip


def test_the_error_by_laws_together_is_the_spread_of_their_draws(together):
    found = plan_next_runs(together, 3, 1e20, "loss@1e21")
    n, tokens = find_optimum(together, 1e21)
    drawn = together.law.predict(together.draws, {"N": n, "E": tokens})
    counts = together.draws["weight.overtraining"] == 0
    assert found.standard_error == pytest.approx(np.std(drawn[counts]), rel=0.1)
    assert found.runs[-1].standard_error > found.disagreement > 0.5 * found.standard_error
    errors = [found.standard_error, *(run.standard_error for run in found.runs)]
    assert errors == sorted(errors, reverse=True)


def test_a_parameter_of_one_of_the_laws_together_is_narrowed_by_its_draws_alone(together):
    found = plan_next_runs(together, 2, 1e20, "skaling.alpha")
    own = together.draws["weight.skaling"] > 0
    assert found.standard_error == pytest.approx(np.std(together.draws["skaling.alpha"][own]), rel=0.01)
    assert found.disagreement == 0
    for target, says in (
        ("overtraining.a", "overtraining counts less than 5% in ladder"),
        ("weight.skaling", "does not depend on the fitted parameters"),
        ("alpha", "'alpha' is not a quantity of auto: choose one of L_inf, weight.chinchilla"),
    ):
        with pytest.raises(FitError, match=says):
            plan_next_runs(together, 2, 1e20, target)
    with pytest.raises(FitError, match="ladder has no draws of its parameters"):
        plan_next_runs(replace(together, draws={}), 2, 1e20, "L_inf")


def test_a_quantity_of_one_law_asks_nothing_of_the_others(together):
    unbounded = replace(
        together, parameter_interval={**together.parameter_interval, "skaling.kappa": (None, None)}
    )
    with pytest.raises(FitError, match="do not bound kappa"):
        plan_next_runs(unbounded, 2, 1e20, "loss@1e21")
    alone = {name: plan_next_runs(unbounded, 2, 1e20, f"chinchilla.{name}") for name in ("alpha", "a")}
    own = together.draws["weight.chinchilla"] > 0
    alpha, beta = (together.draws[f"chinchilla.{name}"][own] for name in ("alpha", "beta"))
    assert alone["alpha"].standard_error == pytest.approx(np.std(alpha), rel=0.01)
    assert alone["a"].standard_error == pytest.approx(np.std(beta / (alpha + beta)), rel=0.02)


def test_laws_together_with_few_draws_say_which_law_lacks_them(together):
    few = {name: np.repeat(values[:1], 9) for name, values in together.draws.items()}
    few["weight.chinchilla"] = np.repeat([1.0, 0.0], [5, 4])
    few["weight.skaling"] = 1 - few["weight.chinchilla"]
    says = "ladder: chinchilla has 5 draws of its own, and its 5 parameters need 10: fit again with a larger"
    for target in ("loss@1e21", "chinchilla.alpha"):
        with pytest.raises(FitError, match=says):
            plan_next_runs(replace(together, draws=few), 2, 1e20, target)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (dict(target="gamma"), "'gamma' is not a quantity of chinchilla: choose one of L_inf, A"),
        (dict(target="loss@"), "'' is no budget"),
        (dict(target="loss@-1"), "'-1' is no budget"),
        (dict(target="loss@much"), "'much' is no budget"),
        (dict(budget=1e10), r"buy no run near the fitted range: the cheapest takes 6"),
        (dict(budget=math.nan), "budget=nan"),
        (dict(runs=0), "next=0: at least one run"),
        (dict(most_per_run=-1.0), "most_per_run=-1.0"),
        (dict(unique_tokens=0.5), "there is none"),
    ],
)
def test_what_cannot_be_asked_is_refused(surface, words, says):
    asked = dict(runs=2, budget=1e19, target="alpha") | words
    runs, budget, target = (asked.pop(name) for name in ("runs", "budget", "target"))
    with pytest.raises(FitError, match=says):
        plan_next_runs(surface, runs, budget, target, **asked)


def test_a_fit_without_draws_or_noise_is_refused(surface):
    with pytest.raises(FitError, match="ladder has no draws of its parameters"):
        plan_next_runs(replace(surface, draws={}), 2, 1e19, "alpha")
    with pytest.raises(FitError, match="seed noise 0 gives runs no weight"):
        plan_next_runs(replace(surface, seed_noise=0.0), 2, 1e19, "alpha")
    with pytest.raises(FitError, match="range of N that was fitted is not known"):
        plan_next_runs(published_surface("besiroglu"), 2, 1e19, "alpha")
    with pytest.raises(FitError, match="kaplan-n gives the loss by N"):
        plan_next_runs(published_surface("kaplan-n"), 2, 1e19, "alpha_N")


def test_a_singular_covariance_is_refused(surface):
    same = {**surface.draws, "beta": surface.draws["alpha"]}
    with pytest.raises(FitError, match="one free combination"):
        plan_next_runs(replace(surface, draws=same), 2, 1e19, "alpha")
    still = {**surface.draws, "beta": np.full(REPEATS, 0.28)}
    with pytest.raises(FitError, match="do not vary in every parameter"):
        plan_next_runs(replace(surface, draws=still), 2, 1e19, "alpha")


def test_a_ladder_of_fixed_tokens_per_parameter_is_told_to_vary_tokens(surface):
    ladder = replace(surface, draws={}, confounded=True)
    with pytest.raises(FitError, match=r"do not bound .*: vary E at fixed N = .*, for example E = "):
        plan_next_runs(ladder, 2, 1e20, "alpha")


@pytest.mark.parametrize(("unknown", "axis"), [(("B", "beta"), "E"), (("A", "alpha"), "N")])
def test_a_parameter_that_is_not_bounded_says_which_input_to_vary(surface, unknown, axis):
    sides = {**surface.parameter_interval, **dict.fromkeys(unknown, (None, None))}
    with pytest.raises(FitError, match=f"do not bound {unknown[0]} of ladder, .* vary {axis} at fixed"):
        plan_next_runs(replace(surface, parameter_interval=sides), 2, 1e20, "alpha")


def test_a_budget_too_small_to_identify_says_that_too(surface):
    sides = {**surface.parameter_interval, "beta": (None, None)}
    with pytest.raises(FitError, match="vary E at fixed N, for which this budget is too small"):
        plan_next_runs(replace(surface, parameter_interval=sides), 2, 6.1e14, "alpha")
