"""Runs far from the law are named, early checkpoints of learning curves are told apart from them."""

import numpy as np
import polars as pl
import pytest

from quarry import fit
from quarry.analysis.fitting.objective import Objective
from quarry.analysis.fitting.outliers import Outliers, Strays, find_outliers
from quarry.analysis.fitting.search import Data
from quarry.analysis.points.loading import as_points
from tests.analysis.designs import GRID, KAPLAN
from tests.analysis.quick import QUICK

ROWS = 30
"""Evaluations of each run."""


def curves(early: float = 0.3, wrong: int | None = None) -> pl.DataFrame:
    """Twelve learning curves of Chinchilla's law that begin above it by a share; one may be wrong."""
    rng, runs = np.random.default_rng(0), []
    for i in range(12):
        n = np.full(ROWS, 1e7 * 2 ** (i / 2))
        inputs = {"N": n, "E": np.linspace(1, ROWS, ROWS) * 4 / 3 * n}
        noise = np.exp(0.003 * rng.standard_normal() + 0.001 * rng.standard_normal(ROWS))
        loss = QUICK.predict(GRID.params, inputs) * noise * (1 + early * np.exp(-np.arange(ROWS)))
        loss = loss * 1.06 if i == wrong else loss
        runs.append(pl.DataFrame(inputs | {"run": [f"run {i}"] * ROWS, "loss": loss}))
    return pl.concat(runs)


def of_the_truth(table: pl.DataFrame) -> Outliers:
    data = Data.of(as_points(table, QUICK).table, QUICK, Objective())
    return find_outliers(data, np.array([GRID.params[name] for name in QUICK.parameter_names]))


def test_early_checkpoints_mark_no_run_and_can_be_left_out():
    far = of_the_truth(curves())
    assert (far.runs, far.single.points, len(far.early.runs)) == ([], 0, 12)
    (warning,) = far.warnings()
    assert warning.startswith(f"{far.early.points} early checkpoints of 12 runs lie more than six typical")
    assert f'leave them out (--exclude "{far.early.cut}")' in warning
    kept = as_points(curves(), QUICK).exclude([far.early.cut])
    assert 0.75 * 12 * ROWS < len(kept.table) <= 12 * ROWS - far.early.points
    assert of_the_truth(kept.table).early.points < far.early.points
    assert far.to_json()["early_checkpoints"]["points"] == far.early.points


@pytest.mark.parametrize("early", [0.0, 0.3])
def test_a_curve_far_from_the_law_is_a_run_whatever_its_beginning(early):
    far = of_the_truth(curves(early, wrong=5))
    assert far.runs == ["run 5"]
    assert "run 5" not in far.early.runs


def test_a_spike_within_a_curve_is_a_point_of_its_run():
    table = curves(0.0)
    spike = (pl.col("run") == "run 3") & (pl.int_range(pl.len()).over("run") == 20)
    far = of_the_truth(table.with_columns(loss=pl.when(spike).then(pl.col("loss") * 1.2).otherwise("loss")))
    assert far == Outliers([], Strays(0, []), Strays(1, ["run 3"]))
    (told,) = far.warnings()
    assert told.startswith(
        "1 point of run 3 lies more than six typical residuals from the law, and the other"
    )


def test_curves_that_follow_the_law_have_no_outliers():
    assert list(of_the_truth(curves(0.0)).warnings()) == []


def test_runs_far_from_the_law_are_named_and_the_first_five_only():
    table = KAPLAN.table().with_columns(
        loss=pl.when(pl.col("run").is_in([f"run {i}" for i in (3, 7, 11, 20, 21, 30)]))
        .then(pl.col("loss") * 1.3)
        .otherwise("loss")
    )
    result = fit(table, "kaplan-n", bootstrap=0)
    assert result.diagnostics.outliers == ["run 3", "run 7", "run 11", "run 20", "run 21", "run 30"]
    (warning,) = (warning for warning in result.warnings if "typical residuals" in warning)
    assert warning.startswith("6 runs lie more than six typical residuals from the law: run 3, run 7")
    assert warning.endswith("run 21 and others")


def test_an_exact_fit_has_no_outliers():
    data = Data(KAPLAN.law, KAPLAN.inputs, np.log(KAPLAN.exact()), KAPLAN.runs, Objective(), np.ones(80))
    assert find_outliers(data, np.array(KAPLAN.true)) == Outliers([], Strays(0, []), Strays(0, []))
