"""The kNN-LM: exact search, probabilities, and a run whose test text repeats what it was trained on."""

import dataclasses

import numpy as np
import polars as pl
import pytest

from quarry.errors import ConfigError, DataError
from quarry.train.config.experiment import DataConfig, EvaluationConfig
from quarry.train.inspect.neighbours import look_up, mixed_losses, nearest
from quarry.train.inspect.retrieval import HeldOut, Mix, Retrieval, best_mix, retrieval_table
from quarry.train.record.points_table import points_table
from quarry.train.record.progress import Quiet
from quarry.train.run.loop import train
from tests.commands import quarry
from tests.train.tiny import tiny_point

PASSAGE = "The quick brown fox jumps over the lazy dog; 0123456789, and so on and on it goes. "


@pytest.mark.parametrize(("keys", "count"), [(1000, 7), (70, 40), (5, 9), (64, 64)])
def test_the_search_is_exact(keys, count):
    random = np.random.default_rng(0)
    stored, asked = (random.standard_normal((n, 6)).astype(np.float32) for n in (keys, 50))
    distances = np.square(asked[:, None] - stored).sum(-1)
    found = nearest(asked, stored, count)
    assert (found.indices == np.argsort(distances, axis=1)[:, :count]).all()
    assert found.squared == pytest.approx(np.sort(distances, axis=1)[:, :count], rel=1e-5)


def test_the_search_is_exact_in_blocks(monkeypatch):
    monkeypatch.setattr("quarry.train.inspect.neighbours.AT_ONCE", 300)
    test_the_search_is_exact(100, 3)


def test_probabilities_of_all_tokens_sum_to_one():
    random = np.random.default_rng(0)
    squared, follow = random.uniform(0, 9, (20, 8)), random.integers(0, 5, (20, 8))
    total = sum(look_up(squared, follow == token, 2.0) for token in range(5))
    assert total == pytest.approx(np.ones(20))
    nearest_only = look_up(squared, follow == follow[:, [0]], 1e-9)[squared.argmin(1) == 0]
    assert nearest_only == pytest.approx(np.ones(len(nearest_only)))


def test_no_share_is_the_other_probability_and_none_helps_where_the_look_up_is_wrong():
    losses = np.random.default_rng(0).uniform(0.1, 3, (13, 40))
    squared = np.ones((40, 4), np.float32)
    wrong = HeldOut(losses, squared, np.zeros((40, 4), bool), np.full(40, 0.1))
    assert Mix(1.0, 0.0).losses(wrong, np.exp(-losses[0])) == pytest.approx(losses[0])
    assert best_mix(wrong, np.exp(-losses[0])).share == 0
    right = wrong._replace(follows=np.ones((40, 4), bool))
    assert best_mix(right, np.exp(-losses[0])).share == 1
    assert np.isinf(mixed_losses(1.0, np.zeros(2), np.ones(2))).all()


@pytest.fixture(scope="module")
def repeated(tmp_path_factory, cache):
    """A run of a few steps on documents that are one passage, each begun elsewhere."""
    folder = tmp_path_factory.mktemp("retrieval")
    (folder / "texts").mkdir()
    for i in range(50):
        (folder / "texts" / f"{i}.txt").write_text(f"{i}. " + (PASSAGE * 4)[i : i + 250])
    point = tiny_point(folder / "study", steps=8)
    config = dataclasses.replace(
        point.config,
        data=DataConfig(f"folder:{folder / 'texts'}", unique_tokens=2048),
        evaluation=EvaluationConfig(10**6, 10**6, count=1),
    )
    assert train(dataclasses.replace(point, config=config), folder / "runs", cache, Quiet()) == "finished"
    return folder


@pytest.mark.slow
def test_a_run_whose_test_repeats_its_training_text_gains(repeated, cache):
    table = repeated / "table.csv"
    done = quarry(cache, "retrieve", "runs/study/tiny", "-o", table, cwd=repeated)
    assert done.returncode == 0, done.stderr
    row = pl.read_csv(table).row(0, named=True)
    recorded = points_table(repeated / "runs").filter(split="test")["loss"][0]
    assert row["model"] == pytest.approx(recorded, rel=1e-6)
    assert row["gain"] == pytest.approx(row["model"] - row["mixture"])
    assert row["gain"] > 1
    assert row["looked_up"] < 1 < row["softened"] <= row["model"] + 1e-3


@pytest.mark.slow
def test_tokens_that_the_run_has_not_read_can_be_looked_up(repeated, cache):
    run = repeated / "runs" / "study" / "tiny"
    own, other = (retrieval_table([run], cache, Retrieval(10**6, draw=draw)) for draw in (0, 1))
    assert own["model"][0] == other["model"][0]
    assert own["looked_up"][0] != other["looked_up"][0]
    with pytest.raises(DataError, match=r"for data\.draw = 99"):
        retrieval_table([run], cache, Retrieval(draw=99))


def test_bad_input_is_named(repeated, cache):
    with pytest.raises(ConfigError, match="neighbours must be at least 1, not 0"):
        Retrieval(neighbours=0)
    with pytest.raises(ConfigError, match="draw must be at least 0, not -1"):
        Retrieval(draw=-1)
    with pytest.raises(ConfigError, match="none is not a finished run"):
        retrieval_table([repeated / "runs" / "study" / "none"], cache, Retrieval())
