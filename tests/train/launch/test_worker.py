"""A worker runs commands one after the other, in one process until one of them ends it."""

import json
import os
import signal
import time

import pytest

from quarry.train.launch import worker
from quarry.train.launch.bound_processes import PYTHON
from quarry.train.launch.preloaded import Preloaded
from tests.commands import environment

ECHO = [*PYTHON, "tests.train.launch.echo"]


@pytest.fixture(scope="module", params=["forked", "fresh"])
def started(request, tmp_path_factory):
    """A worker; its process is forked, or started afresh where no process forks."""
    variables = environment(tmp_path_factory.mktemp("cache"))
    starter = Preloaded(variables)
    if request.param == "forked":
        starter.open()
    with pytest.MonkeyPatch.context() as patch:
        for name in variables:
            patch.setenv(name, variables[name])
        with worker.Worker(starter, sorted(os.sched_getaffinity(0))[:1]) as made:
            yield made
    starter.close()


def begin(started, log, *words) -> worker.Task:
    with log.open("ab") as file:
        return started.start([*ECHO, *words], file)


def seen(log) -> dict:
    """What the command printed first."""
    return json.loads(log.read_text().splitlines()[0])


@pytest.mark.slow
def test_commands_share_a_process_until_one_ends_otherwise(started, tmp_path):
    logs = [tmp_path / f"{number}.txt" for number in range(5)]
    words = ["0", "1", "75", "error"]
    codes = [begin(started, log, word).wait() for log, word in zip(logs[:4], words, strict=True)]
    assert codes == [0, 1, 75, 1]
    assert logs[3].read_text().endswith("ValueError: invalid literal for int() with base 10: 'error'\n")
    assert begin(started, logs[4], "0").wait() == 0
    first, second, third, fourth, fifth = (seen(log) for log in logs)
    assert first == second | {"words": ["0"]}
    assert all(log.read_text().count("an error\n") == 1 for log in logs)
    assert first["process"] == second["process"] == third["process"]
    assert len({each["process"] for each in (third, fourth, fifth)}) == 3
    assert all(each["leader"] and len(each["cores"]) == 1 for each in (first, fourth))


@pytest.mark.slow
def test_a_signal_ends_the_process_and_the_next_command_has_another(started, tmp_path):
    logs = [tmp_path / f"{number}.txt" for number in range(3)]
    task = begin(started, logs[0], "wait")
    while not logs[0].read_text():
        time.sleep(0.01)
    assert task.returncode is None
    task.send_signal(signal.SIGTERM)
    assert task.wait() == task.returncode == -signal.SIGTERM
    task.send_signal(signal.SIGTERM)  # nothing to end any more
    assert begin(started, logs[1], "0").wait() == 0
    os.kill(seen(logs[1])["process"], signal.SIGKILL)  # while it waits for a command
    assert started._staying.process.wait(60) == -signal.SIGKILL
    assert begin(started, logs[2], "0").wait() == 0


@pytest.mark.parametrize(
    ("code", "seconds", "gib", "accelerator", "stays"),
    [
        *((0, 1, 0, False, True), (1, 1, 0, False, True), (2, 1, 0, False, False), (0, 100, 0, False, False)),
        *((0, 1, 4, False, False), (0, 1, 4, True, True), (0, 1, 40, True, False)),
    ],
)
def test_a_process_does_not_stay_after_an_error_a_long_point_or_a_large_one(
    monkeypatch, code, seconds, gib, accelerator, stays
):
    monkeypatch.setattr(worker, "_peak_bytes", lambda: gib * 2**30)
    monkeypatch.setattr(worker, "accelerator_present", lambda: accelerator)
    assert worker.stays(code, seconds) is stays
