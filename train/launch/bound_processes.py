"""Processes that end with the one that started them: they do not train on unseen."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import IO, Any

from quarry.errors import PREEMPTED

PYTHON = (sys.executable, "-P", "-m")
"""What each command begins with; -P: nothing is imported from the working folder."""

_PR_SET_PDEATHSIG = 1
"""prctl(2): the signal that a process is sent when its parent ends."""

Environment = Mapping[str, str]


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


def start_fresh(
    command: Sequence[str],
    output: IO[Any],
    errors: IO[Any],
    cores: Sequence[int] | None = None,
    environment: Environment | None = None,
    input: socket.socket | None = None,
) -> subprocess.Popen:
    """Run a command in a session of its own, bound to `cores`; it is sent SIGTERM when this thread ends."""
    return subprocess.Popen(
        as_worker(command, cores),
        env=environment,
        stdin=subprocess.DEVNULL if input is None else input.fileno(),
        stdout=output,
        stderr=errors,
        start_new_session=True,
    )
