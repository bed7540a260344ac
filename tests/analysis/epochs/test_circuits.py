"""Four small runs beside one larger, and unique tokens for parameters at equal loss, of known losses."""

import numpy as np
import polars as pl
import pytest

from quarry.analysis.epochs.circuits import MEMBERS, circuits_table
from quarry.analysis.epochs.exchange import exchange_table
from quarry.analysis.epochs.grid import Grid
from quarry.analysis.fitting.intervals import IntervalSettings

SETTINGS = IntervalSettings(0.95)
SIZES, UNIQUE, PASSES = 1e4 * 4.0 ** np.arange(3), 2.0 ** np.arange(16, 26, 2), 2.0 ** np.arange(4)


def grid(losses, draws=50, noise=0.001):
    shifts = noise * np.random.default_rng(1).standard_normal((1 + draws, *losses.shape))
    shifts[0] = 0.0
    return Grid(SIZES, UNIQUE, PASSES, losses * np.exp(shifts))


def averaged(n, loss, limit, members=5):
    """Losses of 1 to 5 averaged runs, L + c / K, alike without each member."""
    cell = {"n_nonembedding": n, "unique_tokens": 2**16, "tokens": 2**16, "peak_learning_rate": 0.1}
    return [
        cell
        | {"weight_decay": 0.1, "dropout": 0.0, "without": out, "members": count}
        | {"loss": limit + (loss - limit) / count + (0.0 if out is None else 0.001 * (out - 2))}
        for out in (None, *range(members))
        for count in range(1, members + (out is None))
    ]


def test_the_share_of_the_gain_that_four_small_runs_give():
    known = grid(2.0 - 0.1 * np.arange(3.0)[:, None, None] + np.zeros((3, 5, 4)))
    table = pl.DataFrame(averaged(10_100, 2.0, 1.92) + averaged(40_000, 1.9, 1.7), infer_schema_length=None)
    rows = circuits_table(table, known, SETTINGS, 0).to_dicts()
    assert [(row["n"], row["N"], row["U"], row["k"]) for row in rows] == [
        (10_100, SIZES[1], UNIQUE[0], 1.0),
        (40_000, SIZES[2], UNIQUE[0], 1.0),
    ]
    assert rows[0]["share"] == pytest.approx(0.6)
    assert rows[0]["share_low"] < 0.6 < rows[0]["share_high"]
    assert rows[0]["above"] == pytest.approx(0.04)
    assert rows[1]["share"] == pytest.approx(1.5)  # the four are better than the larger one
    assert rows[1]["above_high"] < 0
    assert MEMBERS == 4
    assert circuits_table(None, known, SETTINGS, 0).is_empty()


def test_no_share_of_a_gain_that_is_none():
    known = grid(2.0 + 0.1 * np.arange(3.0)[:, None, None] + np.zeros((3, 5, 4)))
    table = pl.DataFrame(averaged(10_000, 2.0, 1.9), infer_schema_length=None)
    assert circuits_table(table, known, SETTINGS, 0)["share"].to_list() == [None]


def test_tokens_saved_by_a_larger_size():
    """Where the loss depends on N^a U^b alone, a larger size saves (N' / N)^(a / b) of the tokens."""
    n, u, k = np.meshgrid(SIZES / SIZES[0], UNIQUE / UNIQUE[0], PASSES, indexing="ij")
    known = grid(2.0 - 0.1 * np.log(n) - 0.05 * np.log(u) + 0.2 / k)
    table = exchange_table(known, SETTINGS)
    inside = table.filter(pl.col("U") == UNIQUE[-1])
    assert inside["saved"].to_list() == pytest.approx([16.0, 16.0], rel=1e-6)
    assert (inside["saved_low"] < 16).all()
    assert (inside["saved_high"] > 16).all()
    assert table.filter(U=UNIQUE[0])["censored"].to_list() == ["right", "right"]
