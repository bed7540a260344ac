"""Points whose steps are taken in one program train, and are recorded, as they are alone."""

import dataclasses
import io
import json
import re
import signal
import time

import numpy as np
import pytest
from rich.console import Console

from quarry.model.config import modern
from quarry.train.config.branches import branches
from quarry.train.config.experiment import BranchConfig, DataConfig, Duration, ScheduleConfig
from quarry.train.config.point_files import Point
from quarry.train.launch.jobs import Job, JobRun, group_into_stacks
from quarry.train.launch.local import state_after_stack
from quarry.train.launch.stack_worker import train_together
from quarry.train.record.files import read_jsonl
from quarry.train.record.progress import Quiet
from quarry.train.record.run_directory import RunDirectory
from quarry.train.run.loop import train
from quarry.train.run.sizes import RunSizes
from quarry.train.run.stacking import slots_for
from tests.commands import quarry, start
from tests.train.run.test_loop import rows_of
from tests.train.tiny import tiny_point, write_tiny

pytestmark = pytest.mark.slow


def members(folder, shape=None, **optimizer) -> list[Point]:
    """Points of one shape that differ in all that they may differ in."""
    point = tiny_point(folder / "study")
    config = dataclasses.replace(point.config, model=shape or point.config.model)

    def changed(name: str, rate: float = 1e-2, decay: float = 0.1, **fields) -> Point:
        rates = dataclasses.replace(config.optimizer, learning_rate=rate, weight_decay=decay, **optimizer)
        return dataclasses.replace(
            point, name=name, config=dataclasses.replace(config, optimizer=rates, **fields)
        )

    return [
        changed("seeds", seed_init=3, seed_order=4),
        changed("decay", rate=3e-3, decay=1.0),
        changed("long", data=DataConfig(unique_tokens=4096), duration=Duration(steps=31)),
        changed("ramp", batch_ramp=((1024, 128),), duration=Duration(tokens=5120)),
        changed(
            "trunk",
            schedule=ScheduleConfig(warmup_steps=2, decay=0.5),
            branches=BranchConfig(epochs=(0.5,)),
        ),
    ]


def runs_of(points: list[Point]) -> list[Point]:
    return [run for point in points for run in (point, *branches(point))]


def assert_same_curves(points: list[Point], stacked, alone):
    """All numbers of both logs are equal to rounding."""
    for run in runs_of(points):
        logs = [rows_of(RunDirectory(folder / run.run)) for folder in (stacked, alone)]
        for got, expected in zip(*logs, strict=True):
            assert [row["step"] for row in got] == [row["step"] for row in expected]
            for one, other in zip(got, expected, strict=True):
                numbers = [name for name, value in other.items() if isinstance(value, float)]
                for name in numbers:
                    slack = 1e-6 if name == "g_squared" else 0  # a difference of two squares of order 0.1
                    np.testing.assert_allclose(one[name], other[name], rtol=2e-5, atol=slack, err_msg=name)


def test_every_member_has_the_curve_and_the_record_it_has_alone(tmp_path, cache):
    points = members(tmp_path)
    assert train_together(points, tmp_path / "stacked", cache, Console(quiet=True)) == ["finished"] * 5
    for run in runs_of(points):
        assert train(run, tmp_path / "alone", cache, Quiet()) == "finished"
    assert_same_curves(points, tmp_path / "stacked", tmp_path / "alone")
    records = [RunDirectory(tmp_path / kind / "study" / "long").read_run() for kind in ("stacked", "alone")]
    differing = {name for name in records[1] if records[0][name] != records[1][name]}
    assert differing <= {"started", "ended", "compile_seconds", "flops_xla_per_token", "logs"}


def test_dropout_drops_the_same_in_a_stack(tmp_path, cache):
    points = members(tmp_path, shape=modern(16, 1, 2, context=32, dropout=0.2))[:2]
    assert train_together(points, tmp_path / "stacked", cache, Console(quiet=True)) == ["finished"] * 2
    for point in points:
        train(point, tmp_path / "alone", cache, Quiet())
    assert_same_curves(points, tmp_path / "stacked", tmp_path / "alone")


def test_one_that_fails_or_diverges_leaves_the_others_alone(tmp_path, cache):
    points = members(tmp_path)[:3]
    hot = dataclasses.replace(points[1].config.optimizer, learning_rate=1e30)
    points[1] = dataclasses.replace(points[1], config=dataclasses.replace(points[1].config, optimizer=hot))
    other = dataclasses.replace(points[2], config=dataclasses.replace(points[2].config, log_every=5))
    train(other, tmp_path / "stacked", cache, Quiet())
    console = Console(file=io.StringIO(), width=300)
    assert train_together(points, tmp_path / "stacked", cache, console) == ["finished", "diverged", "failed"]
    said = console.file.getvalue()
    assert re.search("study/long: .* holds a run of another configuration .log_every", said), said
    assert "Traceback" not in said
    train(points[0], tmp_path / "alone", cache, Quiet())
    assert_same_curves(points[:1], tmp_path / "stacked", tmp_path / "alone")


def test_a_stack_that_is_stopped_goes_on_alone(tmp_path, cache):
    write_tiny(tmp_path / "mine", name="a", steps=20_000)
    process = start(cache, "sweep", "mine", "--stack", "4", "--workers", "1", cwd=tmp_path)
    metrics = [tmp_path / "runs" / "mine" / name / "metrics.jsonl" for name in ("a", "a-seed1")]
    while process.poll() is None and not all(log.exists() and log.stat().st_size for log in metrics):
        time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 75, out + err
    runs = {path.parent.name: json.loads(path.read_text()) for path in tmp_path.rglob("run.json")}
    assert {name: run["status"] for name, run in runs.items()} == dict.fromkeys(("a", "a-seed1"), "preempted")
    (log,) = tmp_path.rglob("log.txt")
    assert log.read_text().count("preempted, in") == 2
    directory = RunDirectory(tmp_path / "runs" / "mine" / "a")
    stopped = read_jsonl(directory.metrics)[-1]["step"]
    again = start(cache, "train", "mine/a.py", cwd=tmp_path)
    while again.poll() is None and read_jsonl(directory.metrics)[-1]["step"] <= stopped + 10:
        time.sleep(0.2)
    again.send_signal(signal.SIGTERM)
    printed, _ = again.communicate(timeout=120)
    assert again.returncode == 75
    assert "saved; the same command resumes" in printed
    steps = [row["step"] for row in read_jsonl(directory.metrics)]
    assert steps == list(range(2, steps[-1] + 1, 2))


@pytest.mark.parametrize(
    ("code", "status", "ended", "state"),
    [
        (0, "finished", 1.0, "finished"),
        (1, "diverged", 1.0, "diverged"),
        (75, "preempted", 9.0, "preempted"),
        (75, "preempted", 1.0, "failed"),  # refused: the record is of an earlier process
        (1, "preempted", 1.0, "failed"),
        (75, "running", 0.0, "preempted"),  # a branch that had not begun
        (1, "running", 0.0, "failed"),
        (75, "failed", 9.0, "failed"),
        (-signal.SIGTERM, "preempted", 1.0, "preempted"),  # before it could do anything
    ],
)
def test_how_a_job_of_a_stack_stands(tmp_path, code, status, ended, state):
    one = job(tiny_point(tmp_path / "mine"), 1.0)
    one.directory.write_run(status=status, ended=ended)
    assert state_after_stack(code, one, began=5.0) == state


def job(point: Point, cost: float) -> Job:
    return Job([JobRun(point, RunDirectory(point.file.parent), RunSizes(1, 1, 1, 1))], cost)


def test_points_are_stacked_by_program_and_spread_over_the_slots(tmp_path):
    alike = members(tmp_path)[:3]
    wider = members(tmp_path, shape=modern(32, 2, 2, context=32))[:1]
    slower = members(tmp_path, beta2=0.9)[:1]
    jobs = [job(point, cost) for cost, point in enumerate([*alike, *wider, *slower])]
    names = lambda most, slots: [len(stack) for stack in group_into_stacks(jobs, most, slots)]  # noqa: E731
    assert sorted(names(8, 1)) == [1, 1, 3]
    assert sorted(names(8, 2)) == [1, 1, 1, 2]
    assert names(1, 2) == [1] * 5
    assert [stack[0].cost for stack in group_into_stacks(jobs, 1, 2)] == [4, 3, 2, 1, 0]
    assert [slots_for(count) for count in (1, 2, 3, 5, 8)] == [1, 2, 4, 8, 8]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--stack", "0"), "--stack must be at least 1, not 0"),
        (("--stack", "2", "--on", "slurm"), "--stack is for this machine"),
    ],
)
def test_stacks_that_cannot_be_are_refused(tmp_path, cache, words, says):
    write_tiny(tmp_path / "mine")
    done = quarry(cache, "sweep", "mine", *words, cwd=tmp_path)
    assert (done.returncode, says in done.stderr) == (2, True), done.stderr
