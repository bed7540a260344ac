"""A forked process is like one that was started afresh, and ends with the process that started it."""

import json
import signal
import subprocess
import sys
import threading
import time

import pytest

from quarry.cores import available_cores
from quarry.train.launch.bound_processes import PYTHON
from quarry.train.launch.preloaded import Preloaded
from tests.commands import environment, run

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks after imports"),
    pytest.mark.slow,
]
ECHO = [*PYTHON, "tests.train.launch.echo"]


def echo(tmp_path, *words, fresh=False):
    variables = environment(tmp_path) | {"ECHO": "echo"}
    return run([*ECHO, *words], variables, cwd=tmp_path, fresh=fresh)


def test_a_forked_process_runs_as_a_fresh_one_does(tmp_path):
    forked, fresh = echo(tmp_path, "75", "a b"), echo(tmp_path, "75", "a b", fresh=True)
    assert forked.wait(60) == fresh.wait(60) == 75
    seen, expected = (json.loads(process.communicate()[0]) for process in (forked, fresh))
    assert seen == expected | {"jax": True, "process": forked.pid}
    assert (seen["folder"], seen["variable"], seen["leader"]) == (str(tmp_path), "echo", True)
    assert forked.communicate()[1] == fresh.communicate()[1] == "an error\n"


def test_a_signal_is_seen_in_the_exit_code(tmp_path):
    process = echo(tmp_path, "wait")
    while not process.printed():
        time.sleep(0.01)
    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.01)
    waiting = threading.Thread(target=process.wait)
    waiting.start()
    process.kill()  # while another thread waits
    waiting.join(60)
    assert process.wait(60) == process.poll() == -signal.SIGKILL
    process.kill()  # nothing to end any more


def test_without_a_process_that_forks_each_starts_afresh(tmp_path):
    core = available_cores()[0]
    variables = environment(tmp_path)
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"
    with Preloaded(variables) as preloaded, first.open("wb") as one, second.open("wb") as other:
        waiting = preloaded.start([*ECHO, "wait"], one, one, None, variables)
        preloaded.server.kill()
        assert waiting.wait(60) == -signal.SIGTERM  # it ends with the process that forked it
        process = preloaded.start([*ECHO, "3"], other, other, [core], variables)
        assert process.wait(60) == 3
    seen = json.loads(second.read_text().splitlines()[0])
    assert (seen["cores"], seen["jax"]) == ([core], False)
