"""A sweep on this machine: a process for each point or stack of points, on a core of its own."""

import math
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

from quarry.errors import PREEMPTED
from quarry.train.config.experiment import same_programs
from quarry.train.config.point_files import Point, load_point_file
from quarry.train.hosts.platform import accelerator_present, available_cores
from quarry.train.record.files import read_last_row
from quarry.train.record.run_directory import RunDirectory
from quarry.train.record.schema import TERMINAL, Status
from quarry.train.run.signals import StopRequest
from quarry.train.run.sizes import RunSizes


@dataclass(frozen=True)
class Leg:
    """One run of a job: its steps first < step <= plan.steps are trained, the others are its trunk's."""

    point: Point
    directory: RunDirectory
    plan: RunSizes
    first: int = 0

    @property
    def tokens(self) -> int:
        """Tokens processed in those steps."""
        return self.plan.tokens - self.point.config.ramp.tokens(self.first)

    def trained(self) -> int:
        """Steps of this leg that are logged."""
        row = read_last_row(self.directory.metrics)
        return max(0, row["step"] - self.first) if row else 0


@dataclass
class Job:
    """A point with its branches, one process: waiting, running, finished, diverged, preempted, failed."""

    legs: list[Leg]
    cost: float
    """Anything that orders points by how long they take."""
    state: str = "waiting"
    process: subprocess.Popen | None = field(default=None, repr=False)
    shared_log: Path | None = None
    """Where its process prints, if that trains several jobs."""

    @property
    def point(self) -> Point:
        return self.legs[0].point

    @property
    def directory(self) -> RunDirectory:
        return self.legs[0].directory

    @property
    def log(self) -> Path:
        """What the point's process printed."""
        return self.shared_log or self.directory.path / "log.txt"

    def status(self) -> Status | None:
        """`finished` if all runs are, `diverged` if all are done and one is, else that of one not done."""
        statuses: list[Status | None] = [leg.directory.status() for leg in self.legs]
        done = [status in TERMINAL for status in statuses]
        if not all(done):
            return statuses[done.index(False)]
        return "diverged" if "diverged" in statuses else "finished"

    def ended(self) -> float:
        """When one of its runs last ended, in seconds since 1970; 0 if none has."""
        return max(leg.directory.read_run().get("ended", 0.0) for leg in self.legs)


def worker_slots(workers: int | None) -> list[list[int] | None]:
    """The cores of each worker: one core each on a CPU; on an accelerator one worker, unpinned."""
    if accelerator_present():
        return [None] * (workers or 1)
    cores = available_cores()
    return [[core] for core in (cores if workers is None else cores[:workers])]


def stacks(jobs: Sequence[Job], most: int, slots: int) -> list[list[Job]]:
    """The waiting jobs, the longest first, in stacks that share a program: up to `most` jobs in each, and no
    more than leaves something for every slot."""
    alike: dict[object, list[Job]] = {}
    for job in sorted((job for job in jobs if job.state == "waiting"), key=lambda job: -job.cost):
        alike.setdefault(program_of(job) if most > 1 else job.point.run, []).append(job)
    found = []
    for group in alike.values():
        size = min(most, math.ceil(len(group) / slots))
        found += [group[first : first + size] for first in range(0, len(group), size)]
    return sorted(found, key=lambda stack: -sum(job.cost for job in stack))


def program_of(job: Job) -> object:
    """What two jobs have in common if one process can train them in one program."""
    config = job.point.config
    return same_programs(config), config.batch_ramp, config.mesh


def run_sweep(
    stacked: Sequence[list[Job]], slots: list[list[int] | None], arguments: list[str], tick: Callable
) -> bool:
    """Run stacks of jobs in turn, a process each, as many as there are slots; `tick()` twice a second.

    A job that fails or diverges does not stop the others. On a request to stop, each running point saves and
    ends. Returns whether that happened.
    """
    waiting: queue.SimpleQueue[list[Job]] = queue.SimpleQueue()
    for stack in stacked:
        waiting.put(stack)
    with StopRequest() as stop:
        threads = [threading.Thread(target=_work, args=(waiting, slot, arguments, stop)) for slot in slots]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            tick()
            if stop:
                _ask_to_stop([job for stack in stacked for job in stack])
            time.sleep(0.5)
        tick()
        return bool(stop)


def _work(
    waiting: "queue.SimpleQueue[list[Job]]", slot: list[int] | None, arguments: list[str], stop: StopRequest
) -> None:
    while not stop:
        try:
            stack = waiting.get_nowait()
        except queue.Empty:
            return
        _run(stack, slot, arguments)


def _run(stack: list[Job], slot: list[int] | None, arguments: list[str]) -> None:
    """Train points in one process and session of their own, its output in the first one's log.txt."""
    first, *others = stack
    points = [job.point for job in stack]
    command = stack_command(points, arguments) if others else point_command(first.point, arguments)
    try:
        first.directory.path.mkdir(parents=True, exist_ok=True)
        with first.log.open("ab") as log:
            process = subprocess.Popen(
                on_cores(command, slot),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
            began = time.time()
            for job in stack:
                job.process, job.state, job.shared_log = process, "running", first.log
            code = process.wait()
            for job in stack:
                job.state = state_after_stack(code, job, began) if others else _state_after(code, job)
    except OSError:
        for job in stack:
            job.state = "failed"


def state_after_stack(code: int, job: Job, began: float) -> str:
    """How one job of several stands that a process trained: by its record, for the exit code is of all.

    A record that is older than the process, `began`, is of an earlier one: then this one refused the job.
    """
    status = job.status()
    if status in TERMINAL:
        return status
    if code == -signal.SIGTERM or (status == "preempted" and job.ended() >= began):
        return "preempted"
    return "preempted" if code == PREEMPTED and status not in ("preempted", "failed") else "failed"


def _state_after(code: int, job: Job) -> str:
    """What a point's exit code says; 1 is a run that failed or diverged, and the record knows which."""
    named = {0: "finished", PREEMPTED: "preempted", -signal.SIGTERM: "preempted"}
    return named.get(code, "diverged" if code == 1 and job.status() == "diverged" else "failed")


def on_cores(command: list[str], cores: list[int] | None) -> list[str]:
    """`command`, kept to `cores` from its first instruction on, so that every thread it starts is."""
    if cores is None or not hasattr(os, "sched_setaffinity"):
        return command
    pin = f"import os, sys; os.sched_setaffinity(0, {cores}); os.execv(sys.executable, sys.argv[1:])"
    return [sys.executable, "-P", "-c", pin, *command]


def point_command(point: Point, arguments: Sequence[str]) -> list[str]:
    """The command that trains `point`, from whatever folder it is run in."""
    quarry = [sys.executable, "-P", "-m", "quarry"]  # -P: nothing is imported from the working folder
    variant = ["--variant", point.variant] if point.variant else []
    return [*quarry, "train", str(point.file.absolute()), *variant, *arguments]


def stack_command(points: Sequence[Point], arguments: Sequence[str]) -> list[str]:
    """The command that trains `points` together; see train/launch/stack_worker.py."""
    return [sys.executable, "-P", "-m", "quarry.train.launch.stack_worker", *arguments, *map(word_of, points)]


def word_of(point: Point) -> str:
    """FILE:VARIANT, FILE: for the point without a variant."""
    return f"{point.file.absolute()}:{point.variant or ''}"


def point_of(word: str) -> Point:
    """The point that `word_of` named."""
    file, _, variant = word.rpartition(":")
    return next(point for point in load_point_file(Path(file)) if point.variant == (variant or None))


def _ask_to_stop(jobs: Sequence[Job]) -> None:
    for job in jobs:
        if job.process is not None and job.process.poll() is None:
            job.process.send_signal(signal.SIGTERM)
