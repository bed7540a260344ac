"""The right law is hardly ever doubted, and a wrong one always."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from quarry import fit
from quarry.analysis.fitting.bootstrap import refit
from quarry.analysis.fitting.misfit import measure_misfit
from quarry.analysis.fitting.objective import Objective
from quarry.analysis.fitting.search import Data
from tests.analysis.designs import DESIGNS, OFFSET, Design

REPEATS = 150
WRONG = (
    ("skaling", "chinchilla"),
    ("data-constrained", "chinchilla"),
    ("power-offset", "kaplan-n"),
    ("broken-power", "power-offset"),
)


def probabilities(design: Design) -> np.ndarray:
    """Of the misfit of the right law, in repeats with seed noise shared by each run's rows."""
    targets = design.log_losses(REPEATS, seed=11)
    data = Data(design.law, design.inputs, targets[0], design.runs, Objective(), np.ones(len(design.runs)))
    params = refit(data, np.ones_like(targets), np.array([design.true]), targets).params
    found = (measure_misfit(replace(data, target=t), p) for t, p in zip(targets, params, strict=True))
    return np.array([one.probability for one in found if one is not None])


@pytest.mark.slow
@pytest.mark.parametrize("name", DESIGNS)
def test_the_right_law_is_doubted_at_most_as_often_as_its_probability_says(name):
    found = probabilities(DESIGNS[name])
    assert len(found) == REPEATS
    assert (found < 1e-3).sum() <= 2
    assert 0.02 <= (found < 0.05).mean() < 0.12


@pytest.mark.slow
@pytest.mark.parametrize(("truth", "law"), WRONG)
def test_a_wrong_law_is_rejected(truth, law):
    result = fit(DESIGNS[truth].table(seed=1), law, bootstrap=0)
    rejections = [warning for warning in result.warnings if f"{law} is rejected by these points" in warning]
    assert len(rejections) == 1
    assert result.diagnostics.misfit.probability < 1e-3
    assert result.diagnostics.misfit.size > DESIGNS[truth].spread
    assert f"{result.diagnostics.misfit.size:.2%} of the loss" in rejections[0]


def test_too_few_runs_cannot_tell():
    table = OFFSET.table().filter(pl.col("run").is_in([f"run {i}" for i in (0, 10, 20, 30)]))
    result = fit(table, "kaplan-n", bootstrap=0)
    assert result.diagnostics.misfit is None
    assert not any("rejected" in warning for warning in result.warnings)
