"""The data floor and the efficiency, recovered from runs of a known surface."""

import numpy as np
import polars as pl
import pytest

from analysis.epochs import extraction
from analysis.extraction.terminal import EpochsError

L_0, NOISE, SEEDS = 3.0, 0.004, 3
SIZES, UNIQUE, PASSES = 3e3 * 4.0 ** np.arange(6), (1e6, 4e6), (1.0, 2.0, 4.0, 8.0)


def floor_of(u):
    return 1.0 + 60 * u**-0.4


def loss_of(n, u, k):
    return floor_of(u) + 30 * n**-0.5 + 0.4 * (1 / k - 1 / 8)


def runs(seed):
    """A cluster for each N, U and seed; its branches share its noise."""
    rng, rows = np.random.default_rng(seed), []
    for name, (n, u, _) in enumerate((n, u, s) for n in SIZES for u in UNIQUE for s in range(SEEDS)):
        shift = np.exp(NOISE * rng.standard_normal())
        rows += [
            {"N": n, "U": u, "E": k * u, "loss": loss_of(n, u, k) * shift, "annealed": True, "run": f"{name}"}
            for k in PASSES
        ]
    return pl.DataFrame(rows)


def test_floor_and_efficiency_are_covered():
    held = []
    for seed in range(100):
        found = extraction(runs(seed), L_0, bootstrap=200, seed=seed)
        for row in found.floors.to_dicts():
            floor = floor_of(row["U"])
            held.append([
                row["asymptote_low"] <= floor <= row["asymptote_high"],
                row["information_low"] <= L_0 - floor <= row["information_high"],
            ])  # fmt: skip
    share = np.mean(held, axis=0)
    assert ((share >= 0.90) & (share <= 0.99)).all(), share


def test_exact_losses_give_the_exact_efficiency():
    table = runs(0).with_columns(loss=loss_of(pl.col("N"), pl.col("U"), pl.col("E") / pl.col("U")))
    found = extraction(table, L_0, bootstrap=0)
    for row in found.efficiency.to_dicts():
        true = (L_0 - loss_of(row["N"], row["U"], row["k"])) / (L_0 - floor_of(row["U"]))
        assert row["eta"] == pytest.approx(true, abs=0.01)
        assert row["model"] + row["epoch"] == pytest.approx(row["excess"])
        assert row["epoch"] == pytest.approx(0.4 * (1 / row["k"] - 1 / 8))
        assert row["eta_low"] is None


def test_mid_schedule_losses_never_enter():
    table = runs(0)
    running = table.with_columns(pl.col("loss") * 0.5, annealed=False)
    mixed = extraction(pl.concat([table, running]), L_0, bootstrap=0)
    assert mixed.floors.equals(extraction(table, L_0, bootstrap=0).floors)


def test_points_without_replicates_have_no_interval():
    with pytest.raises(EpochsError, match="noise is not measured"):
        extraction(runs(0).unique(["N", "U", "E"]), L_0)
