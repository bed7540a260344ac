import itertools
import json
import math
import re

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarry import text
from quarry.analysis.fitting.estimation import fit
from quarry.analysis.points.curves import learning_curves, load_results, save_results
from quarry.analysis.points.frontier import compute_frontier
from quarry.analysis.points.loading import load_points
from quarry.analysis.report.figures import runs
from quarry.analysis.report.figures.fits import fitted_law, fitted_surface, residuals
from quarry.analysis.report.figures.parts import MOST_DOTS, MOST_LINES, axis, points_said, some_points
from quarry.analysis.report.figures.runs import bits_per_byte, compute_curves
from quarry.analysis.report.figures.theme import SERIES, THEME, log_ticks, ramp
from quarry.analysis.report.figures.training import thinned
from quarry.train.record.points_table import points_table
from tests.analysis.synthetic_runs import write_ladder
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def curves(ladder) -> pl.DataFrame:
    return learning_curves(points_table(ladder))


@pytest.fixture(scope="module")
def kaplan(ladder):
    return fit(load_points(ladder), "kaplan-n", bootstrap=100, seed=0)


def rows(spec: dict, *path: int) -> list[dict]:
    """The data that the layer at `path` draws: its own or the nearest parent's."""
    layers = [spec]
    for index in path:
        layers.append(layers[-1]["layer"][index])
    data = next(layer["data"] for layer in reversed(layers) if "data" in layer)
    return data["values"] if "values" in data else spec["datasets"][data["name"]]


def test_curves_hold_validation_losses_only_and_their_cost(ladder, curves):
    test_rows = points_table(ladder).filter(pl.col("split") == "test").height
    assert test_rows > 0
    assert curves.height == points_table(ladder).height - test_rows
    assert (curves["C"] - 6.0 * curves["N"] * curves["E"]).abs().max() == 0


def test_a_curve_leaves_out_losses_that_are_not_finite(tmp_path):
    table = points_table(write_ladder(tmp_path / "runs" / "s", sizes=(1000,)))
    broken = table.with_columns(loss=pl.when(pl.col("step") > 50).then(math.nan).otherwise("loss"))
    assert learning_curves(broken)["E"].max() <= 50 * 10_000


def test_every_evaluation_is_drawn_and_the_sizes_rise_in_the_legend(curves):
    spec = runs.learning_curves(curves).to_dict()
    encoding = spec["layer"][0]["encoding"]
    assert len(rows(spec, 0)) == curves.height
    assert encoding["color"]["sort"] == ["8k", "24k", "70k", "200k", "600k", "1.8M"]
    assert {tip["field"] for tip in spec["layer"][1]["encoding"]["tooltip"]} >= {"run", "N", "E", "C", "loss"}


def test_the_frontier_is_drawn_over_the_curves(curves):
    frontier = compute_frontier(curves)
    spec = compute_curves(curves, frontier).to_dict()
    assert [row["C"] for row in rows(spec, -1)] == frontier["C"].to_list()


def test_the_fitted_line_is_the_prediction_inside_its_band_and_goes_beyond_the_points(kaplan):
    spec = fitted_law(kaplan).to_dict()
    line = rows(spec, 0)
    assert max(row["N"] for row in line) > 2 * kaplan.points["N"].max()
    assert all(row["low"] <= row["loss"] <= row["high"] for row in line)
    middle = line[80]
    assert middle["loss"] == pytest.approx(float(kaplan.predict({"N": middle["N"]})))
    assert "α_N" in spec["title"]["text"]


@pytest.mark.slow
def test_a_law_in_two_inputs_has_a_line_for_each_size(ladder):
    chinchilla = fit(load_points(ladder), "chinchilla", bootstrap=0)
    spec = fitted_surface(chinchilla).to_dict()
    line = rows(spec, 0)
    assert {row["N"] for row in line} == set(chinchilla.points["N"])
    assert all(row["loss"] == pytest.approx(float(chinchilla.predict(row))) for row in line)
    assert len(rows(spec, 1)) == chinchilla.points.height


def test_residuals_are_measured_minus_fitted(kaplan):
    drawn = rows(residuals(kaplan).to_dict(), -1)
    assert len(drawn) == kaplan.points.height
    for row in drawn:
        assert row["residual"] == pytest.approx(row["loss"] - row["predicted"])
        assert row["predicted"] == pytest.approx(float(kaplan.predict({"N": row["N"]})))


def test_each_compressor_is_a_line_of_its_name():
    scores = pl.DataFrame({"run": ["a", "b"], "N": [1000, 2000], "bits_per_byte": [3.5, 2.0]})
    spec = bits_per_byte(scores, {"gzip -9": 3.2, "xz -9": 2.5}).to_dict()
    assert rows(spec, 1) == [{"name": "gzip -9", "value": 3.2}, {"name": "xz -9", "value": 2.5}]
    low, high = spec["layer"][0]["encoding"]["y"]["scale"]["domain"]
    assert low < 2.0
    assert high > 3.5
    assert 1000 < spec["layer"][2]["encoding"]["x"]["datum"] < 2000  # between the dots, not on one


@pytest.mark.slow
def test_a_chart_is_saved_as_a_picture_without_a_browser(curves, tmp_path):
    runs.learning_curves(curves).save(tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_saved_results_read_back_as_the_runs_do(ladder, tmp_path):
    save_results(ladder, tmp_path / "results")
    for kept, fresh in zip(load_results(tmp_path / "results"), load_results(ladder), strict=True):
        assert kept.equals(fresh)


@given(st.floats(-3, 18), st.floats(0.02, 12))
def test_a_log_axis_has_a_few_ticks_inside_it_each_of_few_digits(exponent, decades):
    low, high = 10**exponent, 10 ** (exponent + decades)
    ticks = log_ticks(low, high)
    assert 3 <= len(ticks) <= 20
    assert all(low <= tick <= high for tick in ticks)
    assert ticks == sorted(set(ticks))
    assert all(tick == pytest.approx(float(f"{tick:.3g}"), rel=1e-3) for tick in ticks)


def grounds() -> dict[str, list[str]]:
    """The colours of page and cards with the ink on them, light and dark."""
    css = (ROOT / "analysis" / "report" / "templates" / "report.css").read_text(encoding="utf-8")
    named = [re.findall(rf"--{name}: (#[0-9a-f]{{6}})", css)[:2] for name in ("ink", "paper", "raised")]
    return {ink: list(places) for ink, *places in zip(*named, strict=True)}


def test_every_series_stands_out_on_the_light_and_on_the_dark_page():
    assert [len(places) for places in grounds().values()] == [2, 2]
    for places in grounds().values():
        for steps in range(2, 13):
            assert min(contrast(hue, ground) for hue in (*ramp(steps), *SERIES) for ground in places) >= 3


def test_every_mark_stands_out_with_its_opacity():
    folder = ROOT / "analysis" / "report" / "figures"
    source = "\n".join(file.read_text(encoding="utf-8") for file in folder.glob("*.py"))
    marks = re.findall(r"mark_(?:line|circle|point|rule)\(((?:[^()]|\([^()]*\))*)\)", source)
    shown = [(float(at[1]) if (at := re.search(r"opacity=([\d.]+)", each)) else 1, each) for each in marks]
    assert len(shown) > 40
    own = re.findall(r'"(#[0-9a-f]{6})"', source)
    for (ink, places), (opacity, mark) in itertools.product(grounds().items(), shown):
        for hue, ground in itertools.product([ink] if "color=INK" in mark else own, places):
            assert contrast(blend(hue, ground, opacity), ground) >= 3, (mark, hue, ground)
    assert {THEME[mark]["opacity"] for mark in ("circle", "point")} == {1}  # else 0.7


def blend(one: str, other: str, share: float) -> str:
    """So much of `one` over `other`."""
    parts = [(int(one[i : i + 2], 16), int(other[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(share * top + (1 - share) * under):02x}" for top, under in parts)


def contrast(one: str, other: str) -> float:
    """The contrast of WCAG 2.2 between two colours."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_no_two_ticks_of_an_axis_have_one_label():
    for low, high in ((1.0001e6, 1.0009e6), (1e6, 1.02e6), (3e4, 5e6)):
        labels = json.loads(axis([low, high], "N", text.count)["axis"].labelExpr.split("[indexof")[0])
        assert len(labels) == len(set(labels)) >= 3


def test_of_many_rows_each_run_keeps_its_last_and_some_before():
    rows = pl.DataFrame({"run": ["a"] * 300 + ["b"] * 100, "tokens": [*range(1, 301), *range(1, 101)]})
    kept = thinned(rows, "tokens", 40)
    assert kept.height <= 42
    assert kept.group_by("run").agg(pl.col("tokens").max()).sort("run")["tokens"].to_list() == [300, 100]
    assert thinned(rows, "tokens", 400).equals(rows)


def test_a_branch_is_thinned_as_densely_as_its_trunk_and_keeps_its_ends():
    trunk = pl.DataFrame({"run": "trunk", "tokens": range(1000, 1_000_001, 1000)})
    branch = pl.DataFrame({"run": "branch", "tokens": range(400_000, 500_001, 500)})
    kept = thinned(pl.concat([trunk, branch]), "tokens", 200)
    own = kept.filter(run="branch")["tokens"]
    assert (own.min(), own.max()) == (400_000, 500_000)
    along = kept.filter(pl.col("run") == "trunk", pl.col("tokens").is_between(400_000, 500_000)).height
    assert abs(own.len() - along) <= 3


def test_of_many_runs_some_have_a_line_over_all_n_and_each_its_last_dot():
    many = MOST_LINES + 100
    table = pl.DataFrame({"N": [1000 + i for i in range(many)], "run": [f"r{i}" for i in range(many)]})
    table = table.join(pl.DataFrame({"E": [1e6, 2e6, 4e6]}), how="cross")
    table = table.with_columns(
        loss=3 + 1e6 / pl.col("E"), k=1.0, C=6.0 * pl.col("N") * pl.col("E"), annealed=True
    )
    spec = runs.learning_curves(table).to_dict()
    drawn = pl.from_dicts(rows(spec, 0))
    assert drawn.filter("lined")["run"].n_unique() == MOST_LINES
    assert set(drawn.filter("lined")["N"]) >= {1000, 1000 + many - 1}
    assert drawn.filter("last")["E"].to_list() == [4e6] * many
    filters = [layer["transform"] for layer in spec["layer"]]
    assert filters == [[{"filter": "datum.lined"}], [{"filter": "datum.last"}]]
    assert spec["title"]["subtitle"].endswith(f"; lines of {MOST_LINES} of the {many} runs")


def test_of_few_runs_each_has_a_line_and_all_its_dots(curves):
    spec = runs.learning_curves(curves).to_dict()
    assert all(row["lined"] for row in rows(spec, 0))
    assert "transform" not in spec["layer"][1]
    assert "lines of" not in spec["title"]["subtitle"]


def test_of_many_points_some_are_drawn_spread_over_the_sizes():
    many = pl.DataFrame(
        {"N": [float(i % 50 + 1) for i in range(2500)], "E": [float(i + 1) for i in range(2500)]}
    )
    some = some_points(many)
    assert some.height == MOST_DOTS
    assert some["N"].value_counts()["count"].to_list() == [20] * 50
    assert points_said(many) == "; 1,000 of the 2,500 points"
    assert some_points(many.head(9)).equals(many.head(9))
    assert points_said(many.head(9)) == ""
