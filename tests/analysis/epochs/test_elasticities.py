"""What more of N, U or k gives, and the floors by each estimator, on grids where they are known."""

import numpy as np
import pytest

from quarry.analysis.epochs.elasticities import elasticities_table
from quarry.analysis.epochs.floors import floors, limit
from quarry.analysis.epochs.grid import FirstPass, Grid
from quarry.analysis.fitting.intervals import IntervalSettings

SIZES, UNIQUE, PASSES = 1e4 * 2.0 ** np.arange(5), 2.0 ** np.array([16, 18, 20]), 2.0 ** np.arange(6)
N, U, K = np.meshgrid(SIZES / 1e4, UNIQUE / 2**16, PASSES, indexing="ij")


def drawn(losses, draws=40, noise=0.001):
    shifts = noise * np.random.default_rng(0).standard_normal((1 + draws, *losses.shape))
    shifts[0] = 0
    return Grid(SIZES, UNIQUE, PASSES, losses * np.exp(shifts))


def test_the_gains_are_the_slopes_and_the_regime_the_largest():
    grid = drawn(3 - 0.02 * np.log(N) - 0.2 * np.log(U) - 0.1 * np.log(K))
    table = elasticities_table(grid, IntervalSettings(0.95))
    assert len(table) == grid.losses[0].size
    for name, gain in (("gain_N", 0.02), ("gain_U", 0.2), ("gain_k", 0.1)):
        assert table[name].to_numpy() == pytest.approx(gain, abs=1e-9)
    assert set(table["regime"]) == {"data"}
    assert table["only_data"].max() == 0


def test_only_data_lowers_the_loss_where_passes_and_sizes_raise_it():
    table = elasticities_table(
        drawn(3 + 0.02 * np.log(N) - 0.2 * np.log(U) + 0.1 * np.log(K)), IntervalSettings(0.95)
    )
    assert table["only_data"].min() == 1


def test_a_floor_by_each_estimator():
    """gamma differs by U: one exponent for all misses the limits, one for each finds them."""
    gammas = np.array([1.0, 0.7, 0.5])
    of_size = 1.5 - 0.1 * np.arange(3) + 0.3 * (SIZES[:, None] / 1e4) ** -gammas
    losses = np.repeat(of_size[:, :, None], len(PASSES), axis=2)
    grid = Grid(SIZES, UNIQUE, PASSES, losses[None])
    fresh = FirstPass(SIZES, UNIQUE, np.full((1, len(SIZES), len(UNIQUE)), np.nan))
    assert limit(SIZES, np.moveaxis(grid.of_size, 2, 1), shared=False)[0] == pytest.approx(
        [1.5, 1.4, 1.3], abs=0.01
    )
    assert floors(grid, fresh, "grid").default[0] == pytest.approx(of_size[-1])
    averaged = np.array([[1.45, np.nan, np.nan]])
    found = floors(grid, fresh, "ensemble", averaged).default[0]
    assert found[0] == 1.45
    assert found[1] == pytest.approx(floors(grid, fresh).default[0][1])
