"""Points that another process trains are waited for, not counted as failed."""

import queue
from types import SimpleNamespace

import pytest

from quarry.train.launch import local
from quarry.train.launch.preloaded import Preloaded
from quarry.train.record.run_directory import RunDirectory
from quarry.train.record.run_lock import RunLock
from quarry.train.run.signals import StopRequest


def job(name: str, busy: int = 0, **fields):
    """A job that another process trains for the next `busy` looks, and has then ended with `status`."""
    looks = iter([True] * busy)
    made = SimpleNamespace(name=name, state="waiting", status=lambda: None, is_intact=lambda: True)
    made.is_in_use = lambda: next(looks, False)
    vars(made).update(fields)
    return made


@pytest.fixture
def started(monkeypatch) -> list:
    """The names of the jobs that get a process; each finishes."""
    names = []

    def run(stack, *_):
        for each in stack:
            names.append(each.name)
            each.state = "finished"

    monkeypatch.setattr(local, "_run_stack", run)
    monkeypatch.setattr(local, "LOOK_SECONDS", 0.0)
    return names


def work_through(*stacks: list) -> None:
    waiting = queue.SimpleQueue()
    for stack in stacks:
        waiting.put(stack)
    local._work_through(waiting, None, [], Preloaded(), StopRequest())


def test_with_nothing_to_train_no_process_is_started(monkeypatch):
    monkeypatch.setattr(Preloaded, "open", lambda _: pytest.fail("a process that imports JAX takes seconds"))
    shown = []
    assert not local.run_jobs([], [None], [], shown.append)
    assert shown == [False]


def test_a_point_in_progress_elsewhere_comes_last(started):
    elsewhere, free = job("elsewhere", busy=3), job("free")
    work_through([elsewhere], [free])
    assert started == ["free", "elsewhere"]
    assert (elsewhere.state, free.state) == ("finished", "finished")


def test_a_point_that_another_process_has_ended_is_not_started(started):
    seen = iter([None, None, "diverged"])
    ended = job("ended", busy=2, status=lambda: next(seen))
    work_through([ended])
    assert (started, ended.state) == ([], "diverged")


def test_of_a_stack_only_what_is_free_is_started(started):
    work_through([job("free"), job("elsewhere", busy=1), job("other")])
    assert started == ["free", "other", "elsewhere"]


@pytest.mark.parametrize(("in_use", "state"), [(True, local.ELSEWHERE), (False, "failed")])
def test_a_point_refused_because_it_is_in_use_has_not_failed(in_use, state):
    refused = job("refused", busy=int(in_use))
    assert local._state_after_point(2, refused) == state


def test_a_locked_run_is_in_use(tmp_path):
    directory = RunDirectory(tmp_path / "run")
    assert not directory.is_in_use()
    directory.path.mkdir()
    lock = RunLock(directory.path, "run")
    assert directory.is_in_use()
    lock.close()
    assert not directory.is_in_use()
