"""Programs compiled ahead are those that training runs, and a sweep has them compiled where it has room."""

import os
import subprocess
import sys
import time

import pytest

from quarry.cores import available_cores
from quarry.train.config.point_files import load_point_file
from quarry.train.launch.bound_processes import PYTHON
from quarry.train.launch.compile_ahead import compiling_ahead, idle_cores, to_compile
from quarry.train.launch.jobs import group_into_stacks, make_jobs
from quarry.train.launch.process_commands import point_argument
from tests.commands import environment, quarry, run
from tests.quick_compile import QUICK_COMPILE
from tests.train.tiny import tiny_point, write_tiny

LONG = ("jit_step", "jit_score", "jit_init_state")
"""The programs that take long to compile; the last makes the first state."""


def compiled(folder) -> set[str]:
    """The cached programs among LONG, with their keys."""
    return {file.name for file in folder.glob("*-cache") if file.name.startswith(LONG)}


def other_shape(folder, name: str):
    file = write_tiny(folder, name=name)
    file.write_text(file.read_text().replace("batch_tokens=256", "batch_tokens=512"))
    return file


@pytest.mark.slow
def test_a_run_finds_every_program_that_was_compiled_ahead(tmp_path, cache, monkeypatch):
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    for flag in QUICK_COMPILE.items():
        monkeypatch.setenv(*flag)
    point = tiny_point(tmp_path / "mine")
    mine = tmp_path / "mine" / "cache"
    command = [*PYTHON, "quarry.train.launch.compile_ahead", "--cache", str(mine), point_argument(point)]
    process = run(command, environment(cache), cwd=tmp_path)
    assert (process.wait(120), process.communicate()[1]) == (0, "")
    ahead = compiled(mine / "xla")
    assert {name.partition("-")[0] for name in ahead} == set(LONG)
    trained = quarry(cache, "train", "tiny.py", "--cache", "cache", cwd=tmp_path / "mine")
    assert trained.returncode == 0, trained.stderr
    assert compiled(mine / "xla") == ahead


@pytest.mark.slow
def test_a_point_that_cannot_be_compiled_keeps_none_from_it(tmp_path, cache, monkeypatch):
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "xla"))
    for flag in QUICK_COMPILE.items():
        monkeypatch.setenv(*flag)
    bad, good = write_tiny(tmp_path / "mine", name="bad"), tiny_point(tmp_path / "mine", name="good")
    bad.write_text(bad.read_text().replace("unique_tokens=2048", "unique_tokens=10**12"))
    command = [
        sys.executable,
        "-P",
        "-m",
        "quarry.train.launch.compile_ahead",
        "--cache",
        str(cache),
        f"{bad}:",
        point_argument(good),
    ]
    done = subprocess.run(command, env=environment(cache), capture_output=True, text=True)
    assert done.returncode == 0
    assert "unique_tokens" in done.stderr
    assert any(name.startswith("jit_step") for name in compiled(tmp_path / "xla"))


def test_each_new_program_of_the_queue_is_compiled_once(tmp_path, cache):
    points = [tiny_point(tmp_path / "mine", name=name, steps=steps) for name, steps in [("a", 30), ("b", 20)]]
    others = [load_point_file(other_shape(tmp_path / "mine", name))[0] for name in ("c", "d")]
    jobs = make_jobs([*points, *others], tmp_path / "runs", cache)
    queue = sorted(group_into_stacks(jobs, 1, 1), key=lambda stack: stack[0].point.name)
    assert [point.name for point in to_compile(queue, 1)] == ["c"]
    assert to_compile(queue, 4) == []
    assert jobs[0].program_key == jobs[1].program_key != jobs[2].program_key
    jobs[3].state = "finished"
    together = group_into_stacks(jobs, 2, 1)
    assert [[job.point.name for job in stack] for stack in together] == [["a", "b"], ["c"]]


def test_room_is_a_core_without_a_worker(monkeypatch):
    monkeypatch.setattr("quarry.train.launch.compile_ahead.available_cores", lambda: [2, 3, 5])
    assert idle_cores([[2], [5]]) == [3]
    assert idle_cores([[2], [3], [5]]) == []
    assert idle_cores([None]) == []  # an accelerator that is no GPU, as none is here
    monkeypatch.setattr("quarry.train.launch.compile_ahead.gpu_present", lambda: True)
    assert idle_cores([None]) is None


@pytest.mark.slow
@pytest.mark.skipif(len(available_cores()) < 2, reason="needs two cores: run it on a machine with more")
def test_a_sweep_with_a_core_to_spare_has_the_next_point_compiled(tmp_path, cache, monkeypatch):
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "xla"))
    for flag in QUICK_COMPILE.items():
        monkeypatch.setenv(*flag)
    points = [load_point_file(other_shape(tmp_path / "mine", "large"))[0], tiny_point(tmp_path / "mine")]
    queue = group_into_stacks(make_jobs(points, tmp_path / "runs", cache), 1, 1)
    with compiling_ahead(queue, [available_cores()[:1]], cache):
        until = time.monotonic() + 120
        while not compiled(tmp_path / "xla") and time.monotonic() < until:
            time.sleep(0.1)
    assert compiled(tmp_path / "xla"), (cache / "ahead.txt").read_text()
    assert not (tmp_path / "runs").exists()
    assert (
        subprocess.run(
            ["pgrep", "-P", str(os.getpid()), "-f", "quarry.train.launch.compile_ahead"]
        ).returncode
        == 1
    )
