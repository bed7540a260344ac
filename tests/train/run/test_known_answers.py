"""The record of a run on a synthetic corpus carries the entropy rate and the exact floor of its tokens."""

import dataclasses
import gc
import weakref
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from quarry.model.config import modern
from quarry.train.config.experiment import DataConfig, Duration, Experiment
from quarry.train.data.synthetic.catalog import open_world
from quarry.train.record.points_table import points_table
from quarry.train.record.progress import Quiet
from quarry.train.run.known_answers import answers_at, answers_of_run
from quarry.train.run.loop import train
from quarry.train.run.sizes import prepare_store, resolve_sizes
from tests.train.tiny import tiny_point

WORLD = "bayes?symbols=8,length=50,tokens=20000"
DATA = DataConfig(f"synthetic:{WORLD}", unique_tokens=4096, validation_fraction=0.1, test_fraction=0.1)
EXPERIMENT = Experiment(
    model=modern(16, 2, 2, context=32), data=DATA, duration=Duration(epochs=2), batch_tokens=256
)


class Scored:
    """An evaluator that gives back how it was asked."""

    def __init__(self, text):
        self.text = text

    def divergence(self, params, conditionals):
        return conditionals


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return prepare_store(EXPERIMENT, tmp_path_factory.mktemp("cache"))


def test_the_floor_is_that_of_the_tokens_of_the_run(store):
    world, tokens = open_world(WORLD), np.asarray(store.tokens("train"))
    for draw in (0, 1):
        experiment = dataclasses.replace(EXPERIMENT, data=dataclasses.replace(DATA, draw=draw))
        answers = answers_of_run(experiment, resolve_sizes(experiment, store), store)
        own = tokens[None, draw * 4096 : (draw + 1) * 4096 + 1]
        assert answers == {"entropy_rate": world.entropy_rate, "floor": pytest.approx(world.floor(own))}
    text = dataclasses.replace(EXPERIMENT, data=DataConfig("sotu"))
    assert answers_of_run(text, resolve_sizes(text, store), store) == {}


def test_the_floor_seen_falls_to_that_of_the_run_in_one_pass(store):
    sizes = resolve_sizes(EXPERIMENT, store)
    run = SimpleNamespace(
        experiment=EXPERIMENT,
        sizes=sizes,
        store=store,
        position=lambda step: step * 8,
        directory=SimpleNamespace(known_run=dict),
    )
    scored = np.asarray(store.tokens("test"))[:1001]
    evaluator = Scored(scored)
    found = [answers_at(run, step, evaluator, None) for step in (0, 4, 16, 32)]
    floors = [row["floor_seen"] for row in found]
    assert floors == sorted(floors, reverse=True)
    assert floors[-2] == pytest.approx(answers_of_run(EXPERIMENT, sizes, store)["floor"], rel=1e-12)
    assert floors[-1] == floors[-2]
    assert [row.get("kl") for row in found] == [None, None, None, open_world(WORLD).conditionals]
    assert {row["source_loss"] for row in found} == {open_world(WORLD).loss(scored)}
    gone = weakref.ref(evaluator)
    del evaluator
    gc.collect()
    assert gone() is None


@pytest.mark.slow
def test_the_table_of_points_has_the_answers(tmp_path):
    point = tiny_point(tmp_path / "study")
    data = dataclasses.replace(DATA, unique_tokens=2048)
    point = dataclasses.replace(point, config=dataclasses.replace(point.config, data=data))
    assert train(point, tmp_path / "runs", tmp_path / "cache", Quiet()) == "finished"
    table = points_table(tmp_path / "runs")
    assert table["entropy_rate"].n_unique() == table["floor"].n_unique() == 1
    assert table.select((pl.col("floor_seen") >= pl.col("floor") - 1e-12).all()).item()
    assert table.select((pl.col("floor") > pl.col("entropy_rate")).all()).item()
    last = table.filter(pl.col("step") == pl.col("step").max())
    apart = (last["loss"] - last["source_loss"]).to_list()
    assert last["kl"].to_list() == pytest.approx(apart, abs=0.3)
    assert table["kl"].null_count() == len(table) - 2
    assert table.filter(split="test")["source_loss"][0] == pytest.approx(table["entropy_rate"][0], abs=0.2)
