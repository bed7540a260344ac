"""Sweeps on a real Slurm of one node: arrays, preemption, time limits, and runs of two processes."""

import os
import re
import shlex
import signal
import subprocess
import time
from pathlib import Path

import pytest

from quarry.errors import ConfigError
from quarry.train.launch.bound_processes import PYTHON
from quarry.train.launch.slurm_options import SlurmOptions
from quarry.train.record.files import read_last_row
from quarry.train.record.run_directory import RunDirectory
from quarry.train.record.schema import LOCK
from tests.commands import environment, quarry, quarry_here
from tests.commands import run as start_command
from tests.guides import blocks, check_syntax, quarry_lines, run_block
from tests.quick_compile import QUICK_COMPILE
from tests.train.launch.slurm_cluster import INSTALL, Cluster, missing_programs, slurm_cluster, wait_until
from tests.train.run.test_loop import rows_of
from tests.train.tiny import write_tiny

pytestmark = pytest.mark.xdist_group("slurm")
STEPS = 500


@pytest.fixture(scope="module", autouse=True)
def quick_compile():
    """XLA's costly optimisations are off in all processes: compiling takes most of a job's time."""
    with pytest.MonkeyPatch.context() as patch:
        for flag in QUICK_COMPILE.items():
            patch.setenv(*flag)
        yield


@pytest.fixture(scope="module")
def cluster():
    missing = missing_programs()
    if missing and os.environ.get("CI") != "true":
        pytest.skip(f"no Slurm here ({', '.join(missing)}): {INSTALL}")
    with slurm_cluster() as started:
        yield started


def clients_of(cluster: Cluster, cache: Path) -> dict[str, str]:
    """The environment of the cluster's clients."""
    return cluster.environment | environment(cache) | {"PATH": cluster.environment["PATH"]}


@pytest.fixture
def on_slurm(cluster, cache, tmp_path):
    """Runs `quarry sweep WORDS --on slurm OPTIONS` as a client of the cluster, in an empty folder."""

    def run(*words: object, code: int = 0) -> subprocess.CompletedProcess:
        command = [*PYTHON, "quarry", "sweep", *map(str, words), "--on", "slurm"]
        process = start_command(command, clients_of(cluster, cache), cwd=tmp_path)
        out, err = process.communicate(timeout=300)
        assert process.returncode == code, out + err
        return subprocess.CompletedProcess(command, code, out, err)

    yield run
    subprocess.run(["scancel", "--user=" + str(os.getuid())], env=cluster.environment, timeout=60)
    wait_until(lambda: not cluster.jobs(), 60, "the queue to be empty")


def write_alone(folder: Path, name: str = "tiny", **fields) -> None:
    """The file of a tiny point without variants."""
    file = write_tiny(folder, name, **fields)
    file.write_text(file.read_text() + "del variants\n")


@pytest.fixture(scope="module")
def whole(tmp_path_factory, cache) -> RunDirectory:
    """The run of STEPS steps that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    write_tiny(folder / "study", steps=STEPS)
    done = quarry(cache, "train", "study/tiny.py", cwd=folder)
    assert done.returncode == 0, done.stderr
    return RunDirectory(folder / "runs/study/tiny")


@pytest.mark.slow
def test_an_array_of_points_trains_to_the_end_and_only_once(cluster, on_slurm, tmp_path):
    write_tiny(tmp_path / "study", "a")
    write_alone(tmp_path / "study", "hot", rate=1e4)
    first = on_slurm("study", "--slurm.at-once", 2)
    assert "submitted 3 as job" in first.stdout
    again = on_slurm("study")
    assert "submitted" not in again.stdout
    wait_until(cluster.drained, 300, "the array to end")
    states = {path.name: RunDirectory(path).status() for path in (tmp_path / "runs/study").iterdir()}
    assert states == {"a": "finished", "a-seed1": "finished", "hot": "diverged"}
    assert on_slurm("study", "--dry-run").stdout.count("finished") == 2
    assert "finished" in (tmp_path / "runs/study/a/log.txt").read_text()
    assert not list(tmp_path.rglob("*.pkl"))


def begun(directory: RunDirectory) -> bool:
    return (read_last_row(directory.metrics) or {"step": 0})["step"] > 20


def hold(directory: RunDirectory) -> None:
    """Stop the process that holds the run's lock, as Ctrl-Z would: Slurm lets it go on with its next signal.

    Until then it neither ends nor takes time of a core.
    """
    lock = f":{(directory.path / LOCK).stat().st_ino} "
    (line,) = {line for line in Path("/proc/locks").read_text().splitlines() if lock in f"{line.split()[5]} "}
    os.kill(int(line.split()[4]), signal.SIGSTOP)


def is_queued_again(cluster, directory: RunDirectory) -> None:
    """Wait until a point that was told to end has saved and waits in the queue."""
    wait_until(lambda: directory.status() == "preempted", 60, "the point to save")
    wait_until(lambda: cluster.jobs() == ["PENDING"], 60, "Slurm to queue the point again")
    assert read_last_row(directory.metrics)["step"] < STEPS


@pytest.mark.slow
@pytest.mark.parametrize("partition", ["low", "graced"])
def test_a_preempted_point_is_queued_again_and_goes_on(cluster, on_slurm, whole, tmp_path, partition):
    write_alone(tmp_path / "study", steps=STEPS)
    directory = RunDirectory(tmp_path / "runs/study/tiny")
    on_slurm("study", "--slurm.partition", partition)
    wait_until(lambda: begun(directory), 60, "the point to train")
    hold(directory)
    cluster.ask("sbatch", "--partition=high", "--exclusive", "--output=/dev/null", "--wrap=true")
    is_queued_again(cluster, directory)
    time.sleep(3)  # late news of its former life would end it: Slurm holds it back for good reason
    wait_until(cluster.drained, 300, "the point to end")
    assert directory.status() == "finished"
    assert rows_of(directory) == rows_of(whole)
    assert (directory.path / "log.txt").read_text().count("study/tiny: ") == 2


@pytest.mark.slow
def test_a_point_near_its_time_limit_saves_and_is_queued_again(cluster, on_slurm, tmp_path):
    write_alone(tmp_path / "study", steps=10**6)
    directory, logs = RunDirectory(tmp_path / "runs/study/tiny"), tmp_path / "runs/.slurm"
    on_slurm("study", "--slurm.time", 1, "--slurm.warning", 50)

    def queued_again(*codes: int) -> bool:
        said = [f"exit code {code}: queued again" for code in codes]
        return any(words in log.read_text() for log in logs.glob("*/*.out") for words in said)

    # Slurm looks every 30 s, and may have warned before it trains, or in its first steps
    wait_until(lambda: begun(directory) or queued_again(75, 140), 60, "the point to train")
    if not queued_again(75, 140):
        hold(directory)
        wait_until(lambda: queued_again(75), 60, "the point to be warned and save")
    wait_until(lambda: cluster.jobs() == ["PENDING"], 60, "Slurm to queue the point again")


@pytest.mark.slow
def test_a_cancelled_point_saves_and_is_not_queued_again(cluster, on_slurm, tmp_path):
    write_alone(tmp_path / "study", steps=10**6)
    directory = RunDirectory(tmp_path / "runs/study/tiny")
    on_slurm("study")
    wait_until(lambda: begun(directory), 60, "the point to train")
    assert "running" in on_slurm("study", "--dry-run").stdout
    cluster.ask("scancel", f"--user={os.getuid()}")
    wait_until(lambda: not cluster.jobs(), 60, "the job to end")
    assert directory.status() == "preempted"
    assert " waiting" in on_slurm("study", "--dry-run").stdout


@pytest.mark.slow
def test_what_slurm_refuses_is_said_in_a_sentence(cluster, on_slurm, tmp_path):
    write_tiny(tmp_path / "study")
    refused = on_slurm("study", "--slurm.partition", "absent", code=2)
    assert "Slurm refuses the sweep: Batch job submission failed: Invalid partition" in refused.stderr
    assert not list((tmp_path / "runs/.slurm").iterdir())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"time": "soon"}, "slurm.time = 'soon'"),
        ({"memory": "much"}, "slurm.memory = 'much'"),
        ({"cpus": 0}, "slurm.cpus must be at least 1, not 0"),
        ({"gpus": -1}, "slurm.gpus must not be negative: -1"),
        ({"gpus": 8, "nodes": 2, "tasks_per_node": 1}, "slurm.tasks_per_node = 1 must equal slurm.gpus = 8"),
        ({"extra": ("--exclusive",)}, "slurm.extra = '--exclusive'"),
        ({"partition": "a\n#SBATCH --uid=0"}, "slurm.partition"),
    ],
)
def test_options_that_cannot_be_are_refused(options, says):
    with pytest.raises(ConfigError, match=re.escape(says)):
        SlurmOptions(**options)


def test_options_become_directives():
    options = SlurmOptions(
        partition="gpu", time="1-12", gpus=8, nodes=2, extra=("constraint=h100", "exclusive")
    )
    assert options.processes == 16
    assert options.directives() == {
        "partition": "gpu",
        "time": "1-12",
        "gpus-per-node": 8,
        "constraint": "h100",
        "exclusive": True,
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--slurm.gpus", 1], "--slurm options need --on slurm"),
        (["--on", "slurm", "--workers", 2], "--workers is for this machine"),
    ],
)
def test_options_of_another_place_are_refused(tmp_path, cache, words, says):
    refused = quarry(cache, "sweep", "quickstart", *words, cwd=tmp_path)
    assert refused.returncode == 2
    assert says in refused.stderr


def losses(directory: RunDirectory) -> list[float]:
    return [row["loss"] for rows in rows_of(directory) for row in rows]


@pytest.mark.slow
def test_two_processes_by_srun_train_one_run_save_together_and_are_queued_again(
    cluster, on_slurm, whole, tmp_path
):
    write_alone(tmp_path / "study", steps=STEPS)
    two = RunDirectory(tmp_path / "runs/study/tiny")
    on_slurm("study", "--slurm.tasks-per-node", 2)
    wait_until(lambda: begun(two), 90, "the point to train")
    cluster.ask("scancel", "--signal=USR2", f"--user={os.getuid()}")
    wait_until(lambda: two.status() == "preempted", 60, "the point to save")
    wait_until(lambda: cluster.jobs() == ["PENDING"], 60, "Slurm to queue the point again")
    assert (two.read_run()["hosts"], whole.read_run()["hosts"]) == (2, 1)
    assert losses(two)[:10] == pytest.approx(losses(whole)[:10], abs=1e-6)


@pytest.mark.slow
def test_the_guide_leads_from_nothing_to_a_fitted_law(cluster, cache, tmp_path, monkeypatch):
    clients = clients_of(cluster, cache)
    for block in blocks("slurm.md", "bash"):
        out = run_block(block, tmp_path, clients)
        wait_until(cluster.drained, 300, "what the guide submitted to end")
    assert "alpha_N" in out
    for block in blocks("slurm.md", "sh"):
        check_syntax(block)
    lines = quarry_lines(blocks("slurm.md", "sh"))
    assert len(lines) >= 2
    for name, value in clients.items():
        monkeypatch.setenv(name, value)
    for line in lines:
        done = quarry_here(*shlex.split(line)[1:], "--dry-run", cwd=tmp_path, cache=cache)
        assert done.returncode == 0, done.stderr
