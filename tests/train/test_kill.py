"""kill -9 at any moment, resume, and the logs equal an undisturbed run's bit for bit."""

import random
import time

from tests.commands import quarry, start
from tests.train.test_loop import rows_of
from tests.train.tiny import write_tiny
from train.record import RunDirectory, read_last_row

STEPS = 4000


def kill_after_progress(cache, folder, directory, rng):
    """Start or resume the run, let it go beyond all it had logged, and kill it a random moment later."""
    before = (read_last_row(directory.metrics) or {"step": 0})["step"]
    process = start(cache, "train", "study/tiny.py", cwd=folder)
    while (read_last_row(directory.metrics) or {"step": 0})["step"] <= before:
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)
    time.sleep(rng.uniform(0, 0.3))
    process.kill()
    process.communicate()


def test_three_kills_leave_no_trace_in_the_logs(tmp_path, cache):
    for name in ("whole", "killed"):
        write_tiny(tmp_path / name / "study", steps=STEPS, every=0.2)
    assert quarry(cache, "train", "study/tiny.py", cwd=tmp_path / "whole").returncode == 0
    whole, killed = (RunDirectory(tmp_path / name / "runs/study/tiny") for name in ("whole", "killed"))
    seed = time.time_ns()
    print(f"moments of the kills drawn from seed {seed}")
    rng = random.Random(seed)
    for _ in range(3):
        kill_after_progress(cache, tmp_path / "killed", killed, rng)
    assert killed.status() == "running", "the run ended before the third kill: give it more steps"
    done = quarry(cache, "train", "study/tiny.py", cwd=tmp_path / "killed")
    assert done.returncode == 0, done.stderr
    assert rows_of(killed) == rows_of(whole)
    assert len(rows_of(whole)[0]) == STEPS // 2
