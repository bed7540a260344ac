"""Tokens to a loss by size, Kaplan's closed form beside them, and the floor that other runs bound."""

import numpy as np
import polars as pl
import pytest

from quarry.analysis.epochs.floors import floors
from quarry.analysis.epochs.grid import FirstPass, Grid
from quarry.analysis.epochs.inputs import FirstPassBatch
from quarry.analysis.epochs.sample_efficiency import (
    exponents_table,
    tokens_table,
    tokens_to_loss,
)
from quarry.analysis.epochs.study import study_epochs
from quarry.analysis.fitting.intervals import IntervalSettings
from quarry.analysis.laws.batch_size import minimum_steps
from quarry.errors import FitError
from tests.analysis.epochs.known_surface import L_0, Surface, runs

SIZES, TOKENS = 1e4 * 4.0 ** np.arange(5), 2.0 ** np.arange(16, 25)
SETTINGS = IntervalSettings.of_noise(0.95, 0)
CRITICAL = {"B_star": 1e5, "alpha_B": 0.3}


def kaplan(steps, scale):
    """L(N, S) with N_c = 1e9 and S_c = `scale`, by size and steps."""
    return (1e9 / SIZES[:, None]) ** 0.02 + (scale / steps) ** 0.4


def exact(batch=None):
    """First passes whose steps (tokens, without a batch) follow Kaplan's form."""
    losses = kaplan(TOKENS, 3e3) + np.zeros((len(SIZES), 1))
    for _ in range(200 if batch else 0):  # the loss and its critical batch depend on each other
        losses = kaplan(TOKENS / (batch.tokens + batch.critical_at(losses)), 0.08)
    return FirstPass(SIZES, TOKENS, losses[None])


@pytest.mark.slow
def test_tokens_of_kaplans_form_are_his():
    found = tokens_to_loss(exact(), np.array([1.31, 1.38]))
    rows = tokens_table(found, SETTINGS)
    assert len(rows) == 10
    assert rows["kaplan"].to_numpy() == pytest.approx(rows["tokens"].to_numpy(), rel=0.04)  # linear between
    gammas = exponents_table(found, SETTINGS)
    assert gammas["kaplan"].to_numpy() == pytest.approx(gammas["gamma"].to_numpy(), abs=0.01)
    assert gammas["sizes"].to_list() == [5, 5]


@pytest.mark.slow
def test_a_known_critical_batch_makes_them_minima():
    batch = FirstPassBatch(4096.0, CRITICAL)
    fresh = exact(batch)
    targets = np.array([1.35])
    plain, least = (tokens_table(tokens_to_loss(fresh, targets, b), SETTINGS) for b in (None, batch))
    saved = 1 + 4096 / (1e5 / 1.35 ** (1 / 0.3))
    assert plain["tokens"].to_numpy() / least["tokens"].to_numpy() == pytest.approx(saved)
    assert least["kaplan"].to_numpy() == pytest.approx(least["tokens"].to_numpy(), rel=0.03)
    steps = minimum_steps(plain["tokens"].to_numpy() / batch.tokens, batch.tokens, batch.critical_at(1.35))
    assert least["S_min"].to_numpy() == pytest.approx(steps)
    assert plain["S_min"].null_count() == len(plain)


def test_a_size_whose_floor_is_above_a_loss_has_no_tokens_by_his_form():
    fresh = exact()
    floor = float((1e9 / SIZES[0]) ** 0.02)
    found = tokens_to_loss(fresh, np.array([floor - 0.01]))
    assert np.isnan(found.kaplan[0, 0])
    assert np.isfinite(found.kaplan[-1, 0])


@pytest.mark.slow
def test_the_study_takes_the_critical_batch_and_says_what_it_lacks():
    table = runs(Surface(), 0, noise=0.0).with_columns(B=1024.0)
    plain = study_epochs(table, L_0, losses=(1.7,), bootstrap=0).tokens_to_loss
    least = study_epochs(table, L_0, losses=(1.7,), critical=CRITICAL, bootstrap=0).tokens_to_loss
    saved = 1 + 1024 / (1e5 / 1.7 ** (1 / 0.3))
    assert plain["tokens"].to_numpy() / least["tokens"].to_numpy() == pytest.approx(saved)
    with pytest.raises(FitError, match=r"'B_star': 100000.0}: must be B_star and alpha_B"):
        study_epochs(table, L_0, critical={"B_star": 1e5}, bootstrap=0)
    with pytest.raises(FitError, match=r"B_star=0\.0: must be positive and finite"):
        study_epochs(table, L_0, critical={"B_star": 0.0, "alpha_B": 0.2}, bootstrap=0)
    with pytest.raises(FitError, match=r"losses=-1\.0: must be positive and finite"):
        study_epochs(table, L_0, losses=(1.7, -1.0), bootstrap=0)
    with pytest.raises(FitError, match=r"must have one B .* they have none"):
        study_epochs(table.drop("B"), L_0, critical=CRITICAL, bootstrap=0)
    mixed = table.with_columns(B=pl.when(pl.col("U") > 1e6).then(2048.0).otherwise("B"))
    with pytest.raises(FitError, match="they have 1024, 2048"):
        study_epochs(mixed, L_0, critical=CRITICAL, bootstrap=0)


def test_a_floor_above_what_one_pass_or_fewer_tokens_gave_or_of_few_passes_is_none():
    unique, passes = 2.0 ** np.array([16, 18, 20]), np.array([1.0, 16.0])
    losses = np.full((1, 2, 3, 2), 2.0) - np.array([0.0, 0.3, 0.4])[:, None]
    fresh = FirstPass(SIZES[:2], unique, np.array([[[2.5, 2.5, 2.5], [2.5, 2.5, 2.5]]]))
    assert floors(Grid(SIZES[:2], unique, passes, losses), fresh).default[0] == pytest.approx([2.0, 1.7, 1.6])
    few = Grid(SIZES[:2], unique, np.array([1.0, 4.0]), losses)
    assert np.isnan(floors(few, fresh).default[0]).all()
    fresh.losses[0, 1, 2] = 1.5
    assert np.isnan(floors(Grid(SIZES[:2], unique, passes, losses), fresh).default[0, 2])
    fresh.losses[0, 1, 2] = 2.5
    losses[:, :, 1] = 2.2
    assert np.isnan(floors(Grid(SIZES[:2], unique, passes, losses), fresh).default[0, 1])
