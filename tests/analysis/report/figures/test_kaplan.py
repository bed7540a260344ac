"""The figures of Kaplan et al. 2020 draw what the formulas say."""

import math

import numpy as np
import polars as pl
import pytest

from quarry.analysis.crossing.known_laws import Crossing, published_crossings
from quarry.analysis.laws import kaplan_frontier as theory
from quarry.analysis.laws.batch_size import critical_batch, minimum_steps
from quarry.analysis.laws.kaplan import CONTEXT, KAPLAN_NS
from quarry.analysis.laws.kaplan_overfitting import overfitting, stopping_step
from quarry.analysis.laws.published import PF_DAY, PUBLISHED
from quarry.analysis.laws.published_trends import TRENDS
from quarry.analysis.report.figures import kaplan as figures
from quarry.analysis.report.figures import kaplan_training as training_figures

N_LAW, D_LAW, C_LAW, C_MIN = (PUBLISHED[f"kaplan-{name}"] for name in ("n", "d", "c", "c-min"))
ND, NS = (PUBLISHED[f"kaplan-{name}"].params for name in ("nd", "ns"))
P = NS | PUBLISHED["critical-batch"].params
CONTEXTS = [PUBLISHED[f"kaplan-context-{size}"] for size in range(1, 7)]
MEASURED = pl.DataFrame(
    {
        "loss": [3.0] * 3,
        "N": [1e5, 1e6, 1e7],
        "E": [9e8, 4e8, 3e8],
        "low": [None, 3e8, 2e8],
        "high": [1e9, 5e8, 4e8],
    }
)


def rows(spec: dict, *path: int) -> list[dict]:
    """The data of the panel or layer at `path`: its own or the nearest parent's."""
    found = spec
    for index in path:
        children = found["hconcat"] if "hconcat" in found else found["layer"]
        found = {"data": found.get("data")} | children[index]
    data = found["data"]
    return data["values"] if "values" in data else spec["datasets"][data["name"]]


def columns(data: list[dict], line: str) -> tuple[np.ndarray, np.ndarray]:
    """x and y of one line."""
    found = [(row["x"], row["y"]) for row in data if row["line"] == line]
    assert found, f"{line} is not among {sorted({row['line'] for row in data})}"
    x, y = np.array(found).T
    return x, y


def test_the_laws_of_one_variable_share_the_axis_of_the_loss():
    laws = [(C_MIN, (1e12, 1e20)), (D_LAW, (2e7, 2e10)), (N_LAW, (768, 1.5e9))]
    spec = figures.power_laws(laws).to_dict()
    domains = [panel["encoding"]["y"]["scale"]["domain"] for panel in spec["hconcat"]]
    assert domains[0] == domains[1] == domains[2]
    n, loss = columns(rows(spec, 2), "kaplan-n")
    assert loss[0] == pytest.approx((8.8e13 / 768) ** 0.076)
    assert n[-1] == pytest.approx(1.5e9)


def test_a_training_curve_is_the_law_at_the_steps_that_its_tokens_take():
    batch = 2.0**19
    spec = training_figures.training_curves(P, batch, sizes=(1e6, 1e8)).to_dict()
    tokens, loss = columns(rows(spec, 0), "100M")
    s_min = minimum_steps(tokens / batch, batch, critical_batch(loss, P))
    assert KAPLAN_NS.predict(NS, {"N": 1e8, "S_min": s_min}) == pytest.approx(loss)
    flops, again = columns(rows(spec, 1), "100M")
    assert flops == pytest.approx(6e8 * tokens)
    assert (again == loss).all()


def test_the_critical_batch_is_drawn_against_the_falling_loss():
    spec = training_figures.critical_batches({"published": P}, (2.0, 8.0)).to_dict()
    loss, batch = columns(rows(spec, 0), "published")
    assert batch == pytest.approx(2.1e8 / loss ** (1 / 0.21))
    assert spec["layer"][0]["encoding"]["x"]["scale"]["reverse"] is True


def test_a_fixed_batch_costs_one_plus_its_share_of_the_critical_batch():
    batch = 2.0**19
    data = rows(training_figures.fixed_batch(P, batch, [C_LAW, C_MIN]).to_dict(), 0)
    least, loss = columns(data, "computed, C_min")
    naive, same = columns(data, "computed, B = 524k tokens")
    assert (same == loss).all()
    assert naive / least == pytest.approx(1 + batch / critical_batch(loss, P))
    assert theory.optimal_loss(least, P) == pytest.approx(loss, rel=1e-5)
    flops, published = columns(data, "kaplan-c, published")
    assert published == pytest.approx((C_LAW.params["C_c"] / flops) ** 0.057)


def test_overfitting_of_every_size_collapses_on_one_line():
    spec = figures.overfitting_collapse(ND).to_dict()
    fan, collapsed = rows(spec, 0), rows(spec, 1)
    x, delta = np.array([(row["x"], row["y"]) for row in collapsed]).T
    assert np.expm1(ND["alpha_D"] * np.log1p(x)) == pytest.approx(delta)
    assert sorted(row["y"] for row in fan) == sorted(delta)
    unique, of_size = columns(fan, "100M")
    assert overfitting(1e8, unique, ND) == pytest.approx(of_size)


def test_the_stopping_bound_rises_with_the_data_and_falls_with_the_size():
    data = rows(figures.stopping_bound(NS, ND).to_dict(), 0)
    unique, small = columns(data, "1M")
    _, large = columns(data, "1B")
    assert stopping_step(1e6, unique, NS, ND) == pytest.approx(small)
    assert (np.diff(small) > 0).all()
    assert (large < small).all()


def test_the_plans_of_constants_and_of_table_6_are_drawn_apart():
    trends = TRENDS["kaplan-n-opt"], TRENDS["kaplan-s-min"]
    spec = training_figures.efficient_plans(P, *trends, (1e15, 1e20)).to_dict()
    for panel, trend, exponent in zip((0, 1), trends, ("alpha_N", "alpha_S"), strict=True):
        flops, computed = columns(rows(spec, panel), "from the constants")
        slope = np.polyfit(np.log(flops), np.log(computed), 1)[0]
        assert slope == pytest.approx(theory.compute_exponent(P) / P[exponent])
        flops, published = columns(rows(spec, panel), "published trend")
        assert published == pytest.approx(trend.predict(flops))


def test_compute_is_least_at_the_efficient_size_and_steps_fall_beyond():
    data = rows(training_figures.suboptimal_sizes(P, (0.5, 2.0)).to_dict(), 1)
    ratio, compute = columns(data, "compute")
    _, steps = columns(data, "steps")
    assert ratio[compute.argmin()] == pytest.approx(1.0, rel=0.02)
    assert compute.min() == pytest.approx(1.0, rel=1e-4)
    assert (np.diff(steps) < 0).all()


def test_a_diamond_marks_each_crossing_where_two_lines_meet():
    trends = [TRENDS["kaplan-d-opt"], TRENDS["kaplan-d-opt-6.7"]]
    met = [one for one in published_crossings().values() if isinstance(one, Crossing)]
    spec = figures.compute_and_data_laws(C_MIN, D_LAW, trends, met, (1e-2 * PF_DAY, 1e8 * PF_DAY)).to_dict()
    marks = rows(spec, 1)
    assert [mark["x"] / PF_DAY for mark in marks] == pytest.approx([1.1e4, 1.1e5], rel=0.05)
    for name, mark in zip(("Table 6", "eq. 6.7"), marks, strict=True):
        for line in ("L(C)", f"L(D(C)), D by {name}"):
            flops, loss = columns(rows(spec, 0), line)
            assert np.interp(np.log(mark["x"]), np.log(flops), np.log(loss)) == pytest.approx(
                np.log(mark["y"])
            )


def test_sample_efficiency_rises_to_its_limit_with_size():
    spec = training_figures.sample_efficiency(P, (3.0, 4.0)).to_dict()
    n, tokens = columns(rows(spec, 1), "3")
    _, steps = columns(rows(spec, 0), "3")
    assert tokens == pytest.approx(theory.minimum_tokens_to(3.0, n, P))
    assert tokens / steps == pytest.approx(critical_batch(3.0, P))
    assert (np.diff(tokens) < 0).all()
    assert n[0] == pytest.approx(1.02 * P["N_c"] * 3.0 ** (-1 / P["alpha_N"]))


def test_a_measured_band_is_drawn_only_where_both_ends_are_known():
    spec = training_figures.measured_sample_efficiency(MEASURED).to_dict()
    band = spec["layer"][0]
    assert "low !== null" in band["transform"][0]["filter"]
    assert [row["low"] for row in rows(spec, 0)] == [None, 3e8, 2e8]
    assert [row["y"] for row in rows(spec, 1)] == MEASURED["E"].to_list()


def test_each_context_fit_is_a_line_in_the_order_of_the_sizes():
    spec = figures.context_losses(CONTEXTS).to_dict()
    assert spec["layer"][0]["encoding"]["color"]["scale"]["domain"] == list("123456")
    position, loss = columns(rows(spec, 0), "6")
    assert CONTEXT.predict(CONTEXTS[5].params, {"T": position}) == pytest.approx(loss)


def test_lines_with_names_have_a_dash_each_and_one_legend(tmp_path):
    training_figures.suboptimal_sizes(P).save(tmp_path / "figure.svg")
    drawn = (tmp_path / "figure.svg").read_text()
    assert drawn.count(">compute</text>") == drawn.count(">steps</text>") == 1
    assert "stroke-dasharray" in drawn


@pytest.mark.slow
def test_the_figures_are_pictures_without_a_browser(tmp_path):
    charts = [
        training_figures.training_curves(P, 2**19),
        figures.overfitting_collapse(ND),
        figures.compute_and_data_laws(C_MIN, D_LAW, [TRENDS["kaplan-d-opt"]], [], (1e18, 1e26)),
        training_figures.measured_sample_efficiency(MEASURED),
    ]
    for number, chart in enumerate(charts):
        chart.save(tmp_path / f"{number}.png")
        assert (tmp_path / f"{number}.png").read_bytes().startswith(b"\x89PNG")


def test_the_stopping_fraction_is_in_the_subtitle():
    f = NS["alpha_N"] / NS["alpha_S"]
    assert math.isclose(f, theory.stopping_fraction(P))
    assert f"{f:.1%}" in str(training_figures.suboptimal_sizes(P).to_dict()["title"])
