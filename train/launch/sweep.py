"""Starts the jobs of a sweep: on this machine with a display, or as a job array on Slurm."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from quarry.train.launch.compile_ahead import compiling_ahead
from quarry.train.launch.jobs import Job, group_into_stacks
from quarry.train.launch.local import run_jobs, worker_slots
from quarry.train.launch.slurm import submit
from quarry.train.launch.slurm_options import SlurmOptions
from quarry.train.launch.sweep_display import SweepDisplay


def run_here(
    jobs: Sequence[Job], arguments: list[str], workers: int | None, stack: int, cache: Path, console: Console
) -> bool:
    """Run the jobs on this machine with one display; returns whether there was a request to stop."""
    slots = worker_slots(workers)
    queue = group_into_stacks(jobs, stack, len(slots))
    with SweepDisplay(jobs, console) as display, compiling_ahead(queue, slots, cache):
        return run_jobs(queue, slots, arguments, display.refresh)


def submit_waiting(
    jobs: Sequence[Job], options: SlurmOptions, workdir: Path, arguments: list[str], console: Console
) -> None:
    """Submit the points that are neither done nor queued to Slurm, and print the state of every point."""
    waiting = [job for job in jobs if job.state == "waiting"]
    array = submit(waiting, options, workdir, arguments) if waiting else None
    for index, job in enumerate(waiting):
        job.state = f"submitted {array}_{index}"
    for job in jobs:
        console.print(f"{job.point.run}: {job.state}", highlight=False)
    if array:
        console.print(
            f"submitted {len(waiting)} as job {array}; each prints into {workdir}/<study>/<point>/log.txt. "
            f"The same command with --dry-run says how they stand; scancel {array} ends them.",
            highlight=False,
            soft_wrap=True,
        )
