"""The verdict on ensembles, on losses whose differences are known."""

import itertools
import math

import numpy as np
import polars as pl
import pytest

from quarry.experiments.ensembles.__main__ import gains

NOISE = np.array([-0.02, -0.01, 0.0, 0.01, 0.02])


def rows(n: int, runs: np.ndarray, gained: float, decay: float = 0.4):
    """Those of `quarry ensemble` for runs of these losses: K averaged gain c (1 - 1 / K)."""
    for without in (None, *range(len(runs))):
        kept = np.delete(runs, [] if without is None else without)
        for members in range(1, len(kept) + 1):
            sets = itertools.combinations(kept, members)
            loss = float(np.mean([np.mean(each) for each in sets])) - gained * (1 - 1 / members)
            about = {"n_nonembedding": n, "unique_tokens": 1000, "tokens": 4000, "flops_exact": n + 50.0}
            yield about | {"weight_decay": decay, "without": without, "members": members, "loss": loss}


@pytest.fixture(scope="module")
def found():
    """A size loses .2 nats by doubling; four runs of 100 are .2 nats better than one, of 400 1 nat."""
    table = [*rows(100, 3 + NOISE, 0.2 * 4 / 3), *rows(200, 2.8 + NOISE[1:4], 0.0)]
    table += [*rows(400, 2.6 + NOISE[1:4], 4 / 3), *rows(400, 2.5 + NOISE[2:3].repeat(2), 0.0, decay=1.6)]
    return gains(pl.DataFrame(table, infer_schema_length=None)).filter(n=100)


def test_four_small_runs_have_half_of_the_gain_of_one_of_four_times_the_parameters(found):
    row = found.filter(members=4).row(0, named=True)
    assert (row["k"], row["N"], row["pool"], row["decayed"]) == (4.0, 400, 5, 2.5)
    assert row["cost"] == pytest.approx(4 * 150 / 450)
    assert row["share"] == pytest.approx(0.5)
    assert row["above"] == pytest.approx(0.2)
    assert row["equal_n"] == pytest.approx(200)
    assert row["worth"] == pytest.approx(0.5)


def test_intervals_hold_the_noise_of_the_pool_and_of_the_larger_runs(found):
    row = found.filter(members=4).row(0, named=True)
    own, larger = np.std(NOISE, ddof=1) / math.sqrt(5), np.std(NOISE, ddof=1) / math.sqrt(3)
    half = (row["above_high"] - row["above_low"]) / 2 / 2.5
    assert 0.6 * larger < half < 1.3 * math.hypot(own, larger)
    assert row["share_low"] < 0.5 < row["share_high"]
    assert row["averaged_high"] - row["averaged"] == pytest.approx(2.776 * own, rel=0.15)  # t of four degrees


def test_more_than_any_size_is_open(found):
    two = found.filter(members=2).row(0, named=True)
    assert two["N"] is None or two["N"] == 200
    pair = gains(
        pl.DataFrame([*rows(100, 3 + NOISE, 4.0), *rows(200, 2.9 + NOISE, 0.0)], infer_schema_length=None)
    ).filter(n=100, members=2)
    assert pair["equal_n"].to_list() == pair["worth"].to_list() == [None]
    assert pair["above"][0] == pytest.approx(-1.9)
