"""The laws against published numbers."""

import numpy as np
import pytest

from quarry.analysis.laws.catalog import LAWS, find_law
from quarry.analysis.laws.chinchilla import CHINCHILLA, chinchilla_optimum
from quarry.analysis.laws.kaplan import KAPLAN_N
from quarry.errors import LawError
from tests.analysis.designs import DESIGNS

KAPLAN_2020 = {"N_c": 8.8e13, "alpha_N": 0.076}
HOFFMANN_2022 = {"L_inf": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28}
BESIROGLU_2024 = {"L_inf": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658}


@pytest.mark.parametrize(("n", "loss"), [(1e9, 2.376), (1e8, 2.830)])
def test_kaplan_loss_of_a_size(n, loss):
    assert KAPLAN_N.predict(KAPLAN_2020, {"N": n}) == pytest.approx(loss, abs=5e-4)


@pytest.mark.parametrize(
    ("params", "n_opt", "tokens_opt"), [(BESIROGLU_2024, 2.78e9, 6.0e10), (HOFFMANN_2022, 1.82e9, 9.14e10)]
)
def test_chinchilla_optimum_at_1e21(params, n_opt, tokens_opt):
    n, tokens = chinchilla_optimum(params, 1e21)
    assert n == pytest.approx(n_opt, rel=5e-3)
    assert tokens == pytest.approx(tokens_opt, rel=5e-3)


def test_chinchilla_optimum_is_the_lowest_loss_of_its_budget():
    n, tokens = chinchilla_optimum(HOFFMANN_2022, 1e21)
    nearby = n * np.array([0.9, 1.0, 1.1])
    losses = CHINCHILLA.predict(HOFFMANN_2022, {"N": nearby, "E": 1e21 / (6 * nearby)})
    assert 6 * n * tokens == pytest.approx(1e21)
    assert losses.argmin() == 1


def test_besiroglu_exponent_of_the_plan():
    assert CHINCHILLA.derive(BESIROGLU_2024)["a"] == pytest.approx(0.5126, abs=2e-4)


def test_parameter_names_are_the_published_contract():
    assert {name: " ".join(law.parameter_names) for name, law in LAWS.items()} == {
        "kaplan-n": "N_c alpha_N",
        "kaplan-d": "D_c alpha_D",
        "kaplan-c": "C_c alpha_C",
        "kaplan-nd": "N_c D_c alpha_N alpha_D",
        "kaplan-ns": "N_c S_c alpha_N alpha_S",
        "critical-batch": "B_star alpha_B",
        "power-offset": "L_inf x_0 alpha",
        "chinchilla": "L_inf A B alpha beta",
        "skaling": "L_inf A B alpha beta kappa",
        "data-constrained": "L_inf A B alpha beta R_D R_N",
        "effective-reuse": "L_inf A B alpha beta rho U_0",
        "overfit-epochs": "L_inf A B alpha beta P delta kappa",
        "bounded": "L_inf A B alpha beta L_0 P gamma delta",
        "epochs": "L_inf A B alpha beta kappa R_0 p q",
        "context": "a b c",
        "broken-power": "a b c_0 c_1 d_1 f_1",
        "overtraining": "L_inf a b eta",
    }


def test_chinchilla_starts_are_the_papers_grid():
    assert len(CHINCHILLA.starts()) == 4500


@pytest.mark.parametrize("law", LAWS.values(), ids=lambda law: law.name)
def test_every_start_lies_within_the_bounds_and_most_predict_a_loss(law):
    starts = np.array(law.starts())
    assert len(starts) == law.grid()
    assert (starts >= [parameter.lower for parameter in law.parameters]).all()
    assert (starts <= [parameter.upper for parameter in law.parameters]).all()
    inputs = {name: np.median(values) for name, values in DESIGNS[law.name].inputs.items()}
    with np.errstate(over="ignore"):
        losses = law.predict(dict(zip(law.parameter_names, starts.T, strict=True)), inputs)
    assert (np.isfinite(losses) & (losses > 0)).mean() > 0.6


@pytest.mark.parametrize("law", LAWS.values(), ids=lambda law: law.name)
def test_every_design_has_a_law_that_falls(law):
    """More parameters, tokens, compute, steps or context: less loss, at the published or chosen constants."""
    design = DESIGNS[law.name]
    name = law.inputs[0]
    start = {key: values.min() for key, values in design.inputs.items()}
    path = {key: np.full(5, value) for key, value in start.items()}
    path[name] = np.linspace(design.inputs[name].min(), design.inputs[name].max(), 5)
    steps = np.diff(law.predict(design.params, path))
    assert (steps <= 0).all()
    assert steps[0] < 0


def test_larger_laws_contain_the_smaller():
    """Kappa = 1, R -> infinity and P = 0 give Chinchilla; skaling with beta = 1 gives Kaplan's 1.5."""
    n, tokens = np.geomspace(1e6, 1e9, 4), np.geomspace(1e8, 1e10, 4)
    once = {"N": n, "E": tokens, "U": tokens}
    chinchilla = CHINCHILLA.predict(HOFFMANN_2022, once)
    for name, more in (
        ("skaling", {"kappa": 1.0}),
        ("data-constrained", {"R_D": 1e6, "R_N": 1e6}),
        ("effective-reuse", {"rho": 1e4, "U_0": 1.0}),
        ("overfit-epochs", {"P": 1e-12, "delta": 1.0, "kappa": 1.0}),
        ("bounded", {"L_0": 1e9, "P": 1e-12, "gamma": 0.2, "delta": 0.5}),
        ("epochs", {"kappa": 1.0, "R_0": 1e6, "p": 0.0, "q": 0.0}),
    ):
        np.testing.assert_allclose(LAWS[name].predict(HOFFMANN_2022 | more, once), chinchilla, rtol=1e-5)
    kaplan = {"N_c": 6.4e13, "D_c": 1.8e13, "alpha_N": 0.076, "alpha_D": 0.103}
    ratio = kaplan["alpha_N"] / kaplan["alpha_D"]
    same = {"L_inf": 0.0, "A": 6.4e13**ratio, "B": 1.8e13, "alpha": ratio, "beta": 1.0, "kappa": 0.103}
    np.testing.assert_allclose(
        LAWS["skaling"].predict(same, once), LAWS["kaplan-nd"].predict(kaplan, once), rtol=1e-9
    )


def test_the_bounded_law_is_never_above_the_loss_of_knowing_nothing():
    """The equation of arXiv 2605.09189, with h = a / N^alpha + b / E^beta + c N^gamma / U^delta."""
    law, span = LAWS["bounded"], 11.0 - 1.8
    p = {"L_inf": 1.8, "L_0": 11.0, "A": 482.0, "B": 2085.0, "alpha": 0.35, "beta": 0.37}
    p |= {"P": 0.02, "gamma": 0.5, "delta": 0.45}
    n, u = np.array([1e3, 1e7, 1e15]), np.array([1e2, 1e9, 1e4])
    v = {"N": n, "U": u, "E": 4 * u}
    h = (p["A"] / n**0.35 + p["B"] / v["E"] ** 0.37 + p["P"] * n**0.5 / u**0.45) / span
    np.testing.assert_allclose(law.predict(p, v), 1.8 + span * h / (1 + h), rtol=1e-12)
    assert law.predict(p, v).max() < 11.0
    assert law.predict(p, v)[2] > 10.9


@pytest.mark.parametrize(("k", "worth"), [(2, 1.97), (4, 3.73), (8, 6.62), (16, 10.58), (40, 15.17)])
def test_muennighoffs_worth_of_repeated_tokens(k, worth):
    p = {"L_inf": 1.87, "A": 521.0, "B": 1488.0, "alpha": 0.3526596, "beta": 0.3526596}
    n = 1e6  # below what a billion tokens want: no surplus parameters
    loss = LAWS["data-constrained"].predict(
        {**p, "R_D": 15.387756, "R_N": 5.309743}, {"N": n, "E": 1e9 * k, "U": 1e9}
    )
    data_term = (loss - p["L_inf"] - p["A"] * n ** -p["alpha"]) / p["B"]
    assert data_term ** (-1 / p["beta"]) / 1e9 == pytest.approx(worth, abs=0.01)


@pytest.mark.parametrize("unique", [0.2e9, 0.5e9, 1e9, 2e9])
def test_yans_passes_until_a_pass_is_worth_three_quarters(unique):
    """The fitted K(.75, U) of Yan et al. 2025 by the law at the constants that its comment gives."""
    k = 0.80 * np.log(unique / 1e9) + 5.21
    p = {"L_inf": 0.0, "A": 0.0, "B": 1.0, "alpha": 0.3, "beta": 0.3, "rho": 1.29, "U_0": 1.65e7}
    loss = LAWS["effective-reuse"].predict(p, {"N": 1e8, "E": k * unique, "U": unique})
    assert loss ** (-1 / p["beta"]) / unique == pytest.approx(0.75 * k, rel=2e-3)


def test_more_unique_tokens_are_worth_repeating_more():
    """E_r is k for few passes and levels off at 1 + rho ln(1 + U / U_0)."""
    p = {"L_inf": 0.0, "A": 0.0, "B": 1.0, "alpha": 0.3, "beta": 0.5, "rho": 2.0, "U_0": 1e6}
    for unique in (1e8, 1e10):
        passes = np.array([0.5, 1.0, 1.1, 1e5])
        loss = LAWS["effective-reuse"].predict(p, {"N": 1e8, "E": passes * unique, "U": unique})
        expected = [0.5, 1.0, 1.1, 1 + 2 * np.log(1 + unique / 1e6)]
        np.testing.assert_allclose(loss ** (-1 / p["beta"]) / unique, expected, rtol=1e-3)


@pytest.mark.parametrize("x", ["N", "U", "E", "C"])
def test_power_offset_in_any_variable(x):
    law = find_law("power-offset", x)
    assert law.inputs == (x,)
    assert f"/ {x})" in law.formula
    assert law.predict({"L_inf": 1.0, "x_0": 8.0, "alpha": 0.5}, {x: 2.0}) == pytest.approx(3.0)


@pytest.mark.parametrize("x", ["U", "E", "C"])
def test_a_broken_power_law_in_any_variable_looks_for_its_break_among_the_points(x):
    law = find_law("broken-power", x)
    assert law.reference is not None
    near = law.reference({x: 3e17})
    assert near.inputs == (x,)
    starts = next(parameter.starts for parameter in near.parameters if parameter.name == "d_1")
    assert min(starts) < 1e17 < max(starts)
    assert near is law.reference({x: 2e17})


def test_unknown_law_or_variable_is_named():
    with pytest.raises(LawError, match=r"^no law 'chinchila': did you mean chinchilla\?$"):
        find_law("chinchila")
    with pytest.raises(LawError, match=f"^no law 'gravity': choose one of {', '.join(LAWS)}$"):
        find_law("gravity")
    with pytest.raises(LawError, match="x='loss': it takes one of N, U, E, C"):
        find_law("power-offset", "loss")


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"gamma": 1.0}, "chinchilla has no parameter gamma: L_inf, A, B, alpha, beta"),
        ({"alpha": 7.0}, "chinchilla: alpha=7 is outside its range, 0 to 5"),
        (HOFFMANN_2022, "chinchilla: every parameter is frozen, nothing is left to fit"),
    ],
)
def test_what_cannot_be_frozen(values, sentence):
    with pytest.raises(LawError, match=sentence):
        CHINCHILLA.frozen(values)


def test_frozen_parameters_keep_the_derived_quantities():
    frozen = CHINCHILLA.frozen({"alpha": 0.34})
    assert frozen.parameter_names == ("L_inf", "A", "B", "beta")
    assert frozen.derive(HOFFMANN_2022)["a"] == CHINCHILLA.derive(HOFFMANN_2022)["a"]
