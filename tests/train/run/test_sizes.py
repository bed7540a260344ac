"""What is compared before a corpus is read."""

import dataclasses
import resource
from unittest import mock

import pytest

from quarry.errors import ConfigError
from quarry.model.config import modern
from quarry.train.config.experiment import DataConfig, Experiment
from quarry.train.config.point_files import Point
from quarry.train.config.schedules import evaluation_steps
from quarry.train.data.store import TokenStore
from quarry.train.launch.jobs import make_jobs
from quarry.train.record.progress import Quiet
from quarry.train.run.loop import train
from quarry.train.run.memory import machine_memory
from quarry.train.run.sizes import prepare_store, resolve_sizes

CONFIG = Experiment(
    model=modern(16, 2, 2, context=32), data=DataConfig(corpus="folder:/no/such/folder", tokenizer="bpe:512")
)
MESSAGE = "model.vocab_size = 256 is less than the 512 tokens of data.tokenizer = bpe:512"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (dict(model=modern(2**20, 2, 2)), r"2.64e\+13 parameters .* at least 393,224.1 GiB"),
        (dict(model=modern(16, 10**9, 2)), r"n_layers = 1000000000, .* more than the \d+"),
        (dict(model=modern(16, 2, 2, vocab_size=2**40)), "vocab_size = 1099511627776"),
        (dict(batch_tokens=2**50), r"batch_tokens = 1125899906842624 takes at least 33,554,432.0 GiB"),
    ],
)
def test_what_cannot_fit_into_memory_is_refused_before_anything_is_made(changes, says, tmp_path):
    point = Point("study", "large", dataclasses.replace(CONFIG, **changes), tmp_path / "large.py")
    with pytest.raises(ConfigError, match=says):
        train(point, tmp_path / "runs", tmp_path / "cache", Quiet())
    assert not list(tmp_path.iterdir())


def test_the_limit_of_the_address_space_is_a_limit(monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (2**30, resource.RLIM_INFINITY))
    assert machine_memory() == 2**30


def test_a_count_of_evaluations_beyond_the_steps_costs_nothing():
    assert evaluation_steps(20, 2**62) == evaluation_steps(20, 6) == (1, 2, 5, 10, 20)


def test_a_vocabulary_too_small_is_refused_before_the_corpus_is_opened(tmp_path):
    with pytest.raises(ConfigError, match=MESSAGE):
        prepare_store(CONFIG, tmp_path)


def test_a_sweep_compares_all_points_before_it_prepares_the_first(tmp_path):
    good = dataclasses.replace(CONFIG, data=DataConfig(corpus="folder:/no/such/folder"))
    points = [Point("study", "a", good, tmp_path / "a.py"), Point("study", "b", CONFIG, tmp_path / "b.py")]
    with pytest.raises(ConfigError, match=MESSAGE):
        make_jobs(points, tmp_path, tmp_path)


def test_a_batch_of_many_passes_over_the_data_is_refused():
    store = mock.Mock(spec=TokenStore, **{"n_tokens.return_value": 10_000})
    data = DataConfig(unique_tokens=5000)
    experiment = dataclasses.replace(CONFIG, data=data, batch_tokens=2**20)
    with pytest.raises(ConfigError, match=r"batch_tokens = 1,048,576 is 2\d\d times the U = [45],\d+ unique"):
        resolve_sizes(experiment, store)
