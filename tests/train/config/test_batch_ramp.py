"""A batch that grows: no token skipped or read twice, one compile per size, and a resume inside it."""

import dataclasses
import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarry.errors import ConfigError
from quarry.train.config.batch_ramp import Ramp
from quarry.train.config.experiment import Duration, Experiment
from quarry.train.config.point_files import Point
from quarry.train.data.order import batch_positions
from quarry.train.record.files import read_jsonl
from quarry.train.record.points_table import points_table
from quarry.train.record.progress import Quiet
from quarry.train.record.run_directory import RunDirectory
from quarry.train.run.compatibility import check_same_config, fill_defaults
from quarry.train.run.description import experiment_as_json
from quarry.train.run.loop import train
from tests.train.run.test_loop import Watch, rows_of
from tests.train.tiny import tiny_point

RAMP = ((1024, 64), (2560, 128))


def ramped(folder: Path) -> Point:
    point = tiny_point(folder)
    config = dataclasses.replace(point.config, batch_ramp=RAMP, duration=Duration(tokens=5120))
    return dataclasses.replace(point, config=config)


stages = st.lists(st.tuples(st.integers(1, 400), st.integers(1, 6)), max_size=4)


@given(stages, st.integers(1, 6), st.integers(0, 60), st.integers(1, 60))
def test_stages_read_every_position_once_from_any_step(sizes, last_batch, first, further):
    until = np.cumsum([tokens for tokens, _ in sizes]).tolist()
    pairs = tuple((end, 8 * batch) for end, (_, batch) in zip(until, sizes, strict=True))
    ramp = Ramp(pairs, 8 * last_batch, context=8)
    read = [
        position
        for stage in ramp.stages(first, first + further)
        for step in range(int(stage.last_step) - stage.first_step)
        for position in batch_positions(stage.position + step * stage.sequences, stage.sequences)
    ]
    assert read == list(range(ramp.tokens(first) // 8, ramp.tokens(first + further) // 8))
    assert ramp.tokens(first + 1) - ramp.tokens(first) == ramp.batch_tokens(first)
    assert ramp.steps(ramp.tokens(further)) == further
    for end, batch in pairs:
        reached = next(step for step in range(10**6) if ramp.tokens(step) >= end)
        assert ramp.tokens(reached) - end < 8 * max(size for _, size in sizes), batch


@pytest.mark.slow
def test_a_ramped_run_counts_its_tokens_and_goes_on_inside_the_ramp_bit_for_bit(tmp_path, cache):
    point, runs = ramped(tmp_path / "study"), tmp_path / "runs"
    assert train(point, runs / "whole", cache, Quiet()) == "finished"
    whole = RunDirectory(runs / "whole/study/tiny")
    stopper = Watch(20, lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert train(point, runs / "cut", cache, stopper) == "preempted"
    assert train(point, runs / "cut", cache, Quiet()) == "finished"
    assert rows_of(RunDirectory(runs / "cut/study/tiny")) == rows_of(whole)
    tokens = [row["tokens"] for row in read_jsonl(whole.metrics)]
    assert tokens[:8] == [128 * step for step in range(1, 9)]  # every second step, of 64 tokens
    assert tokens[8:14] == [1024 + 256 * step for step in range(1, 7)]
    assert tokens[14:16] == [2560 + 512, 2560 + 1024]
    assert (whole.read_run()["steps"], whole.read_run()["tokens"]) == (16 + 12 + 10, 5120)
    table = points_table(whole.path).filter(split="validation")
    assert table["batch_tokens"].to_list() == [64, 64, 128, 256]
    assert table["tokens"].to_list()[-1] == 5120


@pytest.mark.parametrize(
    ("ramp", "says"),
    [
        (((512, 128), (512, 256)), "batch_ramp: 512 tokens do not come after 512"),
        (((512, 48),), "batch_ramp: 48 is not a whole number of sequences of model.context = 128"),
    ],
)
def test_a_bad_ramp_is_refused(ramp, says):
    with pytest.raises(ConfigError, match=says):
        Experiment(batch_ramp=ramp)


OLDER = Path(__file__).with_name("older_config.json")
"""config.json of the tiny point as commit 4f91f7b of this repository wrote it, the first whose checkpoints
are read today: it knows no roll-back, no grace time and no dropout."""


@pytest.mark.slow
def test_a_run_that_an_older_version_began_goes_on(tmp_path, cache):
    point = tiny_point(tmp_path / "study", layers=2)
    directory = RunDirectory(tmp_path / "runs/study/tiny")
    stopper = Watch(8, lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert train(point, tmp_path / "runs", cache, stopper) == "preempted"
    older = json.loads(OLDER.read_text())
    assert "rollback" not in older
    assert "grace_seconds" not in older["checkpoint"]
    directory.config.write_text(OLDER.read_text())
    assert train(point, tmp_path / "runs", cache, Quiet()) == "finished"
    assert json.loads(directory.config.read_text()) == experiment_as_json(point.config)
    directory.config.write_text(OLDER.read_text())
    with pytest.raises(ConfigError, match=r"batch_ramp: \[\] -> \[\[1024, 64\], \[2560, 128\]\]"):
        check_same_config(directory, dataclasses.replace(point.config, batch_ramp=RAMP))


def test_a_run_whose_checkpoints_hold_each_layer_apart_is_refused(tmp_path):
    directory = RunDirectory(tmp_path)
    older = json.loads(OLDER.read_text())
    del older["model"]["remat"]
    directory.config.write_text(json.dumps(older))
    with pytest.raises(ConfigError, match="was begun by an earlier version"):
        check_same_config(directory, tiny_point(tmp_path / "study").config)


def test_whatever_fields_are_missing_their_defaults_take_their_place():
    full = experiment_as_json(Experiment())
    assert fill_defaults({}, Experiment) == full
    cut = {**full, "model": {"d_model": 64}, "duration": {"tokens": 1_000_000}}
    assert fill_defaults(cut, Experiment) == full
