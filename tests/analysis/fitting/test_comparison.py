"""Comparisons of laws: the same points, honest held-out errors, and no winner within the noise."""

import numpy as np
import polars as pl
import pytest

from quarry import fit
from quarry.analysis.fitting.comparison.cross_validation import leave_one_out
from quarry.analysis.fitting.comparison.ranking import compare
from quarry.analysis.laws.catalog import find_law
from quarry.analysis.laws.chinchilla import CHINCHILLA, OVERTRAINING
from quarry.errors import FitError
from tests.analysis.designs import GRID, KAPLAN

LADDER = GRID.table(seed=3).with_columns(C=6 * pl.col("N") * pl.col("E"))


@pytest.fixture(scope="module")
def fitted():
    return fit(LADDER, "chinchilla", bootstrap=0)


@pytest.fixture(scope="module")
def comparison():
    return compare(LADDER, ["overtraining", "chinchilla"], cut=1e20)


@pytest.mark.slow
def test_the_law_that_made_the_points_wins(comparison):
    table = comparison.ranking
    assert table["law"].to_list() == ["chinchilla", "overtraining"]
    assert table["parameters"].to_list() == [5, 4]
    assert (table["held_out_error"].diff().drop_nulls() > 0).all()
    assert table["held_out_error"][0] < 3 * GRID.spread
    law, rival, difference, probability = comparison.pairs.row(0)
    assert (law, rival) == ("chinchilla", "overtraining")
    assert difference == pytest.approx(table["held_out_error"][1] - table["held_out_error"][0])
    assert probability > 0.95
    assert table["objective"][0] == comparison.fits["chinchilla"].objective
    assert comparison.warnings == ()


@pytest.mark.slow
def test_held_out_runs_lie_beyond_the_cut_whole_and_are_predicted_without_them(comparison):
    beyond = LADDER.filter(pl.col("C").max().over("run") > 1e20)
    below = LADDER.join(beyond, on="run", how="anti")
    assert beyond["C"].min() < 1e20
    assert comparison.cut == below["C"].max()
    error = fit(below, "chinchilla", bootstrap=0).predictions(beyond)["error"]
    row = comparison.ranking.row(by_predicate=pl.col("law") == "chinchilla", named=True)
    assert row["held_out_error"] == pytest.approx(error.abs().mean(), rel=1e-3)


@pytest.mark.slow
def test_one_law_under_two_names_is_no_better_than_itself():
    result = compare(LADDER, {"one": "chinchilla", "other": CHINCHILLA})
    assert result.pairs["probability"].to_list() == [0.5]
    assert result.pairs["difference"].to_list() == [0]
    assert result.warnings == (
        "one predicts the held-out runs no better than other within their noise "
        "(probability 0.50 that it is better)",
    )
    held = LADDER.filter(pl.col("C").max().over("run") > result.cut)["run"].n_unique()
    assert held == round(0.2 * LADDER["run"].n_unique())


@pytest.mark.slow
def test_laws_are_fitted_on_the_points_that_all_can_use():
    frontier_and_all = compare(LADDER, ["kaplan-c", "overtraining"], by="C")
    one, other = frontier_and_all.fits.values()
    assert one.points["loss"].to_list() == other.points["loss"].to_list()
    assert len(one.points) < len(LADDER)
    assert any(
        warning.startswith(
            f"kaplan-c can use only {len(one.points)} of {len(LADDER)} points (above the compute"
        )
        for warning in frontier_and_all.warnings
    )


@pytest.mark.slow
def test_few_held_out_runs_say_nothing_of_noise():
    sizes = np.geomspace(1e5, 1e9, 10)
    loss = KAPLAN.law.predict(KAPLAN.params, {"N": sizes}) * np.exp(
        0.003 * np.random.default_rng(0).normal(size=10)
    )
    result = compare(pl.DataFrame({"N": sizes, "loss": loss}), ["kaplan-n", "power-offset"])
    assert result.pairs["probability"].to_list() == [None]
    assert any("fewer than 5 runs are held out" in warning for warning in result.warnings)


@pytest.mark.slow
def test_leaving_a_size_out_is_a_fit_without_it(fitted):
    table = leave_one_out(fitted, by="N")
    assert table["N"].to_list() == pytest.approx(sorted(set(GRID.inputs["N"])))
    assert table["points"].sum() == len(LADDER)
    size = table["N"][-1]
    without = fit(LADDER.filter(pl.col("N") < size * 0.9), "chinchilla", bootstrap=0)
    error = without.predictions(LADDER.filter(pl.col("N") > size * 0.9))["error"]
    assert table["error"][-1] == pytest.approx(error.abs().mean(), rel=1e-3)
    assert table["bias"][-1] == pytest.approx(error.mean(), rel=1e-3)
    assert table["extrapolated"].to_list() == [True, *[False] * (len(table) - 2), True]


@pytest.mark.slow
def test_runs_are_left_out_by_name_and_near_values_together(fitted):
    by_run = leave_one_out(fitted, by="run")
    assert by_run["run"].to_list() == sorted(set(LADDER["run"]))
    assert not by_run["extrapolated"].any()
    jittered = LADDER.with_columns(N=pl.col("N") * (1 + 0.002 * (pl.int_range(pl.len()) % 3)))
    assert len(leave_one_out(fit(jittered, "chinchilla", bootstrap=0))) == LADDER["N"].n_unique()


def test_a_size_that_the_law_needs_has_no_error():
    table = pl.DataFrame({"N": [1e5, 1e6, 1e7], "loss": [4.0, 3.4, 2.9]})
    result = leave_one_out(fit(table, "kaplan-n", bootstrap=0))
    assert result["error"].to_list() == [None] * 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("laws", "settings", "sentence"),
    [
        (["chinchilla"], {}, "1 law given: a comparison needs two or more"),
        (["chinchilla", CHINCHILLA], {}, "two laws are called chinchilla: give laws by the names to show"),
        (["chinchilla", "critical-batch"], {}, "the laws are of different things, B_crit and loss"),
        (["chinchilla", "overtraining"], {"bootstrap": 5}, "bootstrap=5: a probability needs at least 100"),
        (
            ["chinchilla", OVERTRAINING],
            {"cut": 1e30},
            r"cut=1e\+30: no run has more compute; the largest has",
        ),
        (
            ["chinchilla", OVERTRAINING],
            {"cut": 1e10},
            r"cut=1e\+10: 0 distinct points below it, too few for 5",
        ),
    ],
)
def test_bad_requests(laws, settings, sentence):
    with pytest.raises(FitError, match=sentence):
        compare(LADDER, laws, **settings)


@pytest.mark.slow
def test_columns_that_cannot_be_left_out(fitted):
    with pytest.raises(FitError, match="by='M' is not a column"):
        leave_one_out(fitted, by="M")
    one_corpus = fit(LADDER.with_columns(corpus=pl.lit("books")), "chinchilla", bootstrap=0)
    with pytest.raises(FitError, match="by='corpus': 1 distinct value, too few"):
        leave_one_out(one_corpus, by="corpus")


def test_laws_without_a_point_in_common():
    sizes = {"N": [1e6, 1e7, 1e8, 2e6, 2e6, 2e6], "E": [1e9, 1e9, 1e9, 2e9, 4e9, 8e9]}
    table = pl.DataFrame({**sizes, "loss": [4.0, 3.5, 3.2, 3.6, 3.5, 3.4]})
    in_tokens = find_law("power-offset", x="E")
    with pytest.raises(FitError, match=r"no point can be used by all laws \(in N 3 of 6; in E 3 of 6\)"):
        compare(table, {"in N": "kaplan-n", "in E": in_tokens})
