"""kill -9 at any moment, resume, and the logs equal an undisturbed run's bit for bit."""

import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from quarry.train.record.files import read_jsonl, read_last_row
from quarry.train.record.run_directory import RunDirectory
from tests.commands import quarry, start
from tests.train.run.test_loop import rows_of
from tests.train.tiny import write_tiny

pytestmark = pytest.mark.slow

STEPS, SHORT = 800, 500
SELDOM = ("--checkpoint.every-seconds", 60)  # for runs that nothing ends


def mixture_of_two(folder: Path) -> tuple[str, str]:
    """Options that train on a mixture of two folders of documents."""
    for letter in "ab":
        (folder / letter).mkdir(parents=True)
        for number in range(60):
            (folder / letter / f"{number}.txt").write_text(f"{letter}{number} " * (40 + number))
    return "--data.corpus", f"mix:folder:{folder / 'a'}=0.3+folder:{folder / 'b'}=0.7"


def kill_after_progress(cache, folder, directory, rng, *words):
    """Start or resume the run, let it go beyond all it had logged, and kill it a random moment later."""
    before = (read_last_row(directory.metrics) or {"step": 0})["step"]
    process = start(cache, "train", "study/tiny.py", *words, cwd=folder)
    while (read_last_row(directory.metrics) or {"step": 0})["step"] <= before:
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)
    time.sleep(rng.uniform(0, 0.15))
    process.kill()
    process.communicate()


def test_three_kills_leave_no_trace_in_the_logs_of_a_run_on_a_mixture(tmp_path, cache):
    mixture = mixture_of_two(tmp_path / "texts")
    for name in ("whole", "killed"):
        write_tiny(tmp_path / name / "study", steps=STEPS, every=0.2)
    assert quarry(cache, "train", "study/tiny.py", *SELDOM, *mixture, cwd=tmp_path / "whole").returncode == 0
    whole, killed = (RunDirectory(tmp_path / name / "runs/study/tiny") for name in ("whole", "killed"))
    seed = time.time_ns()
    print(f"moments of the kills drawn from seed {seed}")
    rng = random.Random(seed)
    for _ in range(3):
        kill_after_progress(cache, tmp_path / "killed", killed, rng, *mixture)
    assert killed.status() == "running", "the run ended before the third kill: give it more steps"
    done = quarry(cache, "train", "study/tiny.py", *SELDOM, *mixture, cwd=tmp_path / "killed")
    assert done.returncode == 0, done.stderr
    assert rows_of(killed) == rows_of(whole)
    assert len(rows_of(whole)[0]) == STEPS // 2


def signalled(cache, folder, directory, grace, *numbers) -> subprocess.CompletedProcess:
    """Start the run in `folder`, and send it signals once it has saved and gone on."""
    process = start(cache, "train", "study/tiny.py", "--checkpoint.grace-seconds", grace, cwd=folder)
    saved = 0
    while (read_last_row(directory.metrics) or {"step": 0})["step"] <= saved or not saved:
        assert process.poll() is None, process.communicate()
        steps = [int(path.name) for path in directory.checkpoints.glob("*") if path.name.isdecimal()]
        saved = max(steps, default=0)
        time.sleep(0.005)
    for number in numbers:
        if process.poll() is None:
            process.send_signal(number)
            time.sleep(0.002)
    out, errors = process.communicate(timeout=100)
    return subprocess.CompletedProcess(process.args, process.returncode, out, errors)


@pytest.mark.parametrize(
    ("numbers", "grace", "code", "says"),
    [
        ([signal.SIGUSR2], 0.01, 75, "checkpoint.grace_seconds = 0.01 ran out while the run was stopping"),
        ([signal.SIGINT] * 100, 60, 130, "stopped at once"),  # many: two that come together count once
    ],
)
def test_a_run_that_cannot_save_in_time_goes_on_from_the_checkpoint_before(
    tmp_path, cache, numbers, grace, code, says
):
    write_tiny(tmp_path / "study", steps=SHORT, every=0.2)
    directory = RunDirectory(tmp_path / "runs/study/tiny")
    done = signalled(cache, tmp_path, directory, grace, *numbers)
    assert done.returncode == code, done.stdout + done.stderr
    assert f"error: {says}" in done.stderr
    assert "Traceback" not in done.stderr
    assert directory.status() == "preempted"
    logged = read_jsonl(directory.metrics)
    whole = quarry(cache, "train", "study/tiny.py", *SELDOM, cwd=tmp_path)
    assert whole.returncode == 0, whole.stderr
    rows = read_jsonl(directory.metrics)
    assert [row["step"] for row in rows] == list(range(2, SHORT + 1, 2))
    assert [row["loss"] for row in rows[: len(logged)]] == [row["loss"] for row in logged]
