"""What is compared before a corpus is read."""

import dataclasses
import resource
from unittest import mock

import pytest

from quarry.errors import ConfigError
from quarry.model.config import modern
from quarry.train.config.experiment import DataConfig, EvaluationConfig, Experiment
from quarry.train.config.point_files import Point
from quarry.train.config.schedules import evaluation_steps
from quarry.train.data.store import TokenStore
from quarry.train.launch.jobs import make_jobs
from quarry.train.record.progress import Quiet
from quarry.train.run.loop import train
from quarry.train.run.memory import machine_memory
from quarry.train.run.sizes import prepare_others, prepare_store, resolve_sizes

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


def test_a_part_of_a_mixture_is_scored_on_documents_that_are_held_out_of_it(tmp_path):
    for kind in "ab":
        (tmp_path / kind).mkdir()
        for number in range(60):
            text = f"{kind}{number} " + " ".join(f"{kind}{number * word % 97}" for word in range(50 + number))
            (tmp_path / kind / f"{number}.txt").write_text(text)
    names = [f"folder:{tmp_path / kind}" for kind in "ab"]
    data = DataConfig(corpus=f"mix:{names[0]}=1+{names[1]}=1", near_duplicates=0.9, held_out=("*1.txt",))
    others = EvaluationConfig(also=(("a", names[0]), ("b", names[1])))
    experiment = Experiment(model=modern(16, 2, 2, context=32), data=data, evaluation=others)
    store = prepare_store(experiment, tmp_path / "cache")
    trained = set(bytes(store.tokens("train")).split(b"\xff"))
    for kind, other in prepare_others(experiment, store, tmp_path / "cache").items():
        documents = bytes(other.tokens("validation")).split(b"\xff")[:-1]
        assert {text.split(b" ")[0][-1:] for text in documents} == {b"1"}
        assert all(text.startswith(kind.encode()) and text not in trained for text in documents)
        assert other.manifest["near_duplicates"] == 0.9
    elsewhere = dataclasses.replace(experiment, data=DataConfig(corpus=names[0], held_out=("*1.txt",)))
    store = prepare_store(elsewhere, tmp_path / "cache")
    assert "held_out" not in prepare_others(elsewhere, store, tmp_path / "cache")["b"].manifest
