"""A sweep on this machine: one process per point, each on a core of its own, finished points skipped."""

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from train.experiment import Point
from train.interrupt import StopRequest
from train.platform import accelerator_present, available_cores
from train.record import RunDirectory

EXIT_PREEMPTED = 75
PACKAGE_ROOT = Path(__file__).resolve().parents[1]


@dataclass
class Job:
    """A point in a sweep and how it stands: waiting, running, finished, diverged, preempted, failed."""

    point: Point
    directory: RunDirectory
    cost: float
    """Anything that orders points by how long they take."""
    steps: int
    state: str = "waiting"
    process: subprocess.Popen | None = field(default=None, repr=False)

    @property
    def log(self) -> Path:
        """What the point's process printed."""
        return self.directory.path / "log.txt"


def worker_slots(workers: int | None) -> list[list[int] | None]:
    """The cores of each worker: one core each on a CPU; on an accelerator one worker, unpinned."""
    if accelerator_present():
        return [None] * (workers or 1)
    cores = available_cores()
    return [[core] for core in (cores if workers is None else cores[:workers])]


def run_sweep(
    jobs: Sequence[Job], slots: list[list[int] | None], arguments: list[str], tick: Callable
) -> bool:
    """Run `jobs`, the longest first, as many at a time as there are slots; calls `tick()` twice a second.

    A job that fails or diverges does not stop the others. On a request to stop, each running point saves and
    ends. Returns whether that happened.
    """
    waiting: queue.SimpleQueue[Job] = queue.SimpleQueue()
    for job in sorted((job for job in jobs if job.state == "waiting"), key=lambda job: -job.cost):
        waiting.put(job)
    with StopRequest() as stop:
        threads = [threading.Thread(target=_work, args=(waiting, slot, arguments, stop)) for slot in slots]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            tick()
            if stop:
                _ask_to_stop(jobs)
            time.sleep(0.5)
        tick()
        return bool(stop)


def _work(
    waiting: "queue.SimpleQueue[Job]", slot: list[int] | None, arguments: list[str], stop: StopRequest
) -> None:
    while not stop:
        try:
            job = waiting.get_nowait()
        except queue.Empty:
            return
        _run(job, slot, arguments)


def _run(job: Job, slot: list[int] | None, arguments: list[str]) -> None:
    """Train one point in its own process and session, its output in log.txt."""
    try:
        job.directory.path.mkdir(parents=True, exist_ok=True)
        with job.log.open("ab") as log:
            job.process = subprocess.Popen(
                _on_cores(point_command(job.point, arguments), slot),
                env=os.environ | {"PYTHONPATH": python_path()},
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
            job.state = "running"
            job.state = _state_after(job.process.wait(), job.directory)
    except OSError:
        job.state = "failed"


def _state_after(code: int, directory: RunDirectory) -> str:
    """What a point's exit code says; 1 is a run that failed or diverged, and the record knows which."""
    named = {0: "finished", EXIT_PREEMPTED: "preempted", -signal.SIGTERM: "preempted"}
    return named.get(code, "diverged" if code == 1 and directory.status() == "diverged" else "failed")


def _on_cores(command: list[str], cores: list[int] | None) -> list[str]:
    """`command`, kept to `cores` from its first instruction on, so that every thread it starts is."""
    if cores is None or not hasattr(os, "sched_setaffinity"):
        return command
    pin = f"import os, sys; os.sched_setaffinity(0, {cores}); os.execv(sys.executable, sys.argv[1:])"
    return [sys.executable, "-P", "-c", pin, *command]


def point_command(point: Point, arguments: Sequence[str]) -> list[str]:
    """The command that trains `point`, from wherever it is run; needs `python_path()`."""
    quarry = [sys.executable, "-P", "-m", "quarry"]  # -P: a train.py where the user stands is not our package
    variant = ["--variant", point.variant] if point.variant else []
    return [*quarry, "train", str(point.file.absolute()), *variant, *arguments]


def python_path() -> str:
    """The PYTHONPATH with which Python finds this package, and what it finds now."""
    return os.pathsep.join([str(PACKAGE_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])


def _ask_to_stop(jobs: Sequence[Job]) -> None:
    for job in jobs:
        if job.process is not None and job.process.poll() is None:
            job.process.send_signal(signal.SIGTERM)
