"""The envelope's optima against the closed form, and what runs that end too early cannot tell."""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from quarry.analysis.allocation.envelope import fit_envelope
from quarry.analysis.allocation.methods import AT_SMALL_BATCH, allocate
from quarry.analysis.fitting.checklist import build_checklist
from quarry.analysis.fitting.estimation import fit
from quarry.analysis.laws.batch_size import critical_batch
from quarry.analysis.laws.chinchilla import CHINCHILLA, chinchilla_optimum
from quarry.analysis.laws.kaplan import KAPLAN_NS
from quarry.analysis.laws.kaplan_frontier import compute_exponent
from quarry.analysis.laws.published import find_published
from quarry.analysis.points.curves import learning_curves
from quarry.analysis.points.frontier import compute_frontier
from quarry.analysis.points.loading import as_points, load_points
from quarry.errors import FitError
from quarry.train.record.points_table import points_table
from tests.published import published

BESIROGLU = {"L_inf": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658}
CHINCHILLAS = {"L_inf": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28}
CRITICAL = find_published("critical-batch").params
UNEQUAL = {"L_inf": 1.7, "A": 400.0, "B": 2000.0, "alpha": 0.46, "beta": 0.31}


def exponent(law: dict[str, float]) -> float:
    return law["beta"] / (law["alpha"] + law["beta"])


def curves(law=BESIROGLU, sizes=8, evaluations=40, reach=(2, 200), seeds=1, noise=0.0, rng=None):
    """Learning curves of sizes from 1e7 to 1e10, from `reach[0]` to `reach[1]` tokens for each parameter."""
    each = np.tile(np.geomspace(1e7, 1e10, sizes), seeds)
    n = np.repeat(each, evaluations)
    tokens = (each[:, None] * np.geomspace(*reach, evaluations)).ravel()
    loss = CHINCHILLA.predict(law, {"N": n, "E": tokens})
    if rng is not None:
        loss = loss * np.exp(noise * np.repeat(rng.standard_normal(len(each)), evaluations))
    run = np.repeat([f"run {i}" for i in range(len(each))], evaluations)
    return pl.DataFrame({"run": run, "N": n, "E": tokens, "C": 6 * n * tokens, "loss": loss})


@pytest.mark.slow
@pytest.mark.parametrize("law", [BESIROGLU, CHINCHILLAS])
def test_without_noise_the_exponents_and_the_optimum_are_those_of_the_law(law):
    result = fit_envelope(curves(law), bootstrap=100)
    assert result.handovers["bounded"].all()
    assert result.trend.a == pytest.approx(exponent(law), abs=0.01)
    assert result.trend.b == pytest.approx(1 - exponent(law), abs=0.01)
    n, tokens = chinchilla_optimum(law, 1e20)
    assert result.trend.n(1e20)[0] == pytest.approx(float(n), rel=0.05)
    assert result.trend.tokens(1e20)[0] == pytest.approx(float(tokens), rel=0.05)


def test_what_was_read_as_what_is_in_every_form_of_an_allocation():
    points = replace(as_points(curves()), notes=("read as this",))
    found = allocate(points, [1e19], method="envelope", bootstrap=0)
    assert found.to_json()["warnings"][0] == "read as this"
    assert "read as this" in found._repr_html_()


def test_the_handovers_lie_on_the_frontier_between_the_sizes():
    points = curves()
    result = fit_envelope(points, bootstrap=0)
    assert result.frontier.select(points.columns).equals(compute_frontier(points))
    cost, loss = (np.log(result.frontier[name].to_numpy()) for name in ("C", "loss"))
    for row in result.handovers.iter_rows(named=True):
        assert np.log(row["loss"]) == pytest.approx(np.interp(np.log(row["C"]), cost, loss))
        assert row["N"] == pytest.approx(np.sqrt(row["from"] * row["to"]))
        assert row["C"] == pytest.approx(6 * row["N"] * row["E"])


@pytest.mark.slow
def test_intervals_hold_the_truth_and_narrow_with_seeds():
    covered, widths = 0, {1: [], 4: []}
    for repeat in range(12):
        for seeds, width in widths.items():
            points = curves(noise=0.003, seeds=seeds, evaluations=12, rng=np.random.default_rng(repeat))
            low, high = fit_envelope(points, bootstrap=100).trend.a_interval
            covered += low <= exponent(BESIROGLU) <= high
            width.append(high - low)
    assert covered >= 22
    assert np.mean(widths[4]) < 0.6 * np.mean(widths[1])


def each_row_a_run(points):
    return points.with_columns(run=pl.format("row {}", pl.int_range(pl.len())))


@pytest.mark.slow
def test_runs_are_resampled_not_rows():
    points = curves(noise=0.003, rng=np.random.default_rng(0))
    by_run = fit_envelope(points, bootstrap=100).trend.a_interval
    by_row = fit_envelope(each_row_a_run(points), bootstrap=100).trend.a_interval
    assert by_run[1] - by_run[0] > 2 * (by_row[1] - by_row[0])


def test_runs_that_end_before_the_optimum_are_refused():
    """All runs stop at 200 tokens for each parameter, and the optimum lies at 1e3 to 1e6."""
    with pytest.raises(FitError, match="where runs begin and end"):
        fit_envelope(curves(UNEQUAL))
    longer = fit_envelope(curves(UNEQUAL, reach=(100, 1e7), evaluations=200), bootstrap=0)
    assert longer.trend.a == pytest.approx(exponent(UNEQUAL), abs=0.02)


def test_a_run_that_ends_early_costs_its_own_handover_only():
    points = curves()
    sizes = points["N"].unique().sort()
    short = points.filter((pl.col("N") != sizes[3]) | (pl.col("E") < 12 * pl.col("N")))
    result = fit_envelope(short, bootstrap=0)
    assert result.handovers.filter(~pl.col("bounded"))["from"].to_list() == [sizes[3]]
    assert any("1 of 7 handovers are left out" in warning for warning in result.trend.warnings)
    assert result.trend.a == pytest.approx(exponent(BESIROGLU), abs=0.01)


def test_fewer_than_three_sizes_are_refused():
    with pytest.raises(FitError, match="2 sizes of the 2 measured"):
        fit_envelope(curves(sizes=2))
    three = fit_envelope(curves(sizes=3, reach=(0.5, 2000)), bootstrap=0)
    assert len(three.handovers) == 2
    assert "two handovers make a line whatever they are: nothing tests that it is straight" in (
        three.trend.warnings
    )


def test_the_sizes_at_the_ends_are_named():
    warnings = fit_envelope(curves(), bootstrap=0).trend.warnings
    assert any(
        "the smallest size, N = 10M and at the largest size, N = 10B" in warning for warning in warnings
    )


def test_mid_schedule_points_are_said():
    annealed = curves().with_columns(annealed=True)
    quiet, loud = "not known to be annealed", pl.col("E") > 100 * pl.col("N")
    assert not any(quiet in warning for warning in fit_envelope(annealed, bootstrap=0).trend.warnings)
    running = fit_envelope(curves().with_columns(annealed=loud), bootstrap=0)
    expected = running.frontier["annealed"].not_().sum()
    assert any(f"{expected} of {len(running.frontier)} points" in text for text in running.trend.warnings)
    assert any(quiet in warning for warning in fit_envelope(curves(), bootstrap=0).trend.warnings)


def test_a_ladder_that_gains_by_annealing_at_its_ends_only_is_refused(ladder):
    """The losses fall where the learning rate does: the frontier holds nothing but the ends of the runs."""
    with pytest.raises(FitError, match="0 inside the runs of both"):
        fit_envelope(learning_curves(points_table(ladder)))


def test_too_few_resamples_with_two_handovers_give_no_interval():
    result = fit_envelope(curves(sizes=3, reach=(0.5, 2000)), bootstrap=100)
    assert result.trend.a_interval == (None, None)
    assert any("no interval" in warning for warning in result.trend.warnings)


@pytest.mark.slow
def test_end_points_at_several_horizons_are_an_envelope_too():
    """Each run one point, at a horizon of its own, as in Hoffmann et al. 2022."""
    points = curves(evaluations=16).with_columns(run=pl.int_range(pl.len()).cast(pl.String), annealed=True)
    result = fit_envelope(points)
    low, high = result.trend.a_interval
    assert result.trend.a == pytest.approx(exponent(BESIROGLU), abs=0.02)
    assert low < exponent(BESIROGLU) < high


@pytest.mark.slow
def test_the_result_is_strict_json_the_same_for_one_seed():
    points = curves(noise=0.003, seeds=2, rng=np.random.default_rng(1))
    first, again = (
        json.dumps(fit_envelope(points, bootstrap=100).to_json(), allow_nan=False) for _ in range(2)
    )
    assert first == again
    assert json.loads(first)["trend"]["params"]["a"] == pytest.approx(exponent(BESIROGLU), abs=0.05)


@pytest.mark.slow
def test_five_thousand_rows_give_every_handover():
    points = curves(sizes=10, evaluations=500)
    assert len(fit_envelope(points, bootstrap=100).handovers) == 9


def test_chinchillas_table_gives_an_exponent_near_a_half():
    trend = fit_envelope(load_points(published("chinchilla_234.csv")), bootstrap=200).trend
    assert 0.42 < trend.a < 0.56
    low, high = trend.a_interval
    assert low < exponent(BESIROGLU) < high
    assert any("handovers are left out" in warning for warning in trend.warnings)


def at_one_batch(sizes=16, evaluations=30, batch=2.0**19):
    """Learning curves of Kaplan's L(N, S_min), read at one batch."""
    n, s_min = (
        axis.ravel()
        for axis in np.meshgrid(
            np.geomspace(1e5, 1e10, sizes), np.geomspace(2e3, 2e4, evaluations), indexing="ij"
        )
    )
    loss = KAPLAN_NS.predict(find_published("kaplan-ns").params, {"N": n, "S_min": s_min})
    steps = s_min * (1 + critical_batch(loss, CRITICAL) / batch)
    run, tokens = [f"{each:.3g}" for each in n], steps * batch
    return pl.DataFrame({"run": run, "N": n, "E": tokens, "B": batch, "C": 6 * n * tokens, "loss": loss})


def test_the_frontier_at_a_small_batch_has_kaplans_exponents():
    table, params = at_one_batch(), {**find_published("kaplan-ns").params, **CRITICAL}
    expected = compute_exponent(params)
    law = fit(table, "kaplan-c", critical=CRITICAL, bootstrap=0)
    assert law.params["alpha_C"] == pytest.approx(expected, rel=0.02)
    assert dict(build_checklist(law))["counts"].startswith("C = C_min")
    assert fit(table, "kaplan-c", bootstrap=0).params["alpha_C"] > 1.1 * expected


@pytest.mark.parametrize(
    "method", [{"method": "envelope"}, {"method": "isoflop", "read_at": (3e18, 1e19, 3e19)}]
)
def test_runs_at_one_batch_are_moved_to_a_small_one(method):
    least, batch = curves(sizes=16, reach=(0.5, 5000)), 2.0**19
    slower = 1 + batch / critical_batch(pl.col("loss"), CRITICAL)
    table = least.with_columns(E=pl.col("E") * slower, C=pl.col("C") * slower, B=batch)
    moved = allocate(table, [1e20], critical=CRITICAL, bootstrap=0, **method)
    known, naive = (allocate(each, [1e20], bootstrap=0, **method) for each in (least, table))
    assert moved.a[0] == pytest.approx(known.a[0], abs=1e-9)
    assert moved.budgets["N"][0] == pytest.approx(known.budgets["N"][0])
    assert abs(naive.a[0] - known.a[0]) > 0.02
    assert AT_SMALL_BATCH in moved.warnings
    assert AT_SMALL_BATCH not in naive.warnings


def test_a_critical_batch_is_refused_where_nothing_reads_it():
    with pytest.raises(
        FitError, match=r"critical=.*: only the methods envelope, isoflop and kaplan have it, not parametric"
    ):
        allocate(curves(), [1e19], method="parametric", critical=CRITICAL)
    with pytest.raises(FitError, match="critical: chinchilla has neither S_min nor C"):
        fit(curves(), "chinchilla", critical=CRITICAL)
    with pytest.raises(FitError, match="critical needs B_star and alpha_B; alpha_B is missing"):
        fit(at_one_batch(), "kaplan-c", critical={"B_star": 1e6})


@pytest.mark.parametrize(
    ("critical", "said"),
    [
        ({"B_star": 1e6, "alpha_B": -0.2}, r"alpha_B=-0\.2: must be positive and finite"),
        ({"B_star": 0.0, "alpha_B": 0.2}, r"B_star=0\.0: must be positive"),
        (
            {"B_star": 1e6, "alpha_B": 0.2, "alpha_S": 9.0},
            "critical has B_star and alpha_B only, not alpha_S",
        ),
    ],
)
def test_a_critical_batch_that_is_none_is_refused(critical, said):
    with pytest.raises(FitError, match=said):
        allocate(at_one_batch(), [1e18], method="envelope", critical=critical)


def test_steps_of_a_file_and_a_critical_batch_are_not_taken_together():
    table = at_one_batch().with_columns(S_min=pl.col("E") / pl.col("B"))
    with pytest.raises(FitError, match="has a column S_min already"):
        fit(table, "kaplan-ns", critical=CRITICAL)


def test_compute_in_another_unit_is_doubted():
    table = curves().with_columns(pl.col("C") / 8.64e19)
    found = allocate(table, [1.0], method="envelope", bootstrap=0)
    assert any("C is not within a factor of 3 of 6NE" in warning for warning in found.warnings)
