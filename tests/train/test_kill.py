"""kill -9 at any moment, resume, and the logs equal an undisturbed run's bit for bit."""

import random
import time

from tests.commands import quarry, start
from tests.train.test_loop import rows_of
from tests.train.tiny import write_tiny
from train.record import RunDirectory, read_last_row

STEPS = 400


def kill_after_some_rows(cache, folder, directory, rng):
    """Start or resume the run, let it log something new, and kill it a random moment later."""
    before = (read_last_row(directory.metrics) or {"step": 0})["step"]
    process = start(cache, "train", "study/tiny.py", cwd=folder)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        row = read_last_row(directory.metrics)
        if row is not None and row["step"] != before:
            break
        time.sleep(0.01)
    time.sleep(rng.uniform(0, 0.5))
    process.kill()
    process.communicate()


def test_three_kills_leave_no_trace_in_the_logs(tmp_path, cache):
    for name in ("whole", "killed"):
        write_tiny(tmp_path / name / "study", steps=STEPS, every=0.2)
    assert quarry(cache, "train", "study/tiny.py", cwd=tmp_path / "whole").returncode == 0
    whole, killed = (RunDirectory(tmp_path / name / "runs/study/tiny") for name in ("whole", "killed"))
    rng = random.Random(time.time_ns())
    for _ in range(3):
        kill_after_some_rows(cache, tmp_path / "killed", killed, rng)
    assert killed.status() == "running", "the run ended before the third kill: give it more steps"
    done = quarry(cache, "train", "study/tiny.py", cwd=tmp_path / "killed")
    assert done.returncode == 0, done.stderr
    assert rows_of(killed) == rows_of(whole)
    assert len(rows_of(whole)[0]) == STEPS // 2
