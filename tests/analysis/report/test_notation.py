"""Parameters in the page's words are written as its formulas have them."""

import pytest

from quarry.analysis.laws.catalog import LAWS
from quarry.analysis.laws.formulas import in_figure, latex_of, symbol
from quarry.analysis.report.notation import unit, with_papers, with_symbols


def test_a_sentence_names_parameters_by_their_symbols_and_stays_text():
    shown = with_symbols("alpha_N = 5 & L_inf of <b>alpha-run</b>, beta2, n_c, kaplan-n; vary E at fixed N")
    symbols = f"{symbol('alpha_N')} = 5 &amp; {symbol('L_inf')} of &lt;b&gt;alpha-run&lt;/b&gt;"
    assert shown == f"{symbols}, beta2, n_c, kaplan-n; vary E at fixed N"


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("nats/token · parameters^α", "nats/token · parameters<sup>α</sup>"),
        ("nats/token · parameters^c_0", "nats/token · parameters<sup>c<sub>0</sub></sup>"),
        ("tokens", "tokens"),
    ],
)
def test_exponents_of_units_are_raised(words, shown):
    assert unit(words) == shown


def test_figures_write_each_parameter_without_latin_words():
    names = {parameter.name for law in LAWS.values() for parameter in law.parameters}
    shown = {name: in_figure(latex_of(name)) for name in names}
    assert (shown["L_inf"], shown["alpha"], shown["alpha_N"]) == ("L∞", "α", "α_N")
    assert not [each for each in shown.values() if "inf" in each or "alpha" in each or "beta" in each]


def test_papers_are_links():
    assert 'href="https://arxiv.org/abs/2001.08361"' in with_papers("Kaplan et al. 2020 (arXiv 2001.08361)")
