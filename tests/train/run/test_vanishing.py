"""What vanishes while a run trains is noticed and written again; no other process gets in."""

import os
import shutil
from pathlib import Path

import pytest

from quarry.errors import ConfigError, LeaseLost, RunError
from quarry.train.record.files import read_jsonl
from quarry.train.record.logs import JsonlLog
from quarry.train.record.progress import Quiet
from quarry.train.record.run_directory import RunDirectory
from quarry.train.record.run_lock import RunLock, is_locked
from quarry.train.record.schema import LOCK
from quarry.train.run import checkpoints as checkpoints_module
from quarry.train.run.loop import train
from tests.train.run.test_checkpoints import opened
from tests.train.run.test_loop import Watch, rows_of
from tests.train.tiny import tiny_point


class Witness(Watch):
    """A watch that also keeps what the user is told."""

    def __init__(self, step, action):
        super().__init__(step, action)
        self.said = []

    def say(self, sentence):
        self.said.append(sentence)


@pytest.fixture(scope="module")
def whole(tmp_path_factory, cache) -> list:
    folder = tmp_path_factory.mktemp("whole")
    assert train(tiny_point(folder / "study"), folder / "runs", cache, Quiet()) == "finished"
    return rows_of(RunDirectory(folder / "runs" / "study" / "tiny"))


def edit(path: Path) -> None:
    """Replace a file by one that lacks its first line, as an editor does."""
    new = path.with_name("new")
    new.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[1:]))
    new.replace(path)


def overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(20)
        file.write(b"9")


def empty_and_delete(path: Path) -> None:
    path.write_text("")
    path.unlink()


WAYS = {
    "the directory deleted": (shutil.rmtree, ["config.json", "metrics.jsonl", "checkpoints"]),
    "the directory moved": (lambda run: run.rename(run.with_name("moved")), ["config.json", "checkpoints"]),
    "metrics deleted": (lambda run: (run / "metrics.jsonl").unlink(), ["metrics.jsonl"]),
    "metrics truncated": (lambda run: os.truncate(run / "metrics.jsonl", 0), ["metrics.jsonl"]),
    "metrics edited": (lambda run: edit(run / "metrics.jsonl"), ["metrics.jsonl"]),
    "metrics overwritten": (lambda run: overwrite(run / "metrics.jsonl"), ["metrics.jsonl"]),
    "evals deleted": (lambda run: (run / "evals.jsonl").unlink(), ["evals.jsonl"]),
    "evals edited": (lambda run: edit(run / "evals.jsonl"), ["evals.jsonl"]),
    "config deleted": (lambda run: (run / "config.json").unlink(), ["config.json"]),
    "run.json emptied, then deleted": (lambda run: empty_and_delete(run / "run.json"), []),
    "run.json emptied": (lambda run: (run / "run.json").write_text(""), []),
    "checkpoints deleted": (lambda run: shutil.rmtree(run / "checkpoints"), ["checkpoints"]),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", WAYS)
def test_what_vanishes_is_written_again(whole, tmp_path, cache, name):
    run, (damage, named) = tmp_path / "runs" / "study" / "tiny", WAYS[name]
    witness = Witness(12, lambda: damage(run))
    assert train(tiny_point(tmp_path / "study"), tmp_path / "runs", cache, witness) == "finished"
    directory = RunDirectory(run)
    assert rows_of(directory) == whole
    assert (directory.status(), directory.read_run()["steps"]) == ("finished", 20)
    assert (run / "config.json").exists()
    assert (run / "checkpoints" / "20").is_dir()
    for word in named:
        assert any(word in sentence for sentence in witness.said), witness.said
    assert not named or {row["event"] for row in read_jsonl(directory.events)} == {"restored"}


@pytest.mark.slow
def test_no_second_process_gets_in_when_the_lock_file_is_deleted(whole, tmp_path, cache):
    point, runs, refused = tiny_point(tmp_path / "study"), tmp_path / "runs", []

    def second():
        (runs / "study/tiny" / LOCK).unlink()
        with pytest.raises(ConfigError) as refusal:
            train(point, runs, cache, Quiet())
        refused.append(str(refusal.value))

    assert train(point, runs, cache, Watch(4, second)) == "finished"
    assert refused == [f"another process is training in {runs}/study/tiny"]
    assert rows_of(RunDirectory(runs / "study/tiny")) == whole


def test_a_lock_outlives_its_file(tmp_path):
    lock = RunLock(tmp_path, "here")
    lock.write("token")
    (tmp_path / LOCK).unlink()
    with pytest.raises(ConfigError, match="another process is training in here"):
        RunLock(tmp_path, "here")
    lock.keep()
    assert (tmp_path / LOCK).read_text() == "token"
    assert is_locked(tmp_path)
    lock.close()
    assert not is_locked(tmp_path)
    again = RunLock(tmp_path, "here")
    assert again.former == "token"
    again.close()


def test_a_lock_follows_its_directory_unless_another_process_has_it(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    lock = RunLock(run, "here")
    run.rename(tmp_path / "moved")
    lock.keep()
    assert is_locked(run)
    shutil.rmtree(run)
    run.mkdir()
    other = RunLock(run, "here")
    with pytest.raises(LeaseLost, match="it was deleted or moved while this one trained there"):
        lock.keep()
    other.close()
    lock.close()


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("/nowhere/at/all")])
def test_a_lock_file_that_is_none_is_made_again(tmp_path, make):
    make(tmp_path / LOCK)
    lock = RunLock(tmp_path, "here")
    lock.write("token")
    assert (tmp_path / LOCK).read_text() == "token"
    lock.close()


def test_a_log_knows_what_it_wrote(tmp_path):
    log = JsonlLog(tmp_path / "log.jsonl")
    log.append({"step": 1})
    assert log.is_intact(thoroughly=True)
    os.truncate(log.path, 0)
    log.append({"step": 2})
    assert not log.is_intact(thoroughly=False)
    log.restore()
    log.append({"step": 3})
    assert [row["step"] for row in read_jsonl(log.path)] == [1, 2, 3]
    log.close()


def test_a_folder_of_checkpoints_made_again_at_once_is_another_one(tmp_path):
    """Many file systems give it the inode of the one just deleted, unless a process has that one open."""
    folder = tmp_path / "checkpoints"
    checkpoints, reported = opened(folder)
    shutil.rmtree(folder)
    folder.mkdir()
    checkpoints.due()
    checkpoints.close()
    assert [(event, sentence) for event, _, sentence in reported] == [
        ("restored", f"{folder} is made again for new checkpoints: it had vanished")
    ]


@pytest.fixture
def beside_another_host(tmp_path, monkeypatch):
    """Checkpoints of the first of two hosts, and what it reports."""
    checkpoints, reported = opened(tmp_path / "checkpoints")
    monkeypatch.setattr(checkpoints_module, "process_count", lambda: 2)
    yield checkpoints, reported
    checkpoints._manager.close()


def test_a_vanished_folder_is_reported_on_several_hosts(beside_another_host, tmp_path):
    checkpoints, reported = beside_another_host
    (tmp_path / "checkpoints").rename(tmp_path / "moved")
    checkpoints.due()
    checkpoints.due()
    assert [(event, sentence) for event, _, sentence in reported] == [
        ("restored", f"{tmp_path / 'checkpoints'} is made again for new checkpoints: it had vanished")
    ]


def test_a_failed_save_ends_several_hosts_in_a_sentence(beside_another_host, monkeypatch):
    def fail():
        raise ValueError("NOT_FOUND: the folder\nand more")

    checkpoints, _ = beside_another_host
    monkeypatch.setattr(checkpoints._manager, "check_for_errors", fail)
    with pytest.raises(RunError, match=r"cannot save into .*: NOT_FOUND: the folder$"):
        checkpoints.due()
