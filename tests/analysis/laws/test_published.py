"""Published constants: complete, in the law's units, and giving the numbers that their papers print."""

import numpy as np
import pytest

from quarry.analysis.laws.chinchilla import chinchilla_optimum
from quarry.analysis.laws.published import PF_DAY, PUBLISHED, find_published
from quarry.analysis.laws.published_trends import APPROACHES, CHINCHILLA_PLANS, OPTIMAL_SIZE, TRENDS
from quarry.analysis.laws.repeated_data import DATA_CONSTRAINED
from quarry.errors import LawError


def predict(name, **inputs):
    fit = find_published(name)
    return fit.law.predict(fit.params, inputs)


@pytest.mark.parametrize("fit", PUBLISHED.values(), ids=lambda fit: fit.name)
def test_a_fit_has_every_parameter_of_its_law_within_its_range_and_a_source(fit):
    assert tuple(fit.params) == fit.law.parameter_names
    for parameter in fit.law.parameters:
        assert parameter.lower <= fit.params[parameter.name] <= parameter.upper
    assert "arXiv" in fit.source
    assert set(fit.standard_error) <= set(fit.params)


def test_the_choices_are_listed_for_a_fit_that_is_not_here():
    with pytest.raises(LawError, match=r"no published fit 'kaplan': choose one of kaplan-n, kaplan-d, "):
        find_published("kaplan")


@pytest.mark.parametrize(("n", "loss"), [(1e9, 2.376), (1e8, 2.830)])
def test_kaplan_loss_of_a_size(n, loss):
    assert predict("kaplan-n", N=n) == pytest.approx(loss, abs=5e-4)


def test_kaplans_three_sets_of_n_constants_stay_three():
    sets = {(f.params["N_c"], f.params["alpha_N"]) for f in PUBLISHED.values() if "N_c" in f.params}
    assert sets == {(8.8e13, 0.076), (6.4e13, 0.076), (6.5e13, 0.077)}


def test_kaplans_compute_laws_are_in_flops():
    assert predict("kaplan-c-min", C=3.1e8 * PF_DAY) == pytest.approx(1.0)
    assert predict("kaplan-c", C=PF_DAY) == pytest.approx(1.6e7**0.057)


@pytest.mark.parametrize(("loss", "tokens"), [(3.0, 1.1e6), (2.0, 7.7e6)])
def test_critical_batch_of_a_loss(loss, tokens):
    assert predict("critical-batch", loss=loss) == pytest.approx(tokens, rel=0.025)


def test_the_critical_batch_doubles_when_the_loss_falls_by_13_percent():
    ratio = predict("critical-batch", loss=0.87 * 3.0) / predict("critical-batch", loss=3.0)
    assert ratio == pytest.approx(2.0, rel=0.04)


def test_context_fits_fall_with_size_late_in_the_context():
    late = [predict(f"kaplan-context-{size}", T=1024.0) for size in range(1, 7)]
    assert np.all(np.diff(late) < 0)
    assert late[0] == pytest.approx(4.0 + 3.2 * 1024**-0.47)


def test_henighans_language_law_is_gpt_3s():
    budgets = np.array([1.0, 1e3])
    assert predict("henighan-language-c", C=budgets * PF_DAY) == pytest.approx(
        2.57 * budgets**-0.048, rel=1e-3
    )


def test_henighans_language_size_at_a_petaflop_day_is_kaplans():
    assert OPTIMAL_SIZE["language"].predict(PF_DAY) == pytest.approx(1.29e9, rel=5e-3)
    assert TRENDS["kaplan-n-opt"].predict(PF_DAY) == pytest.approx(1.3e9)


def test_henighans_losses_fall_to_l_inf():
    assert predict("henighan-image-8x8-c", C=1.8e-8 * PF_DAY) == pytest.approx(3.13 + 1)
    assert predict("henighan-video-vq-n", N=1e60) == pytest.approx(1.01)
    assert {
        fit.split("-", 1)[1][:-2] for fit in PUBLISHED if fit.startswith("henighan") and fit.endswith("-c")
    } == set(OPTIMAL_SIZE)


def test_compute_for_data_follows_from_the_size_law_of_the_same_section():
    size, recomputed = (
        TRENDS["henighan-image-16x16-section-6"],
        TRENDS["henighan-image-16x16-compute-recomputed"],
    )
    flops = PF_DAY * np.geomspace(1e-2, 1e2, 5)
    tokens = flops / (6 * size.predict(flops))
    assert recomputed.predict(tokens) == pytest.approx(flops, rel=0.15)
    assert TRENDS["henighan-image-16x16-compute"].exponent == 3.9


def test_kaplans_optimal_tokens_are_twice_steps_times_batch():
    s_min, b_crit = TRENDS["kaplan-s-min"].predict(PF_DAY), TRENDS["kaplan-b-crit"].predict(PF_DAY)
    assert TRENDS["kaplan-d-opt"].predict(PF_DAY) == pytest.approx(2 * s_min * b_crit, rel=0.1)
    assert TRENDS["kaplan-d-opt-6.7"].predict(PF_DAY) == pytest.approx(
        2 * TRENDS["kaplan-d-opt"].predict(PF_DAY)
    )


@pytest.mark.parametrize(
    ("name", "n_opt", "tokens_opt"), [("besiroglu", 2.78e9, 6.0e10), ("hoffmann-rounded", 1.82e9, 9.14e10)]
)
def test_chinchilla_optimum_at_1e21(name, n_opt, tokens_opt):
    n, tokens = chinchilla_optimum(find_published(name).params, 1e21)
    assert n == pytest.approx(n_opt, rel=5e-3)
    assert tokens == pytest.approx(tokens_opt, rel=5e-3)


def test_besiroglu_wants_21_6_tokens_per_parameter_at_1e21():
    n, tokens = chinchilla_optimum(find_published("besiroglu").params, 1e21)
    assert tokens / n == pytest.approx(21.6, abs=0.05)


@pytest.mark.parametrize(("name", "ratio"), [("besiroglu", 18), ("hoffmann-rounded", 93), ("hoffmann", 59)])
def test_tokens_per_parameter_at_chinchillas_budget(name, ratio):
    n, tokens = chinchilla_optimum(find_published(name).params, 5.76e23)
    assert tokens / n == pytest.approx(ratio, abs=0.5)


def test_unrounded_hoffmann_gives_40b_parameters_at_chinchillas_budget():
    n, _ = chinchilla_optimum(find_published("hoffmann").params, 5.76e23)
    assert n == pytest.approx(40e9, rel=0.02)


def test_plan_exponents():
    besiroglu, hoffmann = (find_published(name) for name in ("besiroglu", "hoffmann"))
    assert besiroglu.law.derive(besiroglu.params)["a"] == pytest.approx(0.5126, abs=1e-4)
    derived = hoffmann.law.derive(hoffmann.params)
    assert derived["a"] == pytest.approx(APPROACHES["parametric"].a, abs=5e-3)
    assert derived["b"] == pytest.approx(APPROACHES["parametric"].b, abs=5e-3)


def test_chinchilla_plans_have_about_20_tokens_per_parameter():
    ratios = [tokens / n for n, tokens in CHINCHILLA_PLANS]
    assert ratios == pytest.approx([20, 20.2, 20.5, 22.4], abs=0.05)
    n, tokens = CHINCHILLA_PLANS[-1]
    assert 6 * n * tokens == pytest.approx(5.76e23, rel=0.05)


def effective_tokens(epochs):
    """D' / U of Muennighoff, from the loss of the law itself at a size below N_opt(U)."""
    p, n, unique = find_published("muennighoff").params, 1e7, 1e10
    loss = DATA_CONSTRAINED.predict(p, {"N": n, "E": epochs * unique, "U": unique})
    return ((loss - p["L_inf"] - p["A"] * n ** -p["alpha"]) / p["B"]) ** (-1 / p["beta"]) / unique


@pytest.mark.parametrize(
    ("epochs", "worth"), [(1, 1), (2, 1.97), (4, 3.73), (8, 6.62), (16, 10.58), (40, 15.17), (1e4, 16.39)]
)
def test_muennighoffs_worth_of_epochs(epochs, worth):
    assert effective_tokens(epochs) == pytest.approx(worth, abs=6e-3)


@pytest.mark.parametrize(("epochs", "value"), [(2, 0.94), (4, 0.82), (8, 0.64), (16, 0.38), (40, 0.08)])
def test_muennighoffs_marginal_value_of_an_epoch(epochs, value):
    slope = (effective_tokens(epochs + 1e-3) - effective_tokens(epochs - 1e-3)) / 2e-3
    assert slope == pytest.approx(value, abs=6e-3)


def test_muennighoffs_rounded_constants():
    p = find_published("muennighoff").params
    assert (round(p["A"]), round(p["B"]), round(p["L_inf"], 2)) == (521, 1488, 1.87)


def test_porians_tuned_batch_is_in_tokens():
    assert TRENDS["porian-batch"].predict(1e8) == pytest.approx(3.2e5, rel=0.01)
    assert TRENDS["porian-learning-rate"].predict(1e8) == pytest.approx(4.88e-3, rel=1e-3)
