"""Fits of synthetic points: recovery, honesty about what the points cannot say, the result's contract."""

import json
import math
import sys

import numpy as np
import polars as pl
import pytest

from quarry import fit, load_points
from quarry.analysis.laws.chinchilla import CHINCHILLA
from quarry.analysis.points.table import Exclusion, Points
from quarry.errors import FitError, LawError, PointsError
from tests.analysis.designs import DESIGNS, GRID, KAPLAN, OFFSET
from tests.analysis.synthetic_runs import write_ladder

SIZES = np.geomspace(1e4, 1e8, 12)


def noisy(loss, noise=0.003, seed=0):
    return loss * np.exp(noise * np.random.default_rng(seed).standard_normal(len(loss)))


@pytest.fixture(scope="module", params=["kaplan-n", "kaplan-ns", "critical-batch", "chinchilla", "context"])
def recovered(request):
    design = DESIGNS[request.param]
    return design, fit(design.table(seed=4), request.param, bootstrap=300)


@pytest.mark.slow
def test_recovers_the_law(recovered):
    design, result = recovered
    for name, true in design.params.items():
        low, high = result.interval[name]
        assert low < result.params[name] < high
        parameter = next(p for p in design.law.parameters if p.name == name)
        assert abs(math.log(result.params[name] / true)) < (0.5 if parameter.log else 0.1), name
    assert result.warnings == ()
    assert result.diagnostics.n_starts_agreeing > 0.2 * result.diagnostics.n_starts


@pytest.mark.slow
def test_predicts_within_its_band_and_the_held_out_runs(recovered):
    design, result = recovered
    smallest = design.law.response == "B_crit"  # batches grow as the loss falls
    reach = 1 / np.array([1.0, 1.2, 1.5]) if smallest else np.array([1.0, 3.0, 10.0])
    ends = {name: values.min() if smallest else values.max() for name, values in design.inputs.items()}
    further = {name: end * reach for name, end in ends.items()}
    low, high = result.band(further)
    predicted = result.predict(further)
    assert ((low < predicted) & (predicted < high)).all()
    assert (np.diff(high / low) > 0).all()
    truth = design.law.predict(design.params, further)
    np.testing.assert_allclose(predicted, truth, rtol=4 * design.spread)
    new_low, new_high = result.band(further, new_run=True)
    assert ((new_low < low) & (high < new_high)).all()
    assert result.diagnostics.held_out_error < 4 * design.spread
    assert result.diagnostics.held_out_points >= 0.15 * len(result.points)


@pytest.mark.slow
def test_json_is_strict_and_has_the_contracts_keys(recovered):
    design, result = recovered
    value = json.loads(json.dumps(result.to_json(), allow_nan=False))
    contract = [
        *("law", "params", "interval", "objective", "n_points", "excluded", "derived", "diagnostics"),
        "warnings",
    ]
    assert [key for key in value if key in contract] == contract
    assert set(value) - set(contract) >= {"derived_interval", "formula", "draws"}
    assert value["params"] == result.params
    assert value["interval"]["level"] == 0.95
    for name in design.law.parameter_names:
        assert value["interval"][name] == list(result.interval[name])
        assert len(value["draws"][name]) == 300
    assert set(value["derived_interval"]) == set(value["derived"])
    assert value["n_points"] == len(result.points)


@pytest.mark.slow
def test_checklist_answers_every_item(recovered):
    _, result = recovered
    answers = dict(result.checklist())
    assert {"form", "free parameters", "counts", "points used", "points dropped", "objective"} <= set(answers)
    assert {"starts", "starts that agree", "interval", "held-out extrapolation error"} <= set(answers)
    assert all(answers.values())
    assert f"{result.objective:.9g}" in answers["objective"]


@pytest.mark.slow
def test_a_derived_quantity_has_the_interval_of_its_draws():
    result = fit(GRID.table(), "chinchilla", bootstrap=300)
    draws = result.draws["beta"] / (result.draws["alpha"] + result.draws["beta"])
    low, high = result.derived_interval["a"]
    inside = np.quantile(draws, [0.025, 0.975], method="inverted_cdf")
    assert low <= inside[0] < result.derived["a"] < inside[1] <= high
    assert result.quantity(lambda p: p["beta"] / (p["alpha"] + p["beta"])) == (
        result.derived["a"],
        (low, high),
    )


@pytest.mark.slow
def test_derived_quantities_follow_from_the_parameters():
    result = fit(GRID.table(), CHINCHILLA, bootstrap=0)
    p = result.params
    assert result.derived["a"] == pytest.approx(p["beta"] / (p["alpha"] + p["beta"]))
    assert result.derived["a"] + result.derived["b"] == pytest.approx(1)


def test_same_seed_same_fit_other_seed_other_interval():
    one, again, other = (fit(KAPLAN.table(), "kaplan-n", bootstrap=200, seed=seed) for seed in (0, 0, 1))
    assert one.interval == again.interval
    assert one.interval != other.interval
    assert one.params == other.params


def test_rows_of_one_run_are_not_independent():
    """Ten runs with a level of their own, ten rows each: rows taken as runs give far narrower intervals."""
    sizes = np.repeat(np.geomspace(1e5, 1e9, 10), 10)
    level = np.repeat(0.02 * np.random.default_rng(0).standard_normal(10), 10)
    loss = noisy(KAPLAN.law.predict(KAPLAN.params, {"N": sizes}) * np.exp(level), noise=0.001)
    rows = pl.DataFrame({"N": sizes, "loss": loss})
    runs = rows.with_columns(run=pl.Series([f"run {i // 10}" for i in range(100)]))
    width = [np.diff(fit(t, "kaplan-n", bootstrap=400).interval["alpha_N"])[0] for t in (runs, rows)]
    assert width[0] > 2 * width[1]


def test_no_irreducible_loss_is_not_bounded_below():
    pure = pl.DataFrame({"N": SIZES, "loss": noisy(KAPLAN.law.predict(KAPLAN.params, {"N": SIZES}))})
    result = fit(pure, "power-offset", bootstrap=300)
    low, high = result.interval["L_inf"]
    assert low is None
    assert 0 < high < pure["loss"].min()
    assert "L_inf is not bounded below by these runs" in result.warnings
    assert result.to_json()["interval"]["L_inf"][0] is None


def test_a_loss_that_falls_faster_than_a_power_bounds_no_irreducible_loss():
    """The fit would have the floor below zero: it misses the points, and does not say that the floor is 0."""
    falling = pl.DataFrame({"N": SIZES, "loss": noisy(4 - 0.2 * np.log(SIZES / SIZES[0]))})
    result = fit(falling, "power-offset", bootstrap=200)
    assert result.params["L_inf"] == 0
    assert result.interval["L_inf"] == (None, None)
    assert "L_inf is not bounded on either side by these runs" in result.warnings


@pytest.mark.parametrize("law", ["kaplan-n", "power-offset"])
def test_a_loss_that_does_not_fall_bounds_no_exponent(law):
    flat = pl.DataFrame({"N": SIZES, "loss": noisy(np.full(12, 2.0))})
    result = fit(flat, law, bootstrap=300)
    assert all(low is None for low, _ in result.interval.values())


@pytest.mark.slow
def test_one_token_count_says_nothing_of_the_data_term():
    inputs = {"N": np.geomspace(1e6, 1e9, 30), "E": np.full(30, 1e10)}
    table = pl.DataFrame({**inputs, "loss": noisy(CHINCHILLA.predict(GRID.params, inputs))})
    result = fit(table, "chinchilla", bootstrap=200)
    assert result.interval["beta"] == result.interval["B"] == result.interval["L_inf"] == (None, None)
    low, high = result.interval["alpha"]
    assert low < 0.34 < high


@pytest.mark.slow
def test_a_ladder_of_twenty_tokens_per_parameter_is_refused_an_interval():
    sizes = np.geomspace(1e6, 1e9, 30)
    inputs = {"N": sizes, "E": 20 * sizes}
    table = pl.DataFrame({**inputs, "loss": noisy(CHINCHILLA.predict(GRID.params, inputs))})
    result = fit(table, "chinchilla", bootstrap=200)
    assert any(
        "cannot tell the exponents apart" in warning and "vary E at fixed N" in warning
        for warning in result.warnings
    )
    assert set(result.interval.values()) == {(None, None)}


def test_as_many_runs_as_parameters_give_no_interval():
    sizes = SIZES[[0, 5, 11]]
    result = fit(
        pl.DataFrame({"N": sizes, "loss": OFFSET.law.predict(OFFSET.params, {"N": sizes})}), "power-offset"
    )
    assert set(result.interval.values()) == {(None, None)}
    assert result.draws == {}
    low, high = result.band({"N": [1e9]})
    assert (low, high) == (0, np.inf)
    assert any(
        "these runs cannot bound it: 3 runs for the 3 parameters" in warning for warning in result.warnings
    )
    assert result.diagnostics.held_out_error is None
    assert any("too few points are left without the largest runs" in warning for warning in result.warnings)


def test_four_runs_are_too_few_for_three_parameters():
    sizes = SIZES[::3]
    table = pl.DataFrame({"N": sizes, "loss": noisy(OFFSET.law.predict(OFFSET.params, {"N": sizes}))})
    assert set(fit(table, "power-offset", bootstrap=300).interval.values()) == {(None, None)}


def test_fewer_points_than_parameters_is_an_error_naming_both():
    table = pl.DataFrame({"N": [1e6, 1e6, 1e7], "E": [1e9, 1e9, 1e9], "loss": [3.0, 3.1, 2.8]})
    with pytest.raises(FitError, match=r"chinchilla has 5 parameters .* only 2 distinct points in N, E"):
        fit(table, "chinchilla")


def test_a_law_in_n_keeps_one_token_count_and_says_so():
    inputs = {"N": np.array([1e5, 1e6, 1e7, 1e8, 1e5, 1e6, 1e7]), "E": np.array([1e9] * 4 + [1.2e9] * 3)}
    inputs["E"][0] *= 1.005  # within 1%: the same count
    table = pl.DataFrame({**inputs, "loss": CHINCHILLA.predict(GRID.params, inputs)})
    result = fit(table, "kaplan-n", bootstrap=0)
    assert result.points["E"].max() < 1.1e9
    assert len(result.points) == 4
    assert result.excluded == (Exclusion("E is not 1B, the value shared by the most sizes", 3),)
    assert "3: E is not" in dict(result.checklist())["points dropped"]


def test_ties_between_token_counts_go_to_the_largest():
    inputs = {"N": np.array([1e5, 1e6, 1e5, 1e6]), "E": np.array([1e9, 1e9, 2e9, 2e9])}
    table = pl.DataFrame({**inputs, "loss": CHINCHILLA.predict(GRID.params, inputs)})
    assert fit(table, "kaplan-n", bootstrap=0).points["E"].to_list() == [2e9, 2e9]


def test_a_law_in_tokens_keeps_one_size():
    result = fit(GRID.table(), "power-offset", x="E", bootstrap=0)
    assert result.points["N"].n_unique() == 1
    assert result.law.inputs == ("E",)


def test_no_shared_token_count_uses_all_points_and_warns():
    inputs = {"N": SIZES, "E": 20 * SIZES}
    table = pl.DataFrame({**inputs, "loss": KAPLAN.law.predict(KAPLAN.params, inputs)})
    result = fit(table, "kaplan-n", bootstrap=0)
    assert len(result.points) == 12
    assert any("token counts and sizes vary together" in warning for warning in result.warnings)


@pytest.mark.slow
def test_repeated_data_is_pointed_out_to_a_one_pass_law():
    table = GRID.table().with_columns(U=pl.col("E") / 4)
    warnings = fit(table, "chinchilla", bootstrap=0).warnings
    assert "168 points repeat their data (E > U), and chinchilla assumes fresh tokens" in warnings


def test_repeated_data_is_pointed_out_to_a_law_of_size():
    table = KAPLAN.table().with_columns(E=pl.lit(4e9), U=pl.lit(1e9))
    warnings = fit(table, "kaplan-n", bootstrap=0).warnings
    assert f"{len(table)} points repeat their data (E > U), and kaplan-n assumes fresh tokens" in warnings


def test_fits_runs_from_their_directory(tmp_path):
    result = fit(load_points(write_ladder(tmp_path / "study")), "kaplan-n", bootstrap=200)
    assert len(result.points) == 6
    assert result.params["alpha_N"] > 0
    assert "n_nonembedding" in dict(result.checklist())["counts"]
    assert result.excluded[-1].reason == "measured mid-schedule, not annealed"


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"bootstrap": 10}, "bootstrap=10: an interval needs at least 100 draws"),
        ({"huber_delta": 0.0}, "huber_delta=0.0: must be positive"),
        ({"huber_delta": math.nan}, "huber_delta=nan"),
        ({"level": 1.0}, "level=1.0: must be"),
        ({"seed": -1}, "seed=-1: must not be negative"),
        ({"above": 0.0}, "above=0.0: must be above 0 and at most 1"),
        ({"noise": "sem"}, "noise='sem' is not a column; the points have N, loss, run"),
    ],
)
def test_bad_settings(settings, sentence):
    with pytest.raises((FitError, LawError), match=sentence):
        fit(KAPLAN.table(), "kaplan-n", **settings)


def test_a_table_without_what_the_law_needs():
    with pytest.raises(FitError, match="chinchilla needs the column E; the points have N, loss"):
        fit(KAPLAN.table(), "chinchilla")
    with pytest.raises(PointsError, match="a table: column loss, row 2: nan is not a positive number"):
        fit(pl.DataFrame({"N": [1.0, 2.0, 3.0], "loss": [1.0, math.nan, 2.0]}), "kaplan-n")
    with pytest.raises(FitError, match="kaplan-n needs N; N is missing"):
        fit(KAPLAN.table(), "kaplan-n", bootstrap=0).predict({"E": [1.0]})


def test_points_carry_their_count_and_exclusions_through():
    points = Points(KAPLAN.table(), (Exclusion("status diverged", 2),), "somewhere", "n_params")
    result = fit(points, "kaplan-n", bootstrap=0)
    assert result.excluded == (Exclusion("status diverged", 2),)
    assert result.diagnostics.count == "n_params"
    assert dict(result.checklist())["interval"] == "none"


def test_importing_analysis_does_not_import_jax():
    import subprocess

    code = "import sys, quarry, quarry.analysis; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_losses_beyond_the_search_of_an_irreducible_loss_are_pointed_out():
    table = DESIGNS["power-offset"].table(seed=1)
    found = fit(table.with_columns(pl.col("loss") * 1000), "power-offset", bootstrap=0)
    assert any("L_inf is searched up to 100" in warning for warning in found.warnings)
    assert not any("searched up to" in w for w in fit(table, "power-offset", bootstrap=0).warnings)


@pytest.mark.parametrize(("copies", "says"), [(1, "1 row repeats another"), (2, "2 rows repeat others")])
def test_rows_that_repeat_others_are_counted(copies, says):
    table = DESIGNS["power-offset"].table(seed=1)
    found = fit(pl.concat([table, table[:copies]]), "power-offset", bootstrap=0)
    assert any(says in warning for warning in found.warnings)


@pytest.mark.slow
def test_draws_of_the_compute_frontier_choose_their_own_points():
    """Three sizes of equal worth at each budget: which of them is lucky is part of the error."""
    held, budgets = [], np.repeat(np.geomspace(1e15, 1e19, 9), 3)
    for seed in range(20):
        sizes, rng = np.sqrt(budgets / 6) * np.tile([0.5, 1.0, 2.0], 9), np.random.default_rng(seed)
        loss = (1e24 / budgets) ** 0.05 * np.exp(0.01 * rng.standard_normal(27))
        table = pl.DataFrame({"C": budgets, "N": sizes, "E": budgets / 6 / sizes, "loss": loss})
        found = fit(table, "kaplan-c", bootstrap=100)
        low, high = found.interval["alpha_C"]
        held.append(low <= 0.05 <= high)
    assert sum(held) >= 18
    assert found.intervals is not None
    chosen = found.intervals.data.chosen(np.ones((1, 27)))[0] > 0
    assert set(found.intervals.data.inputs["C"][chosen]) == set(found.points["C"])
    assert found.intervals.draws.units.size == 27  # all runs are drawn, not those of the frontier alone
