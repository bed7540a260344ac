"""A sweep on a Slurm cluster: one job array, one task per point; Slurm's queue is the only queue.

submitit writes the batch script and submits it. It gets a command, not a pickled call: nothing that a job
runs is read from a pickle. The batch script queues a point again that has saved and stopped (exit code 75:
preempted, or near its time limit). There is no other retry logic: the point resumes from its checkpoint.

A submission is a folder `<runs>/.slurm/<job name>/`. Its points.json says what each task trains; beside it is
the output of Slurm and of the batch script. The output of a point is in log.txt of its run directory.
"""

import importlib.util
import json
import os
import secrets
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from quarry.checks import require
from quarry.errors import ConfigError
from quarry.installation import install_command
from quarry.train.config.point_files import NAME
from quarry.train.launch.process_commands import point_command
from quarry.train.launch.slurm_options import SlurmOptions
from quarry.train.record.files import write_json

if TYPE_CHECKING:
    from quarry.train.launch.jobs import Job, UnpreparedJob

FOLDER = ".slurm"
POINTS = "points.json"
WAIT_SECONDS = 120
"""How long the other processes of a point may run after the first has ended."""
REQUEUE = """\
code=$?
case $code in  # 75: saved and stopped; 140 and 143: stopped by USR2 or TERM before the run had begun
    75|140|143) echo "exit code $code: queued again"; scontrol requeue "$SLURM_JOB_ID" ;;
esac
exit $code"""


def submit(jobs: "Sequence[Job]", options: SlurmOptions, workdir: Path, arguments: list[str]) -> str:
    """Submit `jobs` as one array; returns its job id. `arguments` are appended to `quarry train`.

    Raises ConfigError without a Slurm cluster, or if Slurm refuses the submission.
    """
    _check_installed()
    from submitit.core.utils import FailedJobError, FailedSubmissionError
    from submitit.slurm.slurm import SlurmExecutor

    name = f"{jobs[0].point.study}-{secrets.token_hex(4)}"
    folder = workdir.absolute() / FOLDER / name
    require("%" not in str(folder), f"--workdir {workdir} has a %, which Slurm would replace")
    folder.mkdir(parents=True)
    words = [*arguments, "--cores", str(options.cpus)]
    write_json(folder / POINTS, [_entry(job, words) for job in jobs])
    executor = SlurmExecutor(folder)
    executor.update_parameters(**_parameters(name, len(jobs), options))
    executor.parameters["map_count"] = len(jobs)
    try:
        # protected: the job that it returns waits for a pickled result, and only the job's number is used
        return executor._submit_command(_command(folder)).job_id
    except (FailedJobError, FailedSubmissionError) as error:
        shutil.rmtree(folder)
        raise ConfigError(f"Slurm refuses the sweep: {_reason(error)}") from None


def _check_installed() -> None:
    require(
        importlib.util.find_spec("submitit") is not None,
        f"--on slurm needs submitit: {install_command('slurm')}",
    )
    for program in ("sbatch", "srun", "squeue"):
        require(shutil.which(program) is not None, f"--on slurm needs {program}: no Slurm here")


def _entry(job: "Job", arguments: list[str]) -> dict[str, object]:
    run_directory = str(job.directory.path.absolute())
    return {"run": job.point.run, "directory": run_directory, "command": point_command(job.point, arguments)}


def _parameters(name: str, points: int, options: SlurmOptions) -> dict[str, object]:
    """The keyword arguments of submitit's executor."""
    return {
        "job_name": name,
        "nodes": options.nodes,
        "ntasks_per_node": options.tasks,
        "cpus_per_task": options.cpus,
        "array_parallelism": options.at_once or points,
        "setup": list(options.setup),
        # since Slurm 22.05 srun does not inherit --cpus-per-task from sbatch
        "srun_args": [f"--cpus-per-task={options.cpus}", f"--wait={WAIT_SECONDS}"],
        "teardown": REQUEUE.splitlines(),
        "stderr_to_stdout": True,
        "time": None,  # submitit's default is five minutes; ours is among the directives
        "wckey": None,
        "additional_parameters": {
            "requeue": True,
            "signal": f"USR2@{options.warning}",
            **options.directives(),
        },
    }


def _command(folder: Path) -> str:
    """The command that each process of each task runs."""
    return shlex.join(
        [sys.executable, "-P", "-u", "-m", "quarry.train.launch.slurm_worker", str(folder / POINTS)]
    )


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if "sbatch: error" in line]
    return (lines or str(error).splitlines() or [type(error).__name__])[-1].removeprefix("sbatch: error: ")


def slurm_is_here() -> bool:
    """Whether this machine can ask a Slurm cluster for its queue."""
    return shutil.which("squeue") is not None


def mark_queued(jobs: "Sequence[Job | UnpreparedJob]", workdir: Path) -> None:
    """Set the state of each waiting job that is in Slurm's queue already."""
    states = queued_points(workdir)
    for job in jobs:
        if job.state == "waiting":
            job.state = states.get(job.point.run, "waiting")


def queued_points(workdir: Path) -> dict[str, str]:
    """The points of `workdir` in Slurm's queue: run -> its state and job, such as "pending 12_3".

    Raises ConfigError if Slurm does not answer: without its queue, points could be submitted twice.
    """
    command = ["squeue", "--noheader", "--array", f"--user={os.getuid()}", "--format=%j|%F|%K|%T"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        reason = getattr(error, "stderr", "") or str(error)
        raise ConfigError(f"Slurm does not answer: {reason.strip().splitlines()[-1]}") from None
    states = {}
    for line in done.stdout.splitlines():
        name, array, index, state = line.rsplit("|", 3)
        run = _run_of(workdir / FOLDER, name, index)
        if run is not None:
            states[run] = f"{state.lower()} {array}_{index}"
    return states


def _run_of(submissions: Path, name: str, index: str) -> str | None:
    """The run that task `index` of the job `name` trains; None if it is not a sweep of this directory."""
    points = submissions / name / POINTS
    if NAME.fullmatch(name) is None or not index.isdecimal() or not points.is_file():
        return None
    return json.loads(points.read_text(encoding="utf-8"))[int(index)]["run"]
