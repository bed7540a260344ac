"""Spikes, and losses that are no number: recorded, and gone back from without the batches that led there."""

import dataclasses
import math
import os
import shutil
import signal

import numpy as np
import pytest

from quarry.errors import ConfigError
from quarry.train.config.experiment import RollbackConfig
from quarry.train.data.order import BatchOrder
from quarry.train.record.files import read_jsonl
from quarry.train.record.progress import Quiet
from quarry.train.record.run_directory import RunDirectory
from quarry.train.run.loop import train
from quarry.train.run.loss_watch import LossWatch
from tests.train.run.test_loop import Watch, rows_of
from tests.train.tiny import tiny_point


def judged(losses, **config) -> list[int]:
    """The steps at which trouble begins."""
    watch = LossWatch(RollbackConfig(**config), [])
    return [step for step, loss in enumerate(losses, 1) if watch.judge(step, loss, 1.0)]


def test_a_spike_is_a_leap_above_the_running_median_reported_once():
    losses = [5.0, 4.0, 3.0, 3.0, 9.0, 9.5, 3.0, 3.0, 7.0, math.nan]
    assert judged(losses, spike=2.0, window=3) == [5, 9, 10]
    assert judged(losses) == [10]


def test_the_last_good_step_is_before_a_gradient_that_is_no_number():
    watch = LossWatch(RollbackConfig(), [(1, 2.0)])
    assert watch.judge(2, 2.0, math.nan) is None
    trouble = watch.judge(3, math.nan, math.nan)
    assert trouble is not None
    assert (trouble.step, trouble.last_good, trouble.diverged) == (3, 1, True)


def test_skips_leave_out_the_sequences_between_and_nothing_else():
    plain = BatchOrder(7, 3)
    order = BatchOrder(7, 3, skips=((4, 3), (10, 2)))
    positions = np.arange(14)
    kept = [*range(4), *range(7, 13), *range(15, 19)]
    assert (order.sequence_ids(positions) == plain.sequence_ids(np.array(kept))).all()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"times": -1}, "times must not be negative: -1"),
        ({"spike": 1.0}, "spike must be more than 1, not 1.0"),
        ({"window": 0}, "window must be at least 1, not 0"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(fields, words):
    with pytest.raises(ConfigError, match=words):
        RollbackConfig(**fields)


def touchy(folder, times, rate=0.1):
    """A point that takes its ordinary noise for spikes, with a checkpoint after every step."""
    point = tiny_point(folder / "study", every=0.0, rate=rate, steps=20)
    rule = RollbackConfig(times=times, spike=1.002, window=2)
    return dataclasses.replace(point, config=dataclasses.replace(point.config, rollback=rule))


@pytest.fixture(scope="module")
def rolled_back(tmp_path_factory, cache) -> RunDirectory:
    folder = tmp_path_factory.mktemp("rolled")
    assert train(touchy(folder, 2), folder / "runs", cache, Quiet()) == "finished"
    return RunDirectory(folder / "runs" / "study" / "tiny")


@pytest.mark.slow
def test_what_was_left_out_is_known_without_run_json(rolled_back, tmp_path, cache):
    run = tmp_path / "runs" / "study" / "tiny"
    shutil.copytree(rolled_back.path, run)
    (run / "run.json").unlink()
    assert train(touchy(tmp_path, 2), tmp_path / "runs", cache, Quiet()) == "finished"
    before, after = rolled_back.read_run(), RunDirectory(run).read_run()
    for name in ("skips", "test_text", "flops_xla_per_token"):
        assert after[name] == before[name]
    assert rows_of(RunDirectory(run)) == rows_of(rolled_back)


@pytest.mark.slow
def test_a_spike_sends_the_run_back_as_often_as_it_may(rolled_back):
    events = [row["event"] for row in read_jsonl(rolled_back.events)]
    assert events[:2] == ["rollback", "rollback"]
    assert set(events[2:]) <= {"spike"}
    skips = rolled_back.read_run()["skips"]
    assert len(skips) == 2
    assert all(sequences > 0 for _, sequences in skips)
    steps = [row["step"] for row in read_jsonl(rolled_back.metrics)]
    assert steps == list(range(2, 21, 2))


@pytest.mark.slow
def test_a_run_stopped_after_going_back_ends_the_same(rolled_back, tmp_path, cache):
    directory = RunDirectory(tmp_path / "runs" / "study" / "tiny")
    place, sequences = rolled_back.read_run()["skips"][1]
    assert place or sequences
    stopper = Watch(16, lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert train(touchy(tmp_path, 2), tmp_path / "runs", cache, stopper) == "preempted"
    assert train(touchy(tmp_path, 2), tmp_path / "runs", cache, Quiet()) == "finished"
    assert directory.read_run()["skips"] == rolled_back.read_run()["skips"]
    assert rows_of(directory) == rows_of(rolled_back)


@pytest.mark.slow
def test_without_the_rule_a_spike_is_only_recorded(tmp_path, cache):
    assert train(touchy(tmp_path, 0), tmp_path / "runs", cache, Quiet()) == "finished"
    directory = RunDirectory(tmp_path / "runs" / "study" / "tiny")
    assert {row["event"] for row in read_jsonl(directory.events)} == {"spike"}
    assert "skips" not in directory.read_run()


@pytest.mark.slow
def test_a_run_that_diverges_again_and_again_is_diverged(tmp_path, cache):
    assert train(touchy(tmp_path, 1, rate=1e4), tmp_path / "runs", cache, Quiet()) == "diverged"
    directory = RunDirectory(tmp_path / "runs" / "study" / "tiny")
    assert [row["event"] for row in read_jsonl(directory.events)][-1] == "diverged"
    assert len(directory.read_run()["skips"]) == 1
