"""Branches of a trunk beside the same runs trained alone."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from quarry.errors import ConfigError
from quarry.train.config.branches import branches, fork_step
from quarry.train.config.experiment import BranchConfig, Duration, Experiment, ScheduleConfig
from quarry.train.config.point_files import Point
from quarry.train.record.files import read_jsonl
from quarry.train.record.points_table import points_table
from quarry.train.record.progress import Quiet
from quarry.train.record.run_directory import RunDirectory
from quarry.train.run.loop import train
from quarry.train.run.sizes import prepare_store, resolve_sizes
from tests.commands import quarry
from tests.train.run.test_loop import rows_of
from tests.train.tiny import tiny_point

pytestmark = pytest.mark.xdist_group("branches")  # one process trains what all of these look at
EPOCHS, TOKENS = (0.5, 1.25), (4096,)


def trunk_point(folder, **fields) -> Point:
    """20 steps of 256 tokens on 2,048 unique ones: 2.5 epochs, branches after 4, 10 and 16 steps."""
    point = tiny_point(folder / "study")
    schedule = ScheduleConfig(warmup_steps=2, decay=0.5, **fields)
    config = dataclasses.replace(
        point.config, schedule=schedule, branches=BranchConfig(epochs=EPOCHS, tokens=TOKENS)
    )
    return dataclasses.replace(point, config=config)


def directory(folder, point: Point) -> RunDirectory:
    return RunDirectory(folder / "runs" / point.study / point.name)


def train_all(folder, point: Point, cache) -> list[str]:
    return [train(run, folder / "runs", cache, Quiet()) for run in (point, *branches(point))]


def alone(point: Point) -> Point:
    """A branch as a run of its own."""
    return dataclasses.replace(point, name=f"{point.name}-alone", trunk=None)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, cache):
    """The folder and the trunk of a run and its branches, trained."""
    folder = tmp_path_factory.mktemp("branched")
    point = trunk_point(folder)
    assert train_all(folder, point, cache) == ["finished"] * 4
    return folder, point


@pytest.mark.slow
def test_a_branch_equals_the_run_trained_alone_bit_for_bit(trained, cache):
    folder, point = trained
    for branch in branches(point):
        assert train(alone(branch), folder / "runs", cache, Quiet()) == "finished"
        fork = directory(folder, branch).read_run()["forked_at"]
        logs = rows_of(directory(folder, alone(branch)))
        later = [[row for row in rows if row["step"] > fork] for rows in logs]
        assert rows_of(directory(folder, branch)) == later
        shutil.rmtree(directory(folder, alone(branch)).path)


@pytest.mark.slow
def test_a_branch_trains_only_its_cooldown(trained):
    folder, point = trained
    forked = [directory(folder, branch).read_run()["forked_at"] for branch in branches(point)]
    assert forked == [2, 5, 8]
    first = [read_jsonl(directory(folder, branch).metrics)[0]["step"] for branch in branches(point)]
    assert first == [4, 6, 10]


@pytest.mark.slow
def test_each_branch_is_a_point_with_its_own_epochs(trained):
    folder, _ = trained
    ends = points_table(folder / "runs").filter(annealed=True, split="validation")
    ends = ends.filter(~ends["point"].str.ends_with("alone")).sort("tokens")
    expected = [("tiny-k0.5", 0.5), ("tiny-k1.25", 1.25), ("tiny-t4096", 2.0), ("tiny", 2.5)]
    assert list(ends.select("point", "epochs").iter_rows()) == expected
    assert ends["trunk"].to_list() == ["tiny", "tiny", "tiny", None]
    assert set(ends["unique_tokens"]) == {2048}


@pytest.mark.slow
def test_a_trunk_of_constant_rate_has_the_same_branches(trained, tmp_path, cache):
    folder, _ = trained
    point = trunk_point(tmp_path, kind="constant")
    branch = branches(point)[-1]
    for run in (point, branch):
        assert train(run, tmp_path / "runs", cache, Quiet()) == "finished"
    assert rows_of(directory(tmp_path, branch)) == rows_of(directory(folder, branch))


@pytest.mark.slow
def test_a_branch_whose_fork_is_gone_is_trained_from_the_start(trained, tmp_path, cache):
    folder, point = trained
    branch = branches(point)[1]
    shutil.copytree(folder / "runs", tmp_path / "runs")
    shutil.rmtree(directory(tmp_path, branch).path)
    shutil.rmtree(directory(tmp_path, point).checkpoints / "5")
    assert train(branch, tmp_path / "runs", cache, Quiet()) == "finished"
    events = read_jsonl(directory(tmp_path, branch).events)
    assert events[0]["sentence"].endswith("has no checkpoint of step 5: trained from the start")
    metrics, evals = rows_of(directory(tmp_path, branch))
    assert [row for row in metrics if row["step"] > 5] == rows_of(directory(folder, branch))[0]
    assert evals[-1] == rows_of(directory(folder, branch))[1][-1]


@pytest.mark.slow
def test_branches_of_a_trunk_that_diverged_diverge_after_it(tmp_path, cache):
    point = trunk_point(tmp_path)
    hot = dataclasses.replace(point.config.optimizer, learning_rate=1e30)
    point = dataclasses.replace(point, config=dataclasses.replace(point.config, optimizer=hot))
    assert train_all(tmp_path, point, cache) == ["diverged"] * 4
    last = directory(tmp_path, branches(point)[-1])
    assert "diverged at step 2, before this branch" in read_jsonl(last.events)[0]["sentence"]
    table = points_table(tmp_path / "runs")
    assert set(table["point"]) >= {"tiny", "tiny-k0.5", "tiny-k1.25", "tiny-t4096"}


BRANCHED = """
config = dataclasses.replace(
    config,
    schedule=ScheduleConfig(warmup_steps=2, decay=0.3),
    branches=BranchConfig(epochs=(0.5, 1.25)),
)
variants = {}
"""


@pytest.mark.slow
def test_sweep_and_train_run_a_trunk_with_its_branches(tmp_path, cache):
    file = tiny_point(tmp_path / "mine").file
    file.write_text(file.read_text() + BRANCHED)
    listed = quarry(cache, "sweep", "mine", "--dry-run", cwd=tmp_path)
    assert [line.split()[0] for line in listed.stdout.splitlines() if line.startswith("tiny")] == [
        "tiny",
        "tiny-k0.5",
        "tiny-k1.25",
    ]
    assert quarry(cache, "sweep", "mine", "--workers", "1", cwd=tmp_path).returncode == 0
    names = {path.parent.name: json.loads(path.read_text()) for path in tmp_path.rglob("run.json")}
    assert {name: run["status"] for name, run in names.items()} == dict.fromkeys(
        ("tiny", "tiny-k0.5", "tiny-k1.25"), "finished"
    )
    shutil.rmtree(tmp_path / "runs" / "mine" / "tiny-k0.5")
    again = quarry(cache, "train", file, cwd=tmp_path)
    assert (again.returncode, "mine/tiny-k0.5: finished" in again.stdout) == (0, True)
    assert (
        names["tiny-k1.25"]["ended"]
        == json.loads((tmp_path / "runs" / "mine" / "tiny-k1.25" / "run.json").read_text())["ended"]
    )


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (dict(schedule=ScheduleConfig("cosine")), "not cosine"),
        (dict(schedule=ScheduleConfig("wsd")), "schedule.warmup = 0.02 is a share of each run"),
    ],
)
def test_a_trunk_of_another_rate_is_refused(fields, reason):
    with pytest.raises(ConfigError, match=reason):
        Experiment(branches=BranchConfig(epochs=(1,)), **fields)


@pytest.mark.parametrize(
    ("length", "reason"),
    [
        (20, "k20 would leave its trunk at step 80: beyond the 10 of constant rate"),
        (0.3, "k0.3 has no step to cool in, of 2"),
        (0.2, "warmup_steps = 2 is more than the 1 steps before the cooldown"),
    ],
)
def test_a_branch_that_does_not_fit_its_trunk_is_refused(tmp_path, cache, length, reason):
    point = trunk_point(tmp_path)
    schedule = dataclasses.replace(point.config.schedule, decay=0.1 if length == 0.3 else 0.5)
    config = dataclasses.replace(point.config, schedule=schedule, branches=BranchConfig(epochs=(length,)))
    with pytest.raises(ConfigError, match=reason):
        resolve_sizes(config, prepare_store(config, cache))


@pytest.mark.parametrize(
    "lengths", [dict(epochs=(0.0,)), dict(tokens=(-1,)), dict(epochs=(2, 2)), dict(epochs=(1.0000001, 1))]
)
def test_bad_lengths_are_refused(lengths):
    with pytest.raises(ConfigError, match=r"branches\."):
        BranchConfig(**lengths)


def test_the_cost_of_six_doublings_is_under_one_and_a_half_of_the_longest():
    ks = (1, 2, 4, 8, 16)
    config = Experiment(
        duration=Duration(epochs=32),
        schedule=ScheduleConfig(warmup_steps=10),
        branches=BranchConfig(epochs=ks),
        batch_tokens=1024,
    )
    point = Point("study", "point", config, Path("point.py"))
    U = 2**20
    trained = sum(run.config.steps(U) - fork_step(run.config, U) for run in branches(point))
    assert 1 + trained / config.steps(U) == pytest.approx(1 + 0.2 * sum(ks) / 32, abs=1e-3)
