"""Logs and checkpoints that were changed between two processes: noticed, and the rows come right."""

import dataclasses
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from quarry.errors import RecordError
from quarry.train.config.experiment import CheckpointConfig
from quarry.train.config.point_files import Point
from quarry.train.record.files import read_json, read_jsonl, write_json
from quarry.train.record.points_table import points_table
from quarry.train.record.progress import Quiet
from quarry.train.record.run_directory import RunDirectory
from quarry.train.run.loop import train
from tests.train.run.test_loop import Watch, rows_of
from tests.train.tiny import tiny_point


class Listener(Quiet):
    """Keeps what the user is told."""

    def __init__(self):
        self.said = []

    def say(self, sentence):
        self.said.append(sentence)


class Runs(NamedTuple):
    """A point, its run stopped after 10 steps and saved at 8 too, one of another seed, a whole run."""

    point: Point
    half: Path
    other: Path
    whole: Path


@pytest.fixture(scope="module")
def runs(tmp_path_factory, cache) -> Runs:
    root = tmp_path_factory.mktemp("runs")
    point = tiny_point(root / "study")
    policy = CheckpointConfig(every_seconds=60.0, at_tokens=(8 * 256,))
    point = dataclasses.replace(point, config=dataclasses.replace(point.config, checkpoint=policy))
    other = dataclasses.replace(point, config=dataclasses.replace(point.config, seed_init=1))
    for name, which in (("half", point), ("other", other)):
        stop = Watch(10, lambda: os.kill(os.getpid(), signal.SIGTERM))
        assert train(which, root / name, cache, stop) == "preempted"
    assert train(point, root / "whole", cache, Quiet()) == "finished"
    return Runs(point, *(root / name / "study" / "tiny" for name in ("half", "other", "whole")))


def change(name: str, edit: Callable[[list[bytes]], list[bytes]]) -> Callable[[Path, Runs], None]:
    def damage(run: Path, runs: Runs) -> None:
        log = run / name
        log.write_bytes(b"".join(edit(log.read_bytes().splitlines(keepends=True))))

    return damage


def newest(run: Path) -> int:
    return max(int(path.name) for path in (run / "checkpoints").iterdir() if path.name.isdigit())


def rename_to_earlier(run: Path, runs: Runs) -> None:
    shutil.rmtree(run / "checkpoints/8")
    (run / f"checkpoints/{newest(run)}").rename(run / "checkpoints/8")


def copy_over_newest(run: Path, runs: Runs) -> None:
    step = newest(run)
    shutil.rmtree(run / f"checkpoints/{step}")
    shutil.copytree(run / "checkpoints/8", run / f"checkpoints/{step}")


def copy_of_other(run: Path, runs: Runs) -> None:
    shutil.rmtree(run / "checkpoints")
    shutil.copytree(runs.other / "checkpoints", run / "checkpoints")


LOGS = {
    "a row missing": change("metrics.jsonl", lambda rows: [rows[0], *rows[2:]]),
    "a row doubled": change("metrics.jsonl", lambda rows: [*rows[:2], *rows[1:]]),
    "rows exchanged": change("metrics.jsonl", lambda rows: [rows[1], rows[0], *rows[2:]]),
    "a digit of a loss": change(
        "metrics.jsonl", lambda rows: [rows[0].replace(b'"loss":5.', b'"loss":4.'), *rows[1:]]
    ),
    "an evaluation missing": change("evals.jsonl", lambda rows: rows[1:]),
    "an evaluation doubled": change("evals.jsonl", lambda rows: [rows[0], *rows]),
    "no rows": change("metrics.jsonl", lambda rows: []),
}
CHECKPOINTS = {
    "renamed to an earlier step": rename_to_earlier,
    "an older one over the newest": copy_over_newest,
    "those of another seed": copy_of_other,
}
WORDS = {
    "a row missing": "metrics.jsonl is damaged: its row 2 is of step 6, not of step 4",
    "a row doubled": "metrics.jsonl is damaged: its row 3 is of step 4, not of step 6",
    "a digit of a loss": "metrics.jsonl is not what it was",
    "an evaluation missing": "evals.jsonl is damaged: its row 1 is of step 5, not of step 2",
    "no rows": "metrics.jsonl ends before the row of step 2",
    "renamed to an earlier step": "it holds the state of step",
    "an older one over the newest": "it holds the state of step",
    "those of another seed": "it is of another run (seed_init: 1 -> 0)",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", [*LOGS, *CHECKPOINTS])
def test_a_run_resumes_from_what_is_its_own(runs, tmp_path, cache, name):
    run, listener = tmp_path / "study" / "tiny", Listener()
    shutil.copytree(runs.half, run)
    (LOGS | CHECKPOINTS)[name](run, runs)
    assert train(runs.point, tmp_path, cache, listener) == "finished"
    assert "is set aside in" in listener.said[0]
    assert WORDS.get(name, "") in listener.said[0]
    assert rows_of(RunDirectory(run)) == rows_of(RunDirectory(runs.whole))


@pytest.mark.slow
@pytest.mark.parametrize("name", LOGS)
def test_the_logs_of_a_finished_run_are_restored(runs, tmp_path, cache, name):
    run, listener = tmp_path / "study" / "tiny", Listener()
    shutil.copytree(runs.whole, run)
    before = {log: (run / log).read_bytes() for log in ("metrics.jsonl", "evals.jsonl")}
    LOGS[name](run, runs)
    if "evaluation" in name:
        with pytest.raises(RecordError, match=r"evals\.jsonl has changed since the run ended"):
            points_table(run)
    assert train(runs.point, tmp_path, cache, listener) == "finished"
    assert "changed after the run had ended: restored from Parquet" in listener.said[0]
    assert before == {log: (run / log).read_bytes() for log in before}


@pytest.mark.slow
def test_a_finished_run_that_has_lost_its_rows_for_good_is_trained_again(runs, tmp_path, cache):
    run, listener = tmp_path / "study" / "tiny", Listener()
    shutil.copytree(runs.whole, run)
    (run / "metrics.jsonl").unlink()
    (run / "metrics.parquet").unlink()
    assert train(runs.point, tmp_path, cache, listener) == "finished"
    assert "metrics.jsonl in" in listener.said[0]
    assert "what is lost is trained again" in listener.said[0]
    assert rows_of(RunDirectory(run)) == rows_of(RunDirectory(runs.whole))


@pytest.mark.slow
@pytest.mark.parametrize("damage", [None, "a row missing", "renamed to an earlier step"])
def test_checkpoints_of_earlier_versions_are_resumed(runs, tmp_path, cache, damage):
    run, listener = tmp_path / "study" / "tiny", Listener()
    shutil.copytree(runs.half, run)
    for seal in run.glob("checkpoints/*/seal/metadata"):
        value = read_json(seal, {"arrays": dict, "run": dict})
        write_json(seal, {name: part for name, part in value.items() if not name.startswith("run")})
    if damage:
        (LOGS | CHECKPOINTS)[damage](run, runs)
    assert train(runs.point, tmp_path, cache, listener) == "finished"
    assert bool(listener.said) == bool(damage)
    assert rows_of(RunDirectory(run)) == rows_of(RunDirectory(runs.whole))


@pytest.mark.slow
def test_a_run_that_starts_anew_says_so(runs, tmp_path, cache):
    run, listener = tmp_path / "study" / "tiny", Listener()
    shutil.copytree(runs.half, run)
    shutil.rmtree(run / "checkpoints")
    assert train(runs.point, tmp_path, cache, listener) == "finished"
    assert listener.said == [f"no checkpoint in {run}/checkpoints can be used: trained from the start"]
    assert [row["event"] for row in read_jsonl(run / "events.jsonl")] == ["restart"]
