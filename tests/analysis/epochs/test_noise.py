"""The noise between runs alike: each part is found again, and its shifts are shared as it says."""

import math

import numpy as np
import polars as pl
import pytest

from quarry.analysis.epochs.cells import CELL, annealed_rows, numeric_points
from quarry.analysis.epochs.noise import DRAW_AT, Noise, measured_noise, shifted
from quarry.analysis.epochs.replicates import outliers
from quarry.analysis.epochs.study import study_epochs
from quarry.errors import FitError

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


@pytest.mark.slow
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


REPLICATES_AT_SOME_K = [
    (1e8, 1e7, 3.00), (1e8, 1e7, 3.01), (1e8, 8e7, 2.50), (1e8, 8e7, 2.52), (1e9, 1e7, 2.90), (1e9, 8e7, 2.45)
]  # fmt: skip


def table_of(rows) -> pl.DataFrame:
    return pl.DataFrame(rows, ["N", "E", "loss"], orient="row").with_columns(U=1e7)


def test_clusters_of_different_k_are_compared_where_they_share_one():
    """Each cell with two rows measures half the square of their difference, with one degree of freedom."""
    found = measured_noise(annealed_rows(table_of(REPLICATES_AT_SOME_K)), CELL)
    squares = [math.log(3.01 / 3.00) ** 2 / 2, math.log(2.52 / 2.50) ** 2 / 2]
    assert (found.run, found.branch, found.freedom) == (pytest.approx(math.sqrt(np.mean(squares))), 0.0, 2)


@pytest.mark.slow
def test_each_part_is_found_again_where_clusters_lack_some_k():
    def partial(seed):
        rows = replicated(seed)
        kept = pl.Series(np.random.default_rng((seed, 1)).random(len(rows)) < 0.7)
        return rows.filter(kept)

    found = [measured_noise(partial(seed), ("N", "U", "k")) for seed in range(200)]
    for name in ("draw", "run", "branch"):
        mean_square = np.mean([getattr(each, name) ** 2 for each in found])
        assert math.sqrt(mean_square) == pytest.approx(getattr(KNOWN, name), rel=0.15), name


def test_a_diverged_replicate_is_named_and_does_not_make_the_noise():
    table, cell = replicated(3), ("N", "U", "k")
    bad = (pl.col("cluster") == table["cluster"][5]) & (pl.col("k") == 8.0)
    diverged = table.with_columns(loss=pl.when(bad).then(pl.col("loss") * 1.3).otherwise("loss"))
    assert outliers(table, cell).is_empty()
    assert outliers(diverged, cell)["cluster"].to_list() == [table["cluster"][5]]
    assert measured_noise(diverged, cell) == measured_noise(table.filter(~bad), cell)


def test_the_study_names_a_diverged_replicate():
    rows = [
        (n, u * 1e7, 2 + 1e2 / n**0.25 + 1 / u + shift)
        for n in (1e8, 1e9)
        for u in (1, 2, 4, 8)
        for shift in (0, 1e-3)
    ]
    rows[-1] = (*rows[-1][:2], 4.0)
    found = study_epochs(table_of(rows), 10.0, bootstrap=100)
    assert found.noise.run < 1e-3
    assert [said for said in found.warnings if "far from the losses of replicates: row 16 at N = 1B" in said]
    for row in found.floors.iter_rows(named=True):
        assert row["floor_low"] <= row["floor"] <= row["floor_high"]


def recipes(**columns) -> pl.DataFrame:
    """Every combination of the values of `columns` at two N and three k, a run each."""
    rows = pl.DataFrame({"N": [1e8, 1e9]}).join(pl.DataFrame({"E": [1e7, 4e7, 8e7]}), how="cross")
    for name, values in columns.items():
        rows = rows.join(pl.DataFrame({name: values}), how="cross")
    return rows.with_columns(U=1e7, loss=3 + pl.int_range(pl.len()) * 1e-3)


def test_columns_in_which_runs_of_a_cell_differ_are_recipes_or_named():
    table = recipes(learning_rate=[3e-4, 1e-3], batch_size=[64, 128], optimizer=["adam", "muon"])
    with pytest.raises(FitError, match=r"recipes differ in peak_learning_rate, batch_size, optimizer\)"):
        study_epochs(table, 10.0, bootstrap=100)
    assert measured_noise(annealed_rows(table), CELL).freedom == 0
    seeds = recipes(seed=[0, 1, 2])
    assert measured_noise(annealed_rows(seeds), CELL).freedom == 2 * 3 * 2
    measured = seeds.with_columns(final=pl.int_range(pl.len()) * 0.37)
    points = numeric_points(measured)
    assert "also differ in final, which count as measurements" in points.notes[0]
    assert measured_noise(annealed_rows(measured), CELL).freedom == 2 * 3 * 2


def test_a_setting_that_changes_with_the_passes_is_named():
    table = recipes(seed=[0, 1]).with_columns(batch_size=pl.col("E") / 1e5)
    assert "differ in batch_size from k to k" in numeric_points(table).notes[0]
    assert measured_noise(annealed_rows(table), CELL).freedom == 2 * 3


def test_two_spellings_of_a_size_and_of_its_data_are_one():
    """One of N or U a thousandth off, as counts with and without norms are."""
    rows = recipes(seed=[0, 1])
    odd = pl.col("seed") == 1
    spelt = rows.with_columns(N=pl.when(odd).then(pl.col("N") * 1.001).otherwise("N"))
    spelt = spelt.with_columns(U=pl.when(odd).then(pl.col("U") * 1.0005).otherwise("U"))
    one, two = (annealed_rows(each) for each in (rows, spelt))
    assert one.select(CELL).equals(two.select(CELL))
    assert measured_noise(two, CELL) == measured_noise(one, CELL)
