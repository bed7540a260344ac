"""One run on several hosts, and on another number of hosts after each interruption."""

import os
import random
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from quarry.errors import ConfigError
from quarry.train.hosts.discovery import Hosts, from_environment, is_distributed
from quarry.train.record.files import read_jsonl, read_last_row
from quarry.train.record.progress import Quiet
from quarry.train.record.run_directory import RunDirectory
from quarry.train.run.loop import train
from tests.commands import quarry
from tests.train.pairs import begin, end
from tests.train.tiny import tiny_point, write_tiny

STEPS, ROWS, SEQUENCES, RATE = 64, 8, 64, 1e-3
QUICK = ["--host-timeout", 60, "--heartbeat-timeout", 4]


def wait_for_step(directory: RunDirectory, beyond: int, processes) -> int:
    """Wait until the last logged step is beyond `beyond`; returns it."""
    print(f"waiting for a step beyond {beyond}")
    deadline = time.monotonic() + 300
    while (step := (read_last_row(directory.metrics) or {"step": 0})["step"]) <= beyond:
        assert time.monotonic() < deadline
        assert all(process.poll() is None for process in processes), "ended too soon: more steps are needed"
        time.sleep(0.01)
    return step


def sequences_trained(folder: Path) -> list[tuple[int, str]]:
    """(position, tokens) of the sequences that a launch read before the step at which the next began."""
    launches = [
        sorted(tuple(row) for file in launch.iterdir() for step in read_jsonl(file) for row in step["rows"])
        for launch in sorted(folder.iterdir())
    ]
    bounds = [launch[0][0] for launch in launches[1:]] + [STEPS * ROWS]
    return [row for launch, bound in zip(launches, bounds, strict=True) for row in launch if row[0] < bound]


def assert_every_epoch_reads_each_sequence_once(folder: Path) -> None:
    rows = sequences_trained(folder)
    assert [position for position, _ in rows] == list(range(STEPS * ROWS))
    epochs = [[tokens for _, tokens in rows[i : i + SEQUENCES]] for i in range(0, len(rows), SEQUENCES)]
    assert all(sorted(epoch) == sorted(epochs[0]) for epoch in epochs)
    assert len(set(epochs[0])) == SEQUENCES


@pytest.fixture(scope="module")
def whole(tmp_path_factory, cache) -> RunDirectory:
    """An uninterrupted run on one host with four devices."""
    folder = tmp_path_factory.mktemp("whole")
    write_tiny(folder / "study", steps=STEPS, rate=RATE)
    codes, said = end(begin(cache, 1, "train", "study/tiny.py", cwd=folder))
    assert codes == [0], said
    return RunDirectory(folder / "runs/study/tiny")


def assert_same_losses(found: RunDirectory, expected: RunDirectory) -> None:
    for name in ("metrics", "evals"):
        one, other = (read_jsonl(getattr(directory, name)) for directory in (found, expected))
        assert [row["step"] for row in one] == [row["step"] for row in other]
        np.testing.assert_allclose([r["loss"] for r in one], [r["loss"] for r in other], rtol=1e-6)


@pytest.mark.slow
def test_a_run_on_two_hosts_then_one_then_two_equals_a_run_on_one(whole, tmp_path, cache):
    write_tiny(tmp_path / "study", steps=STEPS, rate=RATE, every=0.3)
    directory = RunDirectory(tmp_path / "runs/study/tiny")
    seed = time.time_ns()
    print(f"moments drawn from seed {seed}")
    rng = random.Random(seed)
    words = ["train", "study/tiny.py"]

    pair = begin(cache, 2, *words, *QUICK, cwd=tmp_path)
    wait_for_step(directory, rng.randint(2, 20), pair)
    pair[1].kill()
    codes, said = end(pair)
    assert codes == [1, -signal.SIGKILL], said
    assert "error: host 1 of 2 has given no sign of life for 4 s" in said[0] or "error: a comp" in said[0]

    single = begin(cache, 1, *words, cwd=tmp_path)
    wait_for_step(directory, (read_last_row(directory.metrics) or {})["step"], single)
    os.kill(single[0].pid, signal.SIGTERM)
    assert end(single)[0] == [75]

    codes, said = end(begin(cache, 2, *words, *QUICK, cwd=tmp_path))
    assert codes == [0, 0], said
    assert_same_losses(directory, whole)
    assert_every_epoch_reads_each_sequence_once(tmp_path / "read")


def checkpoints_of(directory: RunDirectory) -> list[int]:
    return sorted(int(path.name) for path in directory.checkpoints.glob("*") if path.name.isdecimal())


@pytest.mark.slow
def test_two_hosts_end_within_the_grace_time_and_set_aside_a_checkpoint_that_one_cannot_read(tmp_path, cache):
    point = tiny_point(tmp_path / "study", steps=24, rate=RATE)
    directory = RunDirectory(tmp_path / "runs/study/tiny")
    words = ["train", "study/tiny.py", "--mesh.data", 1, "--mesh.fsdp", 2]

    often = ["--checkpoint.every-seconds", 0, "--checkpoint.grace-seconds", 0.01]
    pair = begin(cache, 2, *words, *often, cwd=tmp_path, together=2)
    while len(checkpoints_of(directory)) < 2:
        assert all(process.poll() is None for process in pair)
        time.sleep(0.01)
    os.kill(pair[1].pid, signal.SIGTERM)
    codes, said = end(pair)
    assert codes == [75, 75], said
    ran_out = "checkpoint.grace_seconds = 0.01 ran out while the run was stopping"
    assert all(ran_out in one for one in said), said  # whichever host's time ran out first, both say so
    assert directory.status() == "preempted"

    newest = checkpoints_of(directory)[-1]
    (written_by_host_1,) = (directory.checkpoints / str(newest)).glob("*/ocdbt.process_1")
    shutil.rmtree(written_by_host_1 / "d")
    codes, said = end(begin(cache, 2, *words, cwd=tmp_path, together=2))
    assert codes == [0, 0], said
    assert f"the checkpoint of step {newest} is set aside in" in said[0]
    assert not any(word in text for text in said for word in ("Traceback", "ignored", "rror:"))
    assert [row["event"] for row in read_jsonl(directory.events)] == ["damaged"]
    assert train(point, tmp_path / "alone", cache, Quiet()) == "finished"
    assert_same_losses(directory, RunDirectory(tmp_path / "alone/study/tiny"))


@pytest.mark.slow
def test_a_host_reports_that_the_other_did_not_come_up(tmp_path, cache):
    write_tiny(tmp_path / "study")
    missing = ["--coordinator", "127.0.0.1:1", "--processes", 2, "--process", 1, "--host-timeout", 2]
    done = quarry(cache, "train", "study/tiny.py", *missing, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        "error: process 1 of 2 has not met all others at 127.0.0.1:1 within host_timeout = 2 s: "
        "start the same command on every host\n"
    )
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"coordinator": "a:1"}, "--coordinator, --processes and --process go together"),
        ({"coordinator": "a", "processes": 2, "process": 0}, "--coordinator = a must be HOST:PORT"),
        ({"coordinator": "a:1", "processes": 2, "process": 2}, "--process = 2 must be from 0 to 1"),
        ({"heartbeat_timeout": 0}, "heartbeat_timeout must be at least 1 second, not 0"),
    ],
)
def test_impossible_hosts_are_refused(fields, says):
    with pytest.raises(ConfigError, match=says):
        Hosts(**fields)


def test_the_environment_tells_whether_there_are_several_hosts():
    named = {"JAX_COORDINATOR_ADDRESS": "a:1", "JAX_NUM_PROCESSES": "2", "JAX_PROCESS_ID": "1"}
    assert from_environment(Hosts(), named) == Hosts("a:1", 2, 1)
    assert is_distributed(from_environment(Hosts(), named), {})
    assert not is_distributed(Hosts(), {})
    assert is_distributed(Hosts(), {"SLURM_STEP_NUM_TASKS": "2"})
    assert not is_distributed(Hosts(), {"SLURM_STEP_NUM_TASKS": "1", "SLURM_NTASKS": "8"})
    with pytest.raises(ConfigError, match=r"\$JAX_PROCESS_ID must be a number, not 'x'"):
        from_environment(Hosts(), named | {"JAX_PROCESS_ID": "x"})
