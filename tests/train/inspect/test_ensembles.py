"""Ensembles of runs that differ by their seeds: averaged probabilities, every set of members."""

import dataclasses

import numpy as np
import polars as pl
import pytest

from quarry.analysis.epochs.ensembles import ensemble_floors
from quarry.errors import ConfigError
from quarry.train.inspect.ensembles import Scoring, ensembles, set_losses, sets_of
from quarry.train.record.points_table import points_table
from quarry.train.record.progress import Quiet
from quarry.train.run.loop import train
from tests.train.tiny import tiny_point


@pytest.fixture(scope="module")
def trained(tmp_path_factory, cache):
    """Three finished runs of two seeds and a third weight decay, and one that was never begun."""
    folder = tmp_path_factory.mktemp("ensemble")
    first = tiny_point(folder / "study", steps=12)
    config = first.config
    decayed = dataclasses.replace(config, optimizer=dataclasses.replace(config.optimizer, weight_decay=0.5))
    points = [
        dataclasses.replace(first, name=name, config=changed)
        for name, changed in {
            "tiny": config,
            "seed": dataclasses.replace(config, seed_init=1),
            "order": dataclasses.replace(config, seed_order=1),
            "decayed": decayed,
            "waiting": dataclasses.replace(config, seed_init=2),
        }.items()
    ]
    for point in points[:-1]:
        assert train(point, folder / "runs", cache, Quiet()) == "finished"
    return points, folder / "runs"


@pytest.mark.slow
def test_the_loss_of_one_member_is_that_of_its_record(trained, cache):
    points, runs = trained
    table = ensembles(points, runs, cache)
    evaluated = points_table(runs).filter(pl.col("annealed") & (pl.col("split") == "validation"))
    own = evaluated.filter(pl.col("point").is_in(["tiny", "seed", "order"]))["loss"].mean()
    whole = table.filter(pl.col("without").is_null()).sort("members")
    assert whole["members"].to_list() == [1, 2, 3]
    assert whole["loss"][0] == pytest.approx(own, rel=1e-5)
    assert (np.diff(whole["loss"]) < 0).all()
    assert table["point"].unique().to_list() == ["tiny"]


@pytest.mark.slow
def test_the_test_split_and_chosen_numbers_of_members(trained, cache):
    points, runs = trained
    table = ensembles(points, runs, cache, Scoring("test", 256, members=(1, 3)))
    assert table["members"].unique().to_list() == [1, 3]
    assert table.filter(pl.col("without").is_not_null())["members"].unique().to_list() == [1]
    assert table.select("split", "scored_tokens").unique().row(0) == ("test", 256)
    with pytest.raises(ConfigError, match="members must be at least 1, not 0"):
        Scoring(members=(0,))
    with pytest.raises(ConfigError, match="members = 4: at most 3 runs differ only in their seeds"):
        ensembles(points, runs, cache, Scoring(members=(1, 4)))


@pytest.mark.slow
def test_runs_of_another_recipe_or_unfinished_are_no_members(trained, cache):
    points, runs = trained
    with pytest.raises(ConfigError, match="no two of these runs"):
        ensembles([points[0], points[3], points[4]], runs, cache)


def test_the_average_is_of_probabilities():
    probabilities = np.array([[0.5, 0.1], [0.1, 0.3]])
    losses = set_losses(-np.log(probabilities), [(0, 1), (1,)])
    assert losses == pytest.approx([-np.log([0.3, 0.2]).mean(), -np.log([0.1, 0.3]).mean()])


def test_many_sets_are_sampled_without_repeats():
    assert sets_of(3, 2) == [(0, 1), (0, 2), (1, 2)]
    assert sets_of(3, 4) == []
    drawn = sets_of(40, 20)
    assert 990 <= len(set(drawn)) == len(drawn) <= 1000
    assert all(len(set(each)) == 20 and max(each) < 40 for each in drawn)
    assert drawn == sets_of(40, 20)


def test_the_floor_of_ensembles_is_the_limit_of_the_best_cell():
    """Losses of exactly L + c / K, of five members that are alike, in two cells of one U."""
    rows = [
        {"n_nonembedding": n, "unique_tokens": 1000, "tokens": 4000, "weight_decay": 0.1, "dropout": 0.0}
        | {"peak_learning_rate": 1e-3, "without": without, "members": k, "loss": limit + 0.3 / k}
        for n, limit in ((10, 2.0), (20, 1.9))
        for without in (None, *range(5))
        for k in range(1, 6 if without is None else 5)
    ]
    row = ensemble_floors(pl.DataFrame(rows, infer_schema_length=None), 0.95).row(0, named=True)
    assert row["ensemble"] == pytest.approx(1.9)
    assert row["ensemble_high"] - row["ensemble_low"] < 1e-9
