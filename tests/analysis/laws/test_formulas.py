from xml.etree.ElementTree import fromstring

import pytest

from quarry.analysis.laws.catalog import LAWS
from quarry.analysis.laws.formulas import latex_of, mathml, plain, symbol
from quarry.errors import LawError


def test_a_fraction_with_scripts_has_the_structure_of_the_formula():
    root = fromstring(mathml(r"\left(\frac{N_c}{N}\right)^{\alpha_N}"))
    power = root.find("msup")
    assert power is not None
    assert ["".join(child.itertext()) for child in power] == ["(NcN)", "αN"]
    assert power.find("mrow/mfrac/mrow/msub") is not None


def test_a_power_of_a_parenthesis_is_a_power_of_all_of_it():
    power = fromstring(mathml("(x_0 / N)^2")).find("msup")
    assert power is not None
    assert "".join(power[0].itertext()) == "(x0/N)"


@pytest.mark.parametrize(
    ("latex", "line"),
    [
        (r"L(N) = \left(\frac{N_c}{N}\right)^{\alpha_N}", "L(N) = (N_c/N)^α_N"),
        (r"L_\infty + \frac{A}{N^\alpha} + \frac{B}{E^{\beta}}", "L_∞ + A/N^α + B/E^β"),
        (r"\frac{1}{a + b}", "1/(a + b)"),
        (r"x_{\mathrm{min}}^{-2}", "x_min^(− 2)"),
        (r"\sqrt{2} \cdot \log N \le 3.5", "√(2)·logN ≤ 3.5"),
    ],
)
def test_plain_text_keeps_the_grouping(latex, line):
    assert plain(latex) == line


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_every_law_can_be_shown(law):
    fromstring(mathml(law.formula))
    formulas = [law.formula, *(derived.formula for derived in law.derived)]
    assert all("\\" not in plain(formula) for formula in formulas)


def test_text_in_a_formula_cannot_become_markup():
    assert "<script>" not in mathml(r"\text{<script>}")


@pytest.mark.parametrize("latex", [r"\foo", "{a", r"\left( a", r"\frac{a}", "x^", "(a"])
def test_what_cannot_be_read_is_named(latex):
    with pytest.raises(LawError) as error:
        mathml(latex)
    assert latex in str(error.value)


def test_every_parameter_is_named_by_one_letter_as_formulas_do():
    for law in LAWS.values():
        for name in law.parameter_names:
            assert len(plain(latex_of(name)).split("_")[0]) == 1, name
            assert symbol(name).startswith("<math")


def test_a_greek_name_with_an_index_is_a_letter_with_a_subscript():
    assert "msub" in symbol("alpha_N")
    assert "".join(fromstring(symbol("alpha_N")).itertext()) == "αN"
    assert "".join(fromstring(symbol("L_inf")).itertext()) == "L∞"
