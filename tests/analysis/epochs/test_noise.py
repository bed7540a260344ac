"""The noise between runs alike: each part is found again, and its shifts are shared as it says."""

import math

import numpy as np
import polars as pl
import pytest

from quarry.analysis.epochs.noise import DRAW_AT, Noise, measured_noise, shifted

KNOWN = Noise(draw=0.004, run=0.006, branch=0.003, freedom=0)
K = np.array([0.5, 1.0, 2.0, 4.0, 8.0])


def replicated(seed: int, uniques=(2**16, 2**18, 2**20), alike: int = 5, others: int = 3) -> pl.DataFrame:
    """Runs of one size on each U: `alike` that share a draw, and one of each of the `others`."""
    random = np.random.default_rng(seed)
    rows = []
    for unique in uniques:
        for cluster, draw in enumerate([0] * alike + list(range(1, 1 + others))):
            rows += [
                {"N": 1e4, "U": float(unique), "k": k, "cluster": f"{unique}/{cluster}", "draw": float(draw)}
                for k in K
            ]
    table = pl.DataFrame(rows)
    shifts = shifted(table, KNOWN, 1, int(random.integers(2**31)))[0]
    return table.with_columns(loss=2.0 * (pl.col("k") * pl.col("U")) ** -0.1 * np.exp(shifts))


@pytest.mark.slow
def test_each_part_of_the_noise_is_found_again_on_average():
    found = [measured_noise(replicated(seed), ("N", "U", "k")) for seed in range(200)]
    for name in ("draw", "run", "branch"):
        mean_square = np.mean([getattr(each, name) ** 2 for each in found])
        assert math.sqrt(mean_square) == pytest.approx(getattr(KNOWN, name), rel=0.1), name
    assert {each.freedom for each in found} == {3 * 7}


def test_shifts_of_a_draw_are_shared_after_the_first_pass_and_fall_with_unique_tokens():
    table = replicated(0, alike=2, others=1)
    shifts = shifted(table, Noise(0.01, 0.0, 0.0, 1), 4000, 0)
    first = table["k"].to_numpy() <= 1
    assert (shifts[:, first] == 0).all()
    for unique in table["U"].unique():
        of_u = table.select((pl.col("U") == unique) & (pl.col("k") > 1)).to_series()
        same, other = (shifts[:, (of_u & (table["draw"] == draw)).to_numpy()] for draw in (0.0, 1.0))
        assert np.ptp(same, axis=1).max() == 0
        assert abs(np.corrcoef(same[:, 0], other[:, 0])[0, 1]) < 0.1
        assert same[:, 0].std() == pytest.approx(0.01 * math.sqrt(DRAW_AT / unique), rel=0.05)


@pytest.mark.parametrize(("alike", "others"), [(1, 3), (4, 0)])
def test_one_kind_of_replicate_alone_is_the_noise_of_runs(alike, others):
    found = measured_noise(replicated(1, alike=alike, others=others), ("N", "U", "k"))
    assert found.draw == 0
    assert found.run > 0


def test_first_passes_of_as_many_tokens_are_runs_alike_whatever_their_unique_tokens():
    spread = math.hypot(KNOWN.run, KNOWN.branch)
    found = [
        measured_noise(replicated(seed, (2**16, 2**17, 2**18), alike=2), ("N", "U", "k"))
        for seed in range(100)
    ]
    assert math.sqrt(np.mean([each.once**2 for each in found])) == pytest.approx(spread, rel=0.1)
    assert {each.once_freedom for each in found} == {2}


def test_without_replicates_nothing_is_measured():
    assert measured_noise(replicated(0, alike=1, others=0), ("N", "U", "k")).freedom == 0
