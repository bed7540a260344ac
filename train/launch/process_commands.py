"""The commands of a sweep's processes: one point, several points in one program, bound to the sweep."""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from quarry.errors import PREEMPTED
from quarry.train.config.point_files import Point, load_point_file

PYTHON = (sys.executable, "-P", "-m")
"""What each command begins with; -P: nothing is imported from the working folder."""

_PR_SET_PDEATHSIG = 1
"""prctl(2): the signal that a process is sent when its parent ends."""


def point_command(point: Point, arguments: Sequence[str]) -> list[str]:
    """The command that trains `point`, from any working folder."""
    variant = ["--variant", point.variant] if point.variant else []
    return [*PYTHON, "quarry", "train", str(point.file.absolute()), *variant, *arguments]


def stack_command(points: Sequence[Point], arguments: Sequence[str]) -> list[str]:
    """The command that trains `points` together; see train/launch/stack_worker.py."""
    return [*PYTHON, "quarry.train.launch.stack_worker", *arguments, *map(point_argument, points)]


def point_argument(point: Point) -> str:
    """A point as FILE:VARIANT, or FILE: for the one without a variant."""
    return f"{point.file.absolute()}:{point.variant or ''}"


def point_from_argument(argument: str) -> Point:
    """The point of an argument made by `point_argument`."""
    file, _, variant = argument.rpartition(":")
    return next(point for point in load_point_file(Path(file)) if point.variant == (variant or None))


def end_with_parent(parent: int) -> None:
    """Let this process be sent SIGTERM when the thread of process `parent` that started it ends (Linux)."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM))
    if os.getppid() != parent:
        sys.exit(PREEMPTED)


def as_worker(command: Sequence[str], cores: Sequence[int] | None) -> list[str]:
    """`command` as a process of this sweep.

    It is pinned to `cores` before it starts, so that all its threads are. On Linux it is sent SIGTERM when
    the thread that started it ends, however that happens: it does not train on unseen.
    """
    first = ["import ctypes, os, sys"]
    if sys.platform == "linux":
        first += [f"ctypes.CDLL(None).prctl({_PR_SET_PDEATHSIG}, {int(signal.SIGTERM)})"]
        first += [f"os.getppid() == {os.getpid()} or sys.exit({PREEMPTED})"]
    if cores is not None and hasattr(os, "sched_setaffinity"):
        first += [f"os.sched_setaffinity(0, {list(cores)})"]
    return [sys.executable, "-P", "-c", "; ".join([*first, "os.execv(sys.argv[1], sys.argv[1:])"]), *command]
