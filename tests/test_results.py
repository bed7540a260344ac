"""Results in a notebook: rows, a chart and HTML that lets nothing through."""

import numpy as np
import polars as pl
import pytest

import quarry
from quarry.analysis.laws.chinchilla import CHINCHILLA
from quarry.errors import FitError
from quarry.results import Result

TRUTH = {"L_inf": 1.7, "A": 400.0, "B": 410.0, "alpha": 0.34, "beta": 0.28}


@pytest.fixture(scope="module")
def points():
    n, tokens = (axis.ravel() for axis in np.meshgrid(np.geomspace(1e6, 1e8, 5), np.geomspace(1e8, 1e10, 5)))
    noise = np.exp(0.002 * np.random.default_rng(0).standard_normal(len(n)))
    return pl.DataFrame(
        {"N": n, "E": tokens, "loss": CHINCHILLA.predict(TRUTH, {"N": n, "E": tokens}) * noise}
    )


@pytest.fixture(scope="module")
def law(points):
    return quarry.fit(points, "chinchilla", bootstrap=100)


def test_a_fit_has_rows_a_chart_and_html(law):
    rows = law.table()
    assert rows["parameter"].to_list()[:5] == list(law.params)
    assert rows.columns == ["parameter", "value", "low", "high", "note"]
    assert rows.row(0)[1:4] == (law.params["L_inf"], *law.interval["L_inf"])
    assert law.plot().to_dict()["layer"]
    page = law._repr_html_()
    assert "chinchilla" in page
    assert "<td>alpha</td>" in page


def test_a_console_shows_what_a_notebook_does(law):
    shown = repr(law).splitlines()
    assert shown[0] == law.headline
    assert any("alpha" in line for line in shown)
    assert len(shown) < 20  # the arrays of the draws are not among them
    assert repr(_Hostile()).endswith("warning: <script>alert(1)</script>")


def test_a_prediction_at_numbers_is_a_float_and_at_arrays_an_array(law):
    at = {"N": 1e9, "E": 2e10}
    low, high = law.band(at, new_run=True)
    assert type(law.predict(at)) is type(low) is type(high) is float
    assert low < law.predict(at) < high
    both = {"N": np.array([1e8, 1e9]), "E": 2e10}
    assert law.predict(both).shape == law.band(both)[0].shape == (2,)
    assert law.predict(both)[1] == law.predict(at)


@pytest.mark.slow
def test_plans_allocations_and_profiles_have_rows_and_html(law, points):
    plan = quarry.plan(law, 1e19)
    assert plan.table()["quantity"].to_list() == ["N", "E", "loss"]
    allocation = quarry.allocate(points, [1e19], method="parametric", bootstrap=100)
    assert allocation.table()["C"].to_list() == [1e19]
    for result in (plan, allocation, quarry.profile(law, "alpha")):
        assert result._repr_html_().startswith("<div><strong>")
        assert len(result.table()) > 0
    assert allocation.plot().to_dict()
    with pytest.raises(FitError, match=r"a Plan has no chart: its numbers are in \.table\(\)"):
        plan.plot()


class _Hostile(Result):
    warnings = ("<script>alert(1)</script>",)

    @property
    def headline(self):
        return "<img src=x>"

    def table(self):
        return pl.DataFrame({"<b>": ["</td><script>"], "loss": [None]})


def test_what_a_table_or_a_warning_says_is_no_markup():
    page = _Hostile()._repr_html_()
    assert "<script>" not in page
    assert "<img" not in page
    assert "&lt;b&gt;" in page
    assert "<td>–</td>" in page
