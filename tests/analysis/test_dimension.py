"""Intrinsic dimension: exact for neighbours of a Poisson process, biased as stated on cubes and spheres."""

import numpy as np
import polars as pl
import pytest

from quarry.analysis.geometry.dimension import (
    decimation,
    levina_bickel,
    two_nn,
    uniform_cube,
    uniform_sphere,
)
from quarry.analysis.geometry.dimension_tables import read_points
from quarry.errors import PointsError
from tests.commands import quarry_here

LEAST = {2: 0.94, 4: 0.88, 8: 0.80, 16: 0.70}
"""The share of d that is estimated at least, of 1,024 points in a cube."""


def poisson_distances(d: int, count: int, neighbours: int, rng: np.random.Generator) -> np.ndarray:
    """Distances [count, neighbours] to unrelated neighbours: T^d arrives at a constant rate."""
    return rng.standard_exponential((count, neighbours)).cumsum(1) ** (1 / d)


@pytest.mark.parametrize("estimate", [two_nn, levina_bickel])
def test_unrelated_neighbours_give_the_dimension_and_intervals_of_their_level(estimate):
    rng = np.random.default_rng(0)
    found = [estimate([poisson_distances(5, 400, 10, rng)], 0.9) for _ in range(200)]
    assert np.mean([each.value for each in found]) == pytest.approx(5, rel=0.02)
    assert np.mean([each.low < 5 < each.high for each in found]) == pytest.approx(0.9, abs=0.06)


def test_separate_parts_count_as_one_set():
    distances = poisson_distances(3, 200, 5, np.random.default_rng(1))
    for estimate in (two_nn, levina_bickel):
        whole, parts = estimate([distances]), estimate([distances, distances])
        assert parts.value == pytest.approx(whole.value)
        assert parts.high - parts.low == pytest.approx((whole.high - whole.low) / 2**0.5, rel=0.02)


@pytest.mark.parametrize("d", LEAST)
@pytest.mark.parametrize("control", [uniform_cube, uniform_sphere])
def test_points_of_known_dimension_are_underestimated_the_more_the_larger_it_is(d, control):
    curve = decimation(control(d, 24, 1024))
    for name in ("two_nn", "levina_bickel"):
        assert LEAST[d] < curve[name][0] / d < 1.06
    if d == 16:
        assert curve["levina_bickel"].is_sorted(descending=True)  # fewer points, a lower estimate


def test_a_curve_halves_the_points_into_separate_parts():
    curve = decimation(uniform_cube(2, 3, 1000), neighbours=4)
    assert curve["points"].to_list() == [1000, 500, 250, 125, 62]
    assert curve["parts"].to_list() == [1, 2, 4, 8, 16]
    assert (curve["two_nn_low"] < curve["two_nn"]).all()


def test_estimates_scatter_little_more_than_their_intervals_say():
    curves = [decimation(uniform_cube(4, 8, 256, seed)).row(0, named=True) for seed in range(40)]
    for name in ("two_nn", "levina_bickel"):
        errors = [(row[f"{name}_high"] - row[f"{name}_low"]) / 2 / 1.96 for row in curves]
        assert 0.8 < np.std([row[name] for row in curves], ddof=1) / np.mean(errors) < 2


def test_copies_are_left_out_and_counted():
    points = uniform_cube(3, 5, 300)
    once, thrice = decimation(points), decimation(np.concatenate([points] * 3))
    assert thrice["copies"][0] == 600
    assert thrice.drop("copies").equals(once.drop("copies"))


def test_points_that_say_nothing_are_refused(tmp_path):
    points = uniform_cube(2, 3, 100)
    broken = points.copy()
    broken[7, 1] = np.nan
    for wrong, message in (
        (points[:, 0], r"shape \[100\]"),
        (broken, "1 points have a coordinate that is not finite"),
        (np.repeat(points[:20], 9, axis=0), "20 distinct points"),
    ):
        with pytest.raises(PointsError, match=message):
            decimation(wrong)
    with pytest.raises(PointsError, match="neighbours = 1"):
        decimation(points, neighbours=1)
    with pytest.raises(PointsError, match="neighbours = 100: needs more than the 100"):
        decimation(points, neighbours=100)
    for d in (0, 4):
        with pytest.raises(PointsError, match=f"d = {d}: a control in 3 features"):
            uniform_cube(d, 3, 10)
    np.save(tmp_path / "objects.npy", np.array([{}, None]), allow_pickle=True)
    for name, message in (
        ("objects.npy", "allow_pickle"),
        ("missing.csv", "No such file"),
        ("a.txt", "must end"),
    ):
        with pytest.raises(PointsError, match=message):
            read_points(tmp_path / name)


def test_the_command_sets_cubes_beside_a_table(tmp_path):
    pl.DataFrame(uniform_cube(2, 4, 400), list("abcd")).with_columns(name=pl.lit("x")).write_csv(
        tmp_path / "p.csv"
    )
    done = quarry_here("dimension", "p.csv", "--controls", "2", "8", "-o", "curves.csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "cube of 2" in done.stdout
    curves = pl.read_csv(tmp_path / "curves.csv")
    assert set(curves["source"]) == {"p", "cube of 2"}  # eight dimensions do not fit four features
    assert curves.filter(pl.col("known").is_null())["features"][0] == 4
