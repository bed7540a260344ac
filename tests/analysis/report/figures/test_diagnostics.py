"""Diagnostic figures: what they draw is what the results say."""

import numpy as np
import polars as pl
import pytest

from quarry import fit
from quarry.analysis.commands.fit import fit_charts
from quarry.analysis.fitting.comparison.ranking import compare
from quarry.analysis.fitting.profiles.likelihood import Profile, profile
from quarry.analysis.report.figures.diagnostics import (
    draw_scatter,
    law_comparison,
    profile_curve,
    start_agreement,
)
from quarry.errors import FitError
from tests.analysis.designs import KAPLAN, OFFSET


@pytest.fixture(scope="module")
def offset():
    return fit(OFFSET.table(), "power-offset", bootstrap=100)


@pytest.fixture(scope="module")
def two_valleys():
    values = np.linspace(-2.0, 2.0, 41)
    objective = 1 + (values**2 - 1) ** 2 + 0.1 * values
    return Profile(
        name="q",
        values=values,
        objective=objective,
        best=-1.0,
        minimum=0.9,
        threshold=0.5,
        level=0.95,
        interval=(-1.2, None),
        regions=((-1.2, -0.7), (0.8, None)),
        valleys=((-1.0, 0.9), (1.0, 1.1)),
        logarithmic=False,
        warnings=(),
    )


def drawn(chart) -> list[list[dict]]:
    """The rows of each layer: its own, or the chart's where all layers share them."""
    spec = chart.to_dict()
    found = [layer.get("data", spec.get("data")) for layer in spec["layer"]]
    return [data["values"] if "values" in data else spec["datasets"][data["name"]] for data in found]


@pytest.mark.slow
def test_a_profile_is_drawn_in_thresholds_with_its_interval_shaded(offset):
    found = profile(offset, "alpha")
    spec = profile_curve(found).to_dict()
    shaded, _, line, dots = drawn(profile_curve(found))
    assert [(row["low"], row["high"]) for row in shaded] == [found.interval]
    assert spec["layer"][1]["encoding"]["y"] == {"datum": 1.0}
    assert len(line) == len(found.values)
    assert max(row["excess"] for row in line) > 1
    inside = [row["value"] for row in line if row["excess"] <= 1]
    assert found.interval[0] <= min(inside) < max(inside) <= found.interval[1]
    assert dots == [{"value": found.best, "excess": 0.0, "best": True}]
    assert spec["title"]["subtitle"].startswith("95% interval: 0.")


def test_valleys_are_marked_and_an_open_side_is_shaded_to_the_end(two_valleys):
    shaded, _, line, dots = drawn(profile_curve(two_valleys))
    right = max(row["value"] for row in line)
    assert [(row["low"], row["high"]) for row in shaded] == [(-1.2, -0.7), (0.8, pytest.approx(1.4))]
    assert 1.0 < right < 2.0
    assert [(row["value"], row["best"]) for row in dots] == [(-1.0, True), (1.0, False)]
    assert dots[1]["excess"] == pytest.approx(0.4)


def test_every_start_is_drawn_and_the_agreeing_are_counted(offset):
    chart = start_agreement(offset)
    (rows,) = drawn(chart)
    assert len(rows) == np.isfinite(offset.minima.reached).sum()
    excess = [row["excess"] for row in rows]
    assert excess == sorted(excess)
    agreeing = offset.diagnostics.n_starts_agreeing
    assert excess[agreeing - 1] <= 2e-4
    assert f"{agreeing} of {offset.minima.starts} starts" in chart.to_dict()["title"]["subtitle"]


def test_draws_are_the_bootstraps_and_the_cross_is_the_fit(offset):
    dots, cross = drawn(draw_scatter(offset, "x_0", "alpha"))
    assert [row["alpha"] for row in dots] == offset.draws["alpha"].tolist()
    assert [(row["x_0"], row["alpha"]) for row in cross] == [(offset.params["x_0"], offset.params["alpha"])]
    encoding = draw_scatter(offset, "x_0", "alpha").to_dict()["layer"][0]["encoding"]
    assert encoding["x"]["scale"]["type"] == "log"
    assert "type" not in encoding["y"]["scale"]


def test_draws_that_do_not_exist_are_refused(offset):
    with pytest.raises(FitError, match="'beta' is not a fitted parameter of power-offset; known: L_inf"):
        draw_scatter(offset, "beta", "alpha")
    bare = fit(OFFSET.table(), "power-offset", bootstrap=0)
    with pytest.raises(FitError, match="this fit has no bootstrap draws to show"):
        draw_scatter(bare, "x_0", "alpha")


@pytest.mark.slow
def test_a_comparison_has_a_row_for_each_law_best_first(tmp_path):
    table = KAPLAN.table().with_columns(run=pl.int_range(pl.len()).cast(pl.String))
    result = compare(table, ["power-offset", "kaplan-n"])
    chart = law_comparison(result)
    (rows,) = drawn(chart)
    spec = chart.to_dict()
    assert spec["layer"][0]["encoding"]["y"]["sort"] == result.ranking["law"].to_list()
    assert result.plot().to_dict()["title"] == spec["title"]
    assert f"<td>{result.ranking['law'][0]}</td>" in result._repr_html_()
    held = {row["law"]: row["error"] for row in rows if row["kind"] == "runs of larger compute"}
    assert held == dict(result.ranking.select("law", "held_out_error").iter_rows())
    assert f"{result.pairs['probability'][0]:.2f}" in spec["title"]["subtitle"]
    chart.save(tmp_path / "laws.png")
    assert (tmp_path / "laws.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_the_figures_of_a_fit_show_its_comparison_where_an_error_is_known(offset):
    compared = compare(OFFSET.table(), ["power-offset", "kaplan-n"])
    assert "comparison" in fit_charts(offset, [], compared)
    few = pl.DataFrame({"N": [1e5, 1e6, 1.0001e6, 1.001e6], "loss": [3.9, 3.0, 2.99, 2.98]})
    assert "comparison" not in fit_charts(offset, [], compare(few, ["power-offset", "kaplan-n"]))
    assert "comparison" not in fit_charts(offset, [])
