"""The instruments: made records with known noise scale, context law, offsets and exponents of classes."""

from functools import partial

import numpy as np
import polars as pl
import pytest

from quarry.analysis.instruments.adjusted import adjusted_points
from quarry.analysis.instruments.context_law import fit_context
from quarry.analysis.instruments.context_loss import position_table
from quarry.analysis.instruments.noise_scale import critical_batches, noise_scales
from quarry.analysis.instruments.other_texts import class_exponents, slope_along, transfer_offsets
from quarry.analysis.points.loading import load_points
from quarry.analysis.report.figures.instruments import position_loss
from quarry.analysis.report.instrument_charts import instrument_charts
from quarry.errors import PointsError
from quarry.train.record.logs import JsonlLog
from quarry.train.record.points_table import points_table
from quarry.train.record.run_directory import RunDirectory

SIZES, BATCHES = (1e4, 1e5, 1e6, 1e7), (256, 1024, 4096)
A, B, C = 2.0, 3.0, 0.5


def b_crit(loss):
    return 1e6 / loss**5


def evaluation(n, batch, step, loss):
    positions = np.geomspace(1, 256, 15)
    at = A + B * positions**-C
    return {
        "step": step, "tokens": step * batch, "split": "validation", "loss": loss, "loss_sem": 0.01,
        "annealed": False, "epochs": 1.0, "batch_tokens": batch,
        "positions": positions.tolist(), "position_loss": at.tolist(), "position_loss_sem": [0.01] * 15,
        "loss_on_code": loss + 0.7, "loss_sem_on_code": 0.01,
        "loss_on_speeches": 1.1 * loss + 0.1 * np.log10(n), "loss_sem_on_speeches": 0.01,
        "loss_of_digits": 5 * n**-0.1, "loss_sem_of_digits": 0.02, "tokens_of_digits": 50,
    }  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Runs of four sizes, one of them at three batches, on L = 6 (S_min / 20)^-0.2 and B_crit = 1e6 / L^5."""
    root, rng = tmp_path_factory.mktemp("instruments") / "made", np.random.default_rng(0)
    for n, batch in [*((size, BATCHES[0]) for size in SIZES), *((1e5, batch) for batch in BATCHES[1:])]:
        run = RunDirectory(root / f"n{n:g}b{batch}")
        run.write_run(
            status="finished", n_nonembedding=int(n), unique_tokens=10**6, batch_tokens=batch,
            flops_6ne_per_token=6 * n,
        )  # fmt: skip
        metrics, evals = JsonlLog(run.metrics), JsonlLog(run.evals)
        for s_min in np.geomspace(20, 2000, 120):
            loss = 6 * (s_min / 20) ** -0.2
            step = round(s_min * (1 + b_crit(loss) / batch))
            noise = {"g_squared": rng.normal(1, 0.1), "trace_sigma": b_crit(loss) * rng.normal(1, 0.05)}
            metrics.append({"step": step, "tokens": step * batch, "loss": loss} | noise)
            evals.append(evaluation(n, batch, step, loss))
        metrics.close()
        evals.close()
    return root


@pytest.mark.slow
def test_the_noise_scale_lies_beside_the_sweep_of_batches(runs):
    found = critical_batches(runs).filter(N=1e5)
    expected = b_crit(found["loss"].to_numpy())
    np.testing.assert_allclose(found["B_crit"], expected, rtol=0.05)
    inside = found.drop_nulls("B_noise")
    assert len(inside) >= 5
    np.testing.assert_allclose(inside["B_noise"], b_crit(inside["loss"].to_numpy()), rtol=0.25)
    ends = inside["B_noise_low"] < inside["B_noise"], inside["B_noise"] < inside["B_noise_high"]
    assert all(each.all() for each in ends)
    scales = noise_scales(runs)
    assert scales.filter(run=scales["run"][0])["B_noise"].is_sorted()  # it grows as the loss falls


@pytest.mark.slow
@pytest.mark.parametrize("by", ["noise", "sweep"])
def test_minimum_steps_follow_from_either(runs, by):
    points, said = adjusted_points(runs, by)
    s_min = 20 * (points["loss"].to_numpy() / 6) ** -5
    np.testing.assert_allclose(points["S_min"], s_min, rtol=0.35)
    assert {"E_min", "C_min"} <= set(points.columns)
    assert f"by {by}; {len(points)} points" in said


@pytest.mark.slow
def test_the_context_law_is_fitted_from_the_record(runs):
    (found,) = fit_context(position_table(runs / "n10000b256"), bootstrap=100)
    assert found.fit is not None
    assert found.fit.params == pytest.approx({"a": A, "b": B, "c": C}, rel=0.01)
    assert len(position_table(runs / "n10000b256", every=True)) == 120 * 15


def test_offsets_and_exponents_are_those_put_in(runs):
    points = points_table(runs).filter(pl.col("batch_tokens") == 256)
    points = points.with_columns(pl.col("^loss.*$").cast(pl.String))  # as read from CSV
    offsets = {row["text"]: row for row in transfer_offsets(points).to_dicts()}
    assert offsets["code"]["offset"] == pytest.approx(0.7)
    assert (offsets["code"]["per_decade"], offsets["code"]["per_loss"]) == pytest.approx((0, 1), abs=1e-9)
    assert offsets["speeches"]["per_decade"] == pytest.approx(0.1, abs=1e-3)
    (digits,) = class_exponents(points).to_dicts()
    assert digits["alpha_N"] == pytest.approx(0.1)
    assert digits["alpha_U"] is None  # one U
    own = load_points(points, loss="loss_of_digits", annealed_only=False).table
    assert own["loss"].to_list() == pytest.approx((5 * own["N"] ** -0.1).to_list())
    assert own["loss_sem"].unique().to_list() == [0.02]
    with pytest.raises(PointsError, match="no run logged a loss on another text: set "):
        transfer_offsets(points.select(pl.exclude("^loss_on_.*$")))


def test_the_slope_along_runs_has_the_error_that_the_evaluations_of_a_run_share():
    """Six runs of 20 evaluations, each run with an offset of its own: intervals, and rows taken as runs."""
    rng, held, narrow = np.random.default_rng(0), [], []
    runs = np.repeat(np.arange(6), 20)
    loss = np.tile(np.linspace(0.0, 0.5, 20), 6) + 0.3 * runs
    for _ in range(200):
        other = loss + 0.05 * rng.standard_normal(6)[runs] + 0.002 * rng.standard_normal(120)
        found = slope_along(loss, other, runs)
        held.append(found.low < 1 < found.high)
        rows = slope_along(loss, other, np.arange(120))
        narrow.append(rows.low < 1 < rows.high)
    assert 0.9 < np.mean(held) < 1
    assert np.mean(narrow) < 0.6
    assert slope_along(loss[:40], loss[:40], runs[:40]) == (pytest.approx(1), None, None)


@pytest.mark.slow
def test_the_report_draws_what_was_measured(runs):
    charts = instrument_charts(runs, points_table(runs), partial(fit_context, bootstrap=0))
    assert list(charts) == ["noise-scale", "context", "transfer", "classes"]
    assert all(chart.to_dict()["layer"] for chart in charts.values())


def rows_of(chart: dict) -> list[dict]:
    """The rows of all data of a chart."""
    return [row for rows in chart["datasets"].values() for row in rows]


def positions_of(*sizes: float) -> pl.DataFrame:
    """Positions of a run for each N, the later the longer."""
    rows = [
        {"run": f"study/{index}", "N": n, "E": 1e5 * (1 + index), "T": place, "loss": 2 + 1 / place}
        for index, n in enumerate(sizes)
        for place in (1.0, 10.0, 100.0)
    ]
    return pl.DataFrame(rows)


@pytest.mark.parametrize(
    ("sizes", "coloured", "drawn"),
    [
        ([1e4, 1e5, 1e6], ["10k", "100k", "1M"], {0, 1, 2}),
        ([1e4, 1e5, 1e5], ["study/0", "study/1", "study/2"], {0, 1, 2}),
        ([1e4, 1e5] * 8, ["10k", "100k"], {14, 15}),
        (np.geomspace(1e4, 1e6, 16), None, set(range(16))),
    ],
)
def test_every_curve_over_positions_has_a_colour_of_its_own(sizes, coloured, drawn):
    chart = position_loss(positions_of(*map(float, sizes)), []).to_dict()
    (colour,) = (layer["encoding"]["color"] for layer in chart["layer"])
    assert {row["run"] for row in rows_of(chart)} == {f"study/{index}" for index in drawn}
    assert colour["scale"].get("domain") == coloured
    assert len(set(colour["scale"]["range"])) == len(coloured or colour["scale"]["range"])
    thinned = "of each N the run of the most tokens, 2 of 16 runs" in chart["title"]["subtitle"]
    assert thinned == (len(drawn) < len(sizes))


def test_the_law_of_a_run_has_the_colour_of_its_points(runs):
    positions = position_table(runs / "n10000b256")
    chart = position_loss(positions, fit_context(positions, bootstrap=0)).to_dict()
    dots, line = (layer["encoding"]["color"] for layer in chart["layer"])
    assert dots == line
    assert {row["size"] for row in rows_of(chart)} == {"10k"}
