"""Runs the jobs of a sweep on this machine: one worker on each core, one job or stack of jobs at a time."""

import queue
import signal
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from quarry.cores import available_cores
from quarry.errors import BAD_INPUT, PREEMPTED
from quarry.train.hosts.platform import accelerator_present
from quarry.train.launch.preloaded import Preloaded
from quarry.train.launch.process_commands import point_command, stack_command
from quarry.train.launch.worker import Worker, open_log
from quarry.train.record.schema import TERMINAL
from quarry.train.run.signals import StopRequest

if TYPE_CHECKING:
    from quarry.train.launch.jobs import Job

ELSEWHERE = "in progress elsewhere"
LOOK_SECONDS = 2.0
"""How often the sweep looks whether another process has ended its run."""


def worker_slots(workers: int | None) -> list[list[int] | None]:
    """The cores of each worker: one core each on a CPU; on an accelerator one worker, unpinned."""
    if accelerator_present():
        return [None] * (workers or 1)
    cores = available_cores()
    return [[core] for core in (cores if workers is None else cores[:workers])]


def run_jobs(
    stacked: "Sequence[list[Job]]",
    slots: list[list[int] | None],
    arguments: list[str],
    tick: Callable[[bool], object],
) -> bool:
    """Run stacks of jobs, as many at a time as there are slots; `tick(stopping)` twice a second.

    A job that fails or diverges does not stop the others. One that another process trains is waited for, and
    trained here if that process ends before it. On a request to stop, each running point saves and ends.
    Returns whether there was one.
    """
    if not stacked:
        tick(False)
        return False
    waiting: queue.SimpleQueue[list[Job]] = queue.SimpleQueue()
    for stack in stacked:
        waiting.put(stack)
    with Preloaded() as starter, StopRequest() as stop:
        threads = [
            threading.Thread(target=_work_through, args=(waiting, slot, arguments, starter, stop))
            for slot in slots
        ]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            tick(bool(stop))
            if stop:
                _send_stop([job for stack in stacked for job in stack])
            time.sleep(0.5)
        tick(bool(stop))
        return bool(stop)


def _work_through(
    waiting: "queue.SimpleQueue[list[Job]]",
    slot: list[int] | None,
    arguments: list[str],
    starter: Preloaded,
    stop: StopRequest,
) -> None:
    with Worker(starter, slot) as worker:
        while not stop:
            try:
                stack = [job for job in waiting.get_nowait() if not _has_ended(job)]
            except queue.Empty:
                return
            busy = [job for job in stack if job.is_in_use()]
            if free := [job for job in stack if job not in busy]:
                _run_stack(free, arguments, worker)
            _put_back([*busy, *(job for job in free if job.state == ELSEWHERE)], waiting)


def _has_ended(job: "Job") -> bool:
    """Whether a job has been trained to its end by another process since the sweep began."""
    status = job.status()
    if status in TERMINAL and job.is_intact():
        job.state = status
        return True
    return False


def _put_back(busy: "list[Job]", waiting: "queue.SimpleQueue[list[Job]]") -> None:
    """Put jobs that other processes train at the end of the queue; wait a little if they came from there."""
    if any(job.state == ELSEWHERE for job in busy):
        time.sleep(LOOK_SECONDS)
    for job in busy:
        job.state = ELSEWHERE
        waiting.put([job])


def _run_stack(stack: "list[Job]", arguments: list[str], worker: Worker) -> None:
    """Train the jobs together, with the output in the first job's log.txt."""
    first, *others = stack
    points = [job.point for job in stack]
    command = stack_command(points, arguments) if others else point_command(first.point, arguments)
    try:
        with open_log(first.log) as log:
            task = worker.start(command, log)
            began = time.time()
            for job in stack:
                job.task, job.state, job.shared_log = task, "running", first.log
            code = task.wait()
            for job in stack:
                job.state = state_after_stack(code, job, began) if others else _state_after_point(code, job)
    except OSError:
        for job in stack:
            job.state = "failed"


def state_after_stack(code: int, job: "Job", began: float) -> str:
    """The state of one job of a stack, by its record: the exit code is that of the whole stack.

    A record that ended before the process began is an earlier process's: then this one refused the job.
    """
    status = job.status()
    if status in TERMINAL:
        return status
    if job.is_in_use():
        return ELSEWHERE
    if code == -signal.SIGTERM or (status == "preempted" and job.ended() >= began):
        return "preempted"
    return "preempted" if code == PREEMPTED and status not in ("preempted", "failed") else "failed"


def _state_after_point(code: int, job: "Job") -> str:
    """The state of a job by its exit code. After code 1, the record says whether it failed or diverged."""
    if code == BAD_INPUT and job.is_in_use():
        return ELSEWHERE
    states = {0: "finished", PREEMPTED: "preempted", -signal.SIGTERM: "preempted"}
    return states.get(code, "diverged" if code == 1 and job.status() == "diverged" else "failed")


def _send_stop(jobs: "Sequence[Job]") -> None:
    for job in jobs:
        if job.task is not None:
            job.task.send_signal(signal.SIGTERM)
