import dataclasses
import math
import os
import signal

import pytest

from quarry.errors import ConfigError
from quarry.train.record.files import read_jsonl
from quarry.train.record.points_table import points_table
from quarry.train.record.progress import Quiet
from quarry.train.record.run_directory import RunDirectory
from quarry.train.record.schema import POINT_COLUMNS, WALL_CLOCK_COLUMNS
from quarry.train.run.loop import train
from quarry.train.run.signals import StopRequest
from tests.commands import quarry
from tests.train.tiny import tiny_point


class Watch(Quiet):
    """Does something when a logged step has come in."""

    def __init__(self, step, action):
        self._step, self._action = step, action

    def update(self, step, loss, tokens_per_second):
        if step == self._step:
            self._action()


def rows_of(directory: RunDirectory) -> list[list[dict]]:
    """Both logs without their wall-clock columns."""
    logs = [read_jsonl(directory.metrics), read_jsonl(directory.evals)]
    return [[{k: v for k, v in row.items() if k not in WALL_CLOCK_COLUMNS} for row in rows] for rows in logs]


@pytest.fixture(scope="module")
def whole(tmp_path_factory, cache) -> RunDirectory:
    """An undisturbed run."""
    folder = tmp_path_factory.mktemp("whole")
    assert train(tiny_point(folder / "study"), folder / "runs", cache, Quiet()) == "finished"
    return RunDirectory(folder / "runs" / "study" / "tiny")


@pytest.mark.slow
def test_the_record_holds_every_column(whole):
    run = whole.read_run()
    assert (run["status"], run["steps"], run["tokens"], run["unique_tokens"]) == ("finished", 20, 5120, 2048)
    assert run["epochs"] == 2.5
    assert run["flops_xla_per_token"] > run["flops_6ne_per_token"]
    assert len(run["data"]["splits"]["train"]["sha256"]) == 64
    assert {"jax", "flax", "python"} <= set(run["versions"])
    table = points_table(whole.path)
    assert table.columns == list(POINT_COLUMNS)
    last = table.filter(split="validation").row(-1, named=True)
    empty = [name for name, value in last.items() if value is None]
    known = ["entropy_rate", "floor", "floor_seen", "source_loss", "kl"]  # of synthetic text only
    assert empty == ["trunk", *known]  # it is no branch
    assert (last["tokens"], last["epochs"], last["annealed"]) == (5120, 2.5, True)


def test_the_logs_are_a_row_per_logged_step_and_evaluation(whole):
    metrics, evals = read_jsonl(whole.metrics), read_jsonl(whole.evals)
    assert [row["step"] for row in metrics] == list(range(2, 21, 2))
    assert all(row["tokens_per_second"] > 0 for row in metrics)
    assert [row["step"] for row in evals if row["split"] == "test"] == [20]
    annealed = [row["annealed"] for row in evals if row["split"] == "validation"]
    assert annealed == [False] * (len(annealed) - 1) + [True]
    final = evals[-1]
    assert final["bits_per_byte"] == pytest.approx(final["loss"] / math.log(2), rel=0.01)
    assert evals[-1]["loss"] < evals[0]["loss"]


def test_both_logs_become_parquet(whole):
    assert (whole.path / "metrics.parquet").exists()
    assert (whole.path / "evals.parquet").exists()


@pytest.mark.slow
def test_compressors_are_scored_on_the_same_text(whole):
    text = whole.read_run()["test_text"]
    assert text["bytes"] == pytest.approx(512, abs=8)
    assert 1 < text["gzip_bits_per_byte"] < 8
    assert 1 < text["xz_bits_per_byte"] < 10


def test_a_finished_run_is_left_alone(whole, tmp_path, cache):
    before = {path: path.stat().st_mtime_ns for path in whole.path.glob("*.json*")}
    point = tiny_point(tmp_path / "study")
    assert train(point, whole.path.parent.parent, cache, Quiet()) == "finished"
    assert before == {path: path.stat().st_mtime_ns for path in whole.path.glob("*.json*")}


def test_another_configuration_in_the_same_place_is_refused(whole, tmp_path, cache):
    point = tiny_point(tmp_path / "study", steps=21)
    with pytest.raises(ConfigError, match=r"another configuration \(duration.steps: 20 -> 21\)"):
        train(point, whole.path.parent.parent, cache, Quiet())


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_preempted_run_goes_on_as_if_nothing_had_been(whole, tmp_path, cache, number, monkeypatch):
    monkeypatch.setattr(signal, "getsignal", lambda _: signal.SIG_DFL)  # tests may run under nohup
    point, runs = tiny_point(tmp_path / "study"), tmp_path / "runs"
    stopper = Watch(8, lambda: os.kill(os.getpid(), number))
    assert train(point, runs, cache, stopper) == "preempted"
    directory = RunDirectory(runs / "study" / "tiny")
    assert directory.status() == "preempted"
    assert train(point, runs, cache, Quiet()) == "finished"
    assert rows_of(directory) == rows_of(whole)


def test_a_closed_terminal_is_nothing_under_nohup():
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopRequest() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stop
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, former)


@pytest.mark.slow
def test_an_error_leaves_a_failed_run_that_can_go_on(whole, tmp_path, cache):
    point, runs = tiny_point(tmp_path / "study"), tmp_path / "runs"

    def fail():
        raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError, match="the disk is full"):
        train(point, runs, cache, Watch(6, fail))
    directory = RunDirectory(runs / "study" / "tiny")
    assert directory.status() == "failed"
    assert train(point, runs, cache, Quiet()) == "finished"
    assert rows_of(directory) == rows_of(whole)


@pytest.mark.slow
def test_an_lstm_that_failed_goes_on_from_its_checkpoint_bit_for_bit(tmp_path, cache):
    point = tiny_point(tmp_path / "study", steps=8, every=0.0)
    model = dataclasses.replace(point.config.model, architecture="lstm")
    point = dataclasses.replace(point, config=dataclasses.replace(point.config, model=model))
    whole, failed = (RunDirectory(tmp_path / name / "study" / "tiny") for name in ("whole", "failed"))
    assert train(point, tmp_path / "whole", cache, Quiet()) == "finished"
    with pytest.raises(KeyboardInterrupt):
        train(point, tmp_path / "failed", cache, Watch(6, raise_interrupt))
    assert max(int(path.name) for path in failed.checkpoints.glob("[0-9]*")) in range(1, 8)
    assert train(point, tmp_path / "failed", cache, Quiet()) == "finished"
    assert rows_of(failed) == rows_of(whole)
    assert len(rows_of(whole)[0]) == 4


def raise_interrupt():
    raise KeyboardInterrupt


@pytest.mark.slow
def test_a_diverged_run_is_recorded_and_stays(tmp_path, cache):
    point, runs = tiny_point(tmp_path / "study", rate=1e4), tmp_path / "runs"
    assert train(point, runs, cache, Quiet()) == "diverged"
    directory = RunDirectory(runs / "study" / "tiny")
    rows = read_jsonl(directory.metrics) + read_jsonl(directory.evals)
    assert None in [row["loss"] for row in rows]
    assert points_table(runs)["status"].to_list()[0] == "diverged"
    assert train(point, runs, cache, Quiet()) == "diverged"


@pytest.mark.slow
def test_two_processes_cannot_share_a_run(whole, tmp_path, cache):
    point, runs = tiny_point(tmp_path / "study"), tmp_path / "runs"
    refusals = []

    def second():
        refusals.append(quarry(cache, "train", "study/tiny.py", cwd=tmp_path))

    assert train(point, runs, cache, Watch(4, second)) == "finished"
    assert refusals[0].returncode == 2
    assert "another process is training in runs/study/tiny" in refusals[0].stderr
    assert rows_of(RunDirectory(runs / "study" / "tiny")) == rows_of(whole)
