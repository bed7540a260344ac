"""The fall of r_inf with N, split into extraction and the change of the own least loss."""

import numpy as np
import pytest

from quarry.analysis.epochs.grid import FirstPass, Grid
from quarry.analysis.epochs.reuse import reuse
from quarry.analysis.epochs.shares import fixed_passes_table, shares_table
from quarry.analysis.fitting.intervals import IntervalSettings

SIZES, TOKENS, U = 1e4 * 2.0 ** np.arange(5), 2.0 ** np.arange(10, 32, 0.25), 2.0**16
SETTINGS = IntervalSettings(0.95)
PASSES = np.array([1.0, 4.0, 32.0])


def fresh_loss(n, e):
    """E_l ~ N^-0.4: 1 + (E N^0.4)^-0.2."""
    return 1 + 30 * (e * n**0.4) ** -0.2


def worlds(last):
    """Fresh runs, and a grid whose passes are worth 1, 4 and `last` [N] times U fresh tokens."""
    worth = np.stack([np.ones(5), np.full(5, 4.0), last], axis=1)
    losses = fresh_loss(SIZES[:, None], worth * U)
    fresh = FirstPass(SIZES, TOKENS, fresh_loss(SIZES[:, None], TOKENS)[None])
    return Grid(SIZES, np.array([U]), PASSES, losses[None, :, None, :]), fresh


@pytest.mark.parametrize("fall", [0.0, 0.3])
def test_the_terms_are_those_of_the_world_and_sum_to_the_fall(fall):
    grid, fresh = worlds(20 * (SIZES / SIZES[0]) ** -fall)
    row = shares_table({"plain": grid}, fresh, SETTINGS).row(0, named=True)
    assert row["total"] == pytest.approx(-fall, abs=0.01)
    assert row["extraction"] == pytest.approx(-0.4, abs=0.01)
    assert row["own_least"] == pytest.approx(0.4 - fall, abs=0.01)
    assert row["sizes"] == 5


def test_overfitting_shows_in_the_own_least_loss_and_not_after_few_passes():
    grid, fresh = worlds(20 * (SIZES / SIZES[0]) ** -0.3)
    slopes = fixed_passes_table({"plain": grid}, {"plain": reuse(grid, fresh, 0)}, SETTINGS)
    assert dict(slopes.select("k", "slope").iter_rows()) == pytest.approx({4.0: 0.0, 32.0: -0.3}, abs=0.01)


def test_sizes_whose_loss_the_fresh_runs_do_not_show_are_left_out():
    grid, fresh = worlds(np.array([20.0, 20.0, 20.0, 20.0, 1e9]))
    assert shares_table({"plain": grid}, fresh, SETTINGS)["sizes"].to_list() == [4]
