"""The figures of the allocation draw what the results hold."""

import numpy as np
import polars as pl
import pytest

from quarry import allocate, text
from quarry.analysis.allocation.envelope import fit_envelope
from quarry.analysis.allocation.isoflop import fit_isoflop
from quarry.analysis.laws.chinchilla import CHINCHILLA, chinchilla_optimum
from quarry.analysis.report.figures.allocation import compute_optimal, envelope_curves, isoflop_curves
from quarry.analysis.report.figures.optimum import optima_by_way
from quarry.analysis.report.figures.parts import colour_ramp

BESIROGLU = {"L_inf": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658}


@pytest.fixture(scope="module")
def budgets():
    flops = np.repeat([1e18, 1e19, 1e20, 1e22], 7)
    middle = np.asarray(chinchilla_optimum(BESIROGLU, flops)[0]) * np.where(flops == 1e22, 100, 1)
    n = middle * np.tile(np.geomspace(1 / 8, 8, 7), 4)
    noise = np.exp(0.002 * np.random.default_rng(0).standard_normal(len(n)))
    loss = CHINCHILLA.predict(BESIROGLU, {"N": n, "E": flops / (6 * n)}) * noise
    return fit_isoflop(pl.DataFrame({"N": n, "C": flops, "loss": loss}), bootstrap=200)


@pytest.fixture(scope="module")
def curves() -> pl.DataFrame:
    n = np.repeat(np.geomspace(1e7, 1e10, 6), 20)
    tokens = n * np.tile(np.geomspace(2, 200, 20), 6)
    loss = CHINCHILLA.predict(BESIROGLU, {"N": n, "E": tokens})
    return pl.DataFrame({"run": n.astype(str), "N": n, "E": tokens, "C": 6 * n * tokens, "loss": loss})


def rows(spec: dict, index: int) -> list[dict]:
    data = spec["layer"][index].get("data", spec.get("data"))
    return data["values"] if "values" in data else spec["datasets"][data["name"]]


def test_every_budget_is_a_curve_and_only_those_with_a_minimum_are_marked(budgets):
    spec = isoflop_curves(budgets).to_dict()
    lines, points, spans, minima = (rows(spec, index) for index in range(4))
    assert len({row["C"] for row in lines}) == 4
    assert len(points) == 28
    assert [row["N"] for row in minima] == budgets.budgets["N"].to_list()
    assert len(minima) == 3
    assert all(row["N_low"] <= row["N"] <= row["N_high"] for row in spans)
    assert spec["layer"][0]["encoding"]["color"]["sort"] == ["10¹⁸", "10¹⁹", "10²⁰", "10²²"]
    assert spec["layer"][3]["encoding"]["shape"]["scale"]["range"] == ["diamond"]  # in the legend by its name
    assert {row["mark"] for row in minima} == {"minimum, 95% interval"}
    assert budgets.plot().to_dict()["title"] == spec["title"]
    assert "isoFLOP minima of 3 budgets: N ~ C^" in budgets._repr_html_()


def test_of_many_budgets_some_curves_are_drawn_and_every_minimum():
    n, flops = np.tile(np.geomspace(1e6, 1e9, 5), 40), np.repeat(np.geomspace(1e17, 1e19, 40), 5)
    loss = CHINCHILLA.predict(BESIROGLU, {"N": n, "E": flops / (6 * n)})
    spec = isoflop_curves(
        fit_isoflop(pl.DataFrame({"N": n, "C": flops, "loss": loss}), bootstrap=0)
    ).to_dict()
    assert len({row["C"] for row in rows(spec, 0)}) == len({row["C"] for row in rows(spec, 1)}) == 30
    assert len(rows(spec, 3)) == 40
    assert spec["title"]["subtitle"].endswith("; curves of 30 of the 40 budgets")


def test_the_optima_of_small_budgets_lie_inside_the_axes(curves):
    found = allocate(curves, [1e20, 1e21], method="envelope", bootstrap=100)
    spec = optima_by_way({"envelope": found}, 1e20, "N").to_dict()
    low, high = spec["layer"][0]["encoding"]["x"]["scale"]["domain"]
    assert low < min(row["C"] for row in rows(spec, -1)) < 1e20 < high


def test_the_bar_of_a_ramp_is_no_longer_than_its_figure():
    ramp = colour_ramp(pl.Series([1e3, 1e6]), "N", "N", text.count).to_dict()
    assert ramp["legend"]["gradientLength"] == {"expr": "min(width, 320)"}


def test_budgets_of_too_few_sizes_are_not_drawn(budgets):
    two = pl.DataFrame(
        {"N": [1e7, 1e8], "E": [1e16 / 6e7, 1e16 / 6e8], "C": [1e16, 1e16], "loss": [4.0, 4.1]}
    )
    flops = np.repeat([1e18, 1e20], 5)
    n = np.asarray(chinchilla_optimum(BESIROGLU, flops)[0]) * np.tile(np.geomspace(0.2, 5, 5), 2)
    tokens = flops / (6 * n)
    loss = CHINCHILLA.predict(BESIROGLU, {"N": n, "E": tokens})
    points = pl.DataFrame({"N": n, "E": tokens, "C": flops, "loss": loss})
    spec = isoflop_curves(fit_isoflop(pl.concat([points, two]), noise=0.001)).to_dict()
    assert min(row["C"] for row in rows(spec, 1)) == pytest.approx(1e18)


@pytest.mark.parametrize("quantity", ["N", "E"])
def test_the_line_is_the_prediction_in_its_band_and_goes_beyond_the_optima(budgets, quantity):
    trend = budgets.trend
    spec = compute_optimal(trend, budgets.budgets, quantity, beyond=100).to_dict()
    line = rows(spec, 0)
    assert max(row["C"] for row in line) == pytest.approx(100 * trend.fitted[1])
    predict = trend.n if quantity == "N" else trend.tokens
    for row in line:
        value, (low, high) = predict(row["C"])
        assert row["value"] == pytest.approx(value)
        assert (row["low"], row["high"]) == pytest.approx((low, high))
    marks = rows(spec, -1)
    assert [row["value"] for row in marks] == budgets.budgets[quantity].to_list()
    assert all(row["low"] <= row["value"] <= row["high"] for row in marks)


def test_without_an_interval_there_is_no_band(curves):
    result = fit_envelope(curves, bootstrap=0)
    spec = compute_optimal(result.trend, result.handovers).to_dict()
    assert [layer["mark"]["type"] for layer in spec["layer"]] == ["line", "line", "circle"]
    assert len(rows(spec, -1)) == result.handovers["bounded"].sum()


def test_the_envelope_marks_its_crossings_on_the_hull(curves):
    result = fit_envelope(curves, bootstrap=0)
    spec = envelope_curves(curves, result).to_dict()
    assert [row["C"] for row in rows(spec, -1)] == result.handovers["C"].to_list()
    assert [row["C"] for row in rows(spec, -2)] == result.frontier["C"].to_list()
    assert len(rows(spec, 0)) == len(curves)


@pytest.mark.slow
def test_the_figures_are_pictures_without_a_browser(budgets, curves, tmp_path):
    result = fit_envelope(curves, bootstrap=0)
    charts = (
        isoflop_curves(budgets),
        compute_optimal(budgets.trend, budgets.budgets),
        envelope_curves(curves, result),
    )
    for number, chart in enumerate(charts):
        chart.save(tmp_path / f"{number}.png")
        assert (tmp_path / f"{number}.png").read_bytes().startswith(b"\x89PNG")
