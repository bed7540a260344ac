"""Batch-size adjustment: the hyperbola, B_crit measured on curves that obey it, and the noise scale."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarry.analysis.fitting.estimation import fit
from quarry.analysis.laws import kaplan_frontier as kaplan
from quarry.analysis.laws.batch_size import (
    critical_batch,
    minimum_compute,
    minimum_steps,
    minimum_tokens,
    simple_noise_scale,
)
from quarry.analysis.laws.published import find_published
from quarry.analysis.points.critical_batch import measure_critical_batch
from quarry.analysis.points.minimum_steps import with_minimum_steps
from quarry.errors import FitError, PointsError
from tests.conftest import ROOT

KAPLAN_B, NS = find_published("critical-batch").params, find_published("kaplan-ns").params
CRITICAL = {"B_star": 4e6, "alpha_B": 0.3}
BATCHES = tuple(2.0**power for power in range(13, 21))
POSITIVE = st.floats(1e-3, 1e12)


def steps_to(loss, n, batch):
    """Steps of a size to `loss` at `batch`, by L(N, S_min) and the hyperbola."""
    s_min = NS["S_c"] * (loss - kaplan.converged_loss(n, NS)) ** (-1 / NS["alpha_S"])
    return s_min * (1 + critical_batch(loss, CRITICAL) / batch)


def curve(n, batch, noise=0.0, seed=0, last=3.6, points=120):
    """A learning curve that obeys the hyperbola, from a loss of 7 to `last`."""
    loss = np.geomspace(7.0, last, points)
    noisy = loss * np.exp(noise * np.random.default_rng(seed).standard_normal(points))
    return pl.DataFrame({"S": steps_to(loss, n, batch), "loss": noisy}).with_columns(
        run=pl.lit(f"{n:g}/{batch:g}/{seed}"), N=pl.lit(n), B=pl.lit(batch)
    )


def curves(sizes=(1e8,), batches=BATCHES, noise=0.0):
    runs = [(n, batch) for n in sizes for batch in batches]
    return pl.concat([curve(n, batch, noise, seed) for seed, (n, batch) in enumerate(runs)])


@given(POSITIVE, POSITIVE, POSITIVE)
def test_the_minima_lie_on_the_hyperbola(steps, batch, b_crit):
    tokens = steps * batch
    s_min, e_min = minimum_steps(steps, batch, b_crit), minimum_tokens(tokens, batch, b_crit)
    assert e_min / s_min == pytest.approx(b_crit)
    assert s_min / steps + e_min / tokens == pytest.approx(1.0)


def test_at_the_critical_batch_everything_costs_twice_the_minimum():
    minima = minimum_steps(10.0, 5.0, 5.0), minimum_tokens(50.0, 5.0, 5.0), minimum_compute(300.0, 5.0, 5.0)
    assert minima == pytest.approx((5.0, 25.0, 150.0))


@pytest.mark.parametrize(("loss", "tokens"), [(3.0, 1.12e6), (2.0, 7.74e6)])
def test_kaplans_critical_batch(loss, tokens):
    assert critical_batch(loss, KAPLAN_B) == pytest.approx(tokens, rel=5e-3)


@pytest.mark.parametrize("given_columns", [("S", "B"), ("S", "E"), ("E", "B"), ("S", "B", "E")])
def test_minima_follow_from_any_two_of_steps_batch_and_tokens(given_columns):
    columns = {"S": [100, 200], "B": [1_000_000, 500_000], "E": [100_000_000, 100_000_000]}
    points = pl.DataFrame({"loss": [3.0, 2.5]} | {name: columns[name] for name in given_columns})
    found = with_minimum_steps(points)
    b_crit = critical_batch(np.array([3.0, 2.5]), KAPLAN_B)
    assert found["S_min"].to_numpy() == pytest.approx(np.array([100, 200]) / (1 + b_crit / columns["B"]))
    assert found["E_min"].to_numpy() == pytest.approx(found["S_min"].to_numpy() * b_crit)
    assert "C_min" not in found.columns
    assert found.select(points.columns).equals(points)


def test_the_columns_of_the_record_and_compute_are_taken_too():
    points = pl.DataFrame({"loss": [3.0], "step": [100], "batch_tokens": [1_000_000], "C": [6e17]})
    found = with_minimum_steps(points, CRITICAL)
    b_crit = critical_batch(3.0, CRITICAL)
    assert found["S_min"].item() == pytest.approx(minimum_steps(100, 1e6, b_crit))
    assert found["C_min"].item() == pytest.approx(minimum_compute(6e17, 1e6, b_crit))


def test_cells_that_are_text_are_read_as_numbers():
    points = pl.DataFrame({"loss": [3.0], "S": ["100"], "B": ["1e6"]})
    assert with_minimum_steps(points)["S_min"].item() == pytest.approx(100 / (1 + 1.12), rel=0.01)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"loss": [3.0], "B": [1e6]}, "needs two of the columns S, B and E; found loss, B"),
        ({"S": [10], "B": [1e6]}, "needs the column loss; found S, B"),
        (
            {"loss": [3.0, 0.0], "S": [10, 10], "B": [1e6, 1e6]},
            "column loss, row 2: 0 is not a positive number",
        ),
        ({"loss": [3.0], "S": [10], "B": [None]}, "column B, row 1: an empty cell is not a positive number"),
        ({"loss": [3.0], "S": [10], "B": ["large"]}, "column B, row 1: 'large' is not a number"),
        ({"loss": [3.0], "S": [10], "B": [1e6], "E": [3e7]}, "row 1: E=3e\\+07 is not B S = 1e\\+06 x 10"),
    ],
)
def test_points_without_what_is_needed_are_refused(columns, message):
    with pytest.raises(PointsError, match=message):
        with_minimum_steps(pl.DataFrame(columns, strict=False))


def test_a_critical_batch_of_other_data_is_not_believed_silently():
    points = pl.DataFrame({"loss": [3.0, 1.6], "S": [200, 200], "B": [10_000, 10_000]})
    with pytest.raises(FitError, match=r"row 2: S_min=0\.0893 is less than one step, at B=10000 and B_crit="):
        with_minimum_steps(points)


def test_exact_curves_give_back_the_critical_batch():
    found = measure_critical_batch(curves(sizes=(1e7, 1e8)), levels=(6.0, 5.0, 4.5))
    assert found.rows_by_key("N", named=False, include_key=True).keys() == {1e7, 1e8}
    assert found["n_batches"].to_list() == [len(BATCHES)] * len(found) == [8] * 6
    expected = critical_batch(found["loss"].to_numpy(), CRITICAL)
    assert found["B_crit"].to_numpy() == pytest.approx(expected, rel=5e-3)
    assert found["E_min"].to_numpy() == pytest.approx(found["S_min"].to_numpy() * found["B_crit"].to_numpy())
    assert found["S_min"].to_numpy() == pytest.approx(
        steps_to(found["loss"].to_numpy(), found["N"].to_numpy(), np.inf), rel=5e-3
    )
    assert found["residual"].to_numpy().max() < 1e-3


def test_the_least_squares_hyperbola_is_recovered_within_its_noise():
    steps = steps_to(4.5, 1e8, np.array(BATCHES))
    noisy = steps * np.exp(0.02 * np.random.default_rng(1).standard_normal(len(steps)))
    two = [
        pl.DataFrame({"run": str(b), "N": 1e8, "B": b, "S": [s / 2, 2 * s], "loss": [4.5 * 1.2, 4.5 / 1.2]})
        for b, s in zip(BATCHES, noisy, strict=True)
    ]
    row = measure_critical_batch(pl.concat(two), levels=(4.5,)).row(0, named=True)
    assert row["B_crit"] == pytest.approx(critical_batch(4.5, CRITICAL), rel=0.1)
    assert row["S_min"] == pytest.approx(steps_to(4.5, 1e8, np.inf), rel=0.1)
    assert 0.005 < row["residual"] < 0.04


def test_runs_of_one_batch_count_once():
    seeds = [curve(1e8, batch, seed=seed) for seed in (0, 1) for batch in BATCHES[:2]]
    with pytest.raises(FitError, match="no size has three batches"):
        measure_critical_batch(pl.concat(seeds))
    three = measure_critical_batch(pl.concat([*seeds, curve(1e8, BATCHES[2])]))
    assert set(three["n_batches"]) == {3}


def test_tokens_stand_for_steps():
    by_steps = curves()
    by_tokens = by_steps.select("run", "N", "B", "loss", E=pl.col("S") * pl.col("B"))
    one, other = measure_critical_batch(by_steps), measure_critical_batch(by_tokens)
    assert one["B_crit"].to_numpy() == pytest.approx(other["B_crit"].to_numpy())


def test_runs_that_do_not_reach_a_level_are_censored():
    batches = BATCHES[:4]
    runs = [curve(1e8, batch, last=last) for batch, last in zip(batches, (3.6, 3.6, 3.6, 5.0), strict=True)]
    found = measure_critical_batch(pl.concat(runs), levels=(5.5, 4.5, 3.0))
    assert found.select("loss", "n_batches").rows() == [(4.5, 3), (5.5, 4)]
    assert found["B_crit"].to_numpy() == pytest.approx(
        critical_batch(np.array([4.5, 5.5]), CRITICAL), rel=0.01
    )


def test_a_level_above_the_first_measurement_is_not_guessed():
    with pytest.raises(FitError, match="no size has three batches that reach one loss"):
        measure_critical_batch(curves(), levels=(8.0,))


def test_a_loss_that_rises_again_counts_as_far_as_its_least():
    whole = curves()
    later = whole.group_by("run", "N", "B").agg(pl.col("S").max() * 4, pl.lit(6.5).alias("loss"))
    found = measure_critical_batch(pl.concat([whole, later.select(whole.columns)]))
    assert found.equals(measure_critical_batch(whole))


def test_losses_that_are_not_finite_are_left_out():
    whole = curves()
    broken = whole.head(1).with_columns(loss=pl.lit(float("nan")), S=pl.lit(1e9))
    assert measure_critical_batch(pl.concat([whole, broken])).equals(measure_critical_batch(whole))


def test_a_critical_batch_outside_the_batches_is_marked():
    small = measure_critical_batch(curves(batches=BATCHES[:3]), levels=(5.0, 3.8))
    b_crit = critical_batch(small["loss"].to_numpy(), CRITICAL)
    assert small["extrapolated"].to_list() == (b_crit > BATCHES[2]).tolist() == [True, False]


def test_batches_far_from_the_critical_one_give_no_row():
    with pytest.raises(FitError, match="lie near enough to B_crit"):
        measure_critical_batch(curves(batches=(64.0, 128.0, 256.0)), levels=(4.0,))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"levels": (3.0, -1.0)}, FitError, r"levels=-1.0: must be positive"),
        ({"drop": "N"}, PointsError, "needs the column N"),
        ({"drop": "run"}, PointsError, "needs the column run"),
        ({"drop": "B"}, PointsError, "needs two of the columns S, B and E"),
    ],
)
def test_curves_without_what_is_needed_are_refused(change, error, message):
    table = curves().drop(change["drop"]) if "drop" in change else curves()
    with pytest.raises(error, match=message):
        measure_critical_batch(table, change.get("levels"))


def test_two_batches_are_too_few_and_one_run_has_one_batch():
    with pytest.raises(FitError, match="no size has three batches"):
        measure_critical_batch(curves(batches=BATCHES[:2]))
    with pytest.raises(FitError, match="run all has more than one batch size"):
        measure_critical_batch(curves().with_columns(run=pl.lit("all")))


@pytest.mark.slow
def test_from_noisy_curves_to_the_law_of_the_critical_batch():
    found = measure_critical_batch(curves(sizes=(3e7, 1e8), noise=0.003))
    assert len(found) >= 16
    expected = critical_batch(found["loss"].to_numpy(), CRITICAL)
    assert found["B_crit"].to_numpy() == pytest.approx(expected, rel=0.15)
    law = fit(found, "critical-batch", bootstrap=0)
    assert law.params["alpha_B"] == pytest.approx(CRITICAL["alpha_B"], rel=0.05)
    assert law.predict({"loss": 4.5}) == pytest.approx(critical_batch(4.5, CRITICAL), rel=0.05)
    adjusted = with_minimum_steps(curves(), law.params)
    exact = steps_to(adjusted["loss"].to_numpy(), 1e8, np.inf)
    assert adjusted["S_min"].to_numpy() == pytest.approx(exact, rel=0.1)


def square_norms(batch, steps, g_squared, trace, rng, size=64):
    """Square norms of gradients averaged over `batch` examples."""
    true = np.full(size, np.sqrt(g_squared / size))
    noise = rng.standard_normal((steps, size)) * np.sqrt(trace / size / batch)
    return ((true + noise) ** 2).sum(axis=1)


def test_noise_scale_of_gaussian_gradients():
    rng = np.random.default_rng(0)
    norms = [square_norms(batch, 20_000, 0.5, 40.0, rng) for batch in (8, 128)]
    found = simple_noise_scale(*norms, small=8, big=128)
    assert found.g_squared == pytest.approx(0.5, rel=0.02)
    assert found.trace == pytest.approx(40.0, rel=0.02)
    assert found.b_simple == pytest.approx(80.0, rel=0.03)


def test_noise_scale_is_exact_on_expected_norms():
    norms = [np.array([2.0 + 30.0 / batch]) for batch in (4, 16)]
    found = simple_noise_scale(*norms, small=4, big=16)
    assert (found.g_squared, found.trace, found.b_simple) == pytest.approx((2.0, 30.0, 15.0))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("norms", "batches", "message"),
    [
        (([1.0], [1.0]), (8, 8), "small=8, big=8: the batches must be positive and small below big"),
        (([10.0], [1.0]), (2, 4), "too few steps to separate the gradient from its noise"),
        (([1.0], [2.0]), (2, 4), "too few steps to separate the gradient from its noise"),
        (([], [1.0]), (2, 4), "small_norms: square norms must be finite"),
        (([1.0], [np.nan]), (2, 4), "big_norms: square norms must be finite"),
    ],
)
def test_norms_that_give_no_noise_scale_are_refused(norms, batches, message):
    with pytest.raises(FitError, match=message):
        simple_noise_scale(np.array(norms[0]), np.array(norms[1]), *batches)


@pytest.mark.slow
def test_the_docs_say_what_the_committed_batches_say():
    """docs/epochs.md, by the lines of Python that it shows."""
    docs = (ROOT / "docs" / "epochs.md").read_text()
    code = docs.split("```python\n")[1].split("```")[0]
    names = {}
    exec(code.replace("experiments/results", f"{ROOT}/experiments/results"), names)
    found = names["law"].params
    assert f"B_star = {found['B_star'] / 1e3:.0f} thousand tokens" in docs
    assert f"alpha_B = {found['alpha_B']:.2f}" in docs
