"""A point and its branches in one process: the trunk first, then each branch from the trunk's checkpoint."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from quarry.train.config.branches import branches
from quarry.train.config.point_files import Point
from quarry.train.hosts.agreement import is_first_host
from quarry.train.record.locations import locate_run
from quarry.train.record.progress import Watcher
from quarry.train.record.schema import TERMINAL, Status
from quarry.train.run.loop import Steps, train_stepwise
from quarry.train.run.signals import StopRequest


def train_with_branches(
    point: Point,
    workdir: Path,
    cache: Path,
    watch: Callable[[], Watcher],
    stopping: Callable[[], AbstractContextManager[StopRequest]],
    program: Callable[..., Any],
    lease_seconds: float,
) -> Steps:
    """Train a point and then its branches, as a coroutine (see `stacking.py`).

    The first host reports how each run ended. Returns `finished` if all runs finished, else the status of the
    first that did not. A run that is to be resumed later ends the series: no other begins after it.
    """
    ended: list[Status] = []
    for run in (point, *branches(point)):
        watcher = watch()
        status = yield from train_stepwise(run, workdir, cache, watcher, stopping(), program, lease_seconds)
        if is_first_host():
            watcher.say(f"{run.run}: {status}, in {locate_run(workdir, run.run, cache)}")
        ended.append(status)
        if status not in TERMINAL:
            break
    unfinished: list[Status] = [status for status in ended if status != "finished"]
    return unfinished[0] if unfinished else "finished"
