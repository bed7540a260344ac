"""The laws against published numbers."""

import numpy as np
import pytest

from analysis.laws import CHINCHILLA, KAPLAN_N, LAWS, LawError, chinchilla_optimum, find_law

KAPLAN_2020 = {"N_c": 8.8e13, "alpha_N": 0.076}
HOFFMANN_2022 = {"L_inf": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28}
BESIROGLU_2024 = {"L_inf": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658}


@pytest.mark.parametrize(("n", "loss"), [(1e9, 2.376), (1e8, 2.830)])
def test_kaplan_loss_of_a_size(n, loss):
    assert KAPLAN_N.loss(KAPLAN_2020, {"N": n}) == pytest.approx(loss, abs=5e-4)


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
    losses = CHINCHILLA.loss(HOFFMANN_2022, {"N": nearby, "E": 1e21 / (6 * nearby)})
    assert 6 * n * tokens == pytest.approx(1e21)
    assert losses.argmin() == 1


def test_besiroglu_exponent_of_the_plan():
    assert CHINCHILLA.derive(BESIROGLU_2024)["a"] == pytest.approx(0.5126, abs=2e-4)


def test_parameter_names_are_the_published_contract():
    assert {name: law.parameter_names for name, law in LAWS.items()} == {
        "kaplan-n": ("N_c", "alpha_N"),
        "power-offset": ("L_inf", "x_0", "alpha"),
        "chinchilla": ("L_inf", "A", "B", "alpha", "beta"),
    }


def test_chinchilla_starts_are_the_papers_grid():
    assert len(CHINCHILLA.starts()) == 4500


@pytest.mark.parametrize("law", LAWS.values(), ids=lambda law: law.name)
def test_every_start_lies_within_the_bounds_and_predicts_a_loss(law):
    starts = np.array(law.starts())
    assert (starts >= [parameter.lower for parameter in law.parameters]).all()
    assert (starts <= [parameter.upper for parameter in law.parameters]).all()
    losses = law.loss(dict(zip(law.parameter_names, starts.T, strict=True)), dict.fromkeys("NUEC", 1e6))
    assert np.isfinite(losses).all()


@pytest.mark.parametrize("x", ["N", "U", "E", "C"])
def test_power_offset_in_any_variable(x):
    law = find_law("power-offset", x)
    assert law.inputs == (x,)
    assert f"/ {x})" in law.formula
    assert law.loss({"L_inf": 1.0, "x_0": 8.0, "alpha": 0.5}, {x: 2.0}) == pytest.approx(3.0)


def test_unknown_law_or_variable_is_named():
    with pytest.raises(
        LawError, match="no law 'chinchila': choose one of kaplan-n, power-offset, chinchilla"
    ):
        find_law("chinchila")
    with pytest.raises(LawError, match="x='loss': it takes one of N, U, E, C"):
        find_law("power-offset", "loss")
