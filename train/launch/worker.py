"""A process of a sweep that trains its points one after the other.

Before the first step of a small point come seconds of imports, traces and programs. A process that has
trained one point has them for the next, whose numbers are those it has in a process of its own. A fresh
process follows one that ended, that holds more than `largest_bytes`, or that a point has kept busy for
`LONG_SECONDS` of processor time: beside those its start is nothing.

Run as `python -P -m quarry.train.launch.worker`, with one end of a socket as standard input.
"""

import gc
import json
import os
import resource
import runpy
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, NamedTuple

from quarry.errors import DONE, FAILED
from quarry.train.hosts.platform import accelerator_present
from quarry.train.launch.bound_processes import PYTHON
from quarry.train.launch.preloaded import Preloaded, Process
from quarry.train.record.files import clear_unless_regular

LONG_SECONDS = 60.0
ON_ACCELERATOR, ON_CORE = 16 * 2**30, 2 * 2**30
"""Most bytes of a process that stays: an accelerator has one process, whose libraries alone hold some GiB."""

_LARGEST_MESSAGE = 2**20
_MAXRSS_BYTES = 1 if sys.platform == "darwin" else 2**10


class Task:
    """A command that a worker runs. One thread waits for its end; any may send signals."""

    def __init__(self, process: Process, connection: socket.socket) -> None:
        self.returncode: int | None = None
        self.stays = False
        """Whether the process takes another command; known after `wait`."""
        self._process, self._connection = process, connection

    def wait(self) -> int:
        """The exit code of the command, or of the process if the command ended that."""
        message = b""
        with suppress(ConnectionResetError):
            message = self._connection.recv(_LARGEST_MESSAGE)
        if message:
            code, self.stays = json.loads(message)
        else:
            code = self._process.wait()
        self.returncode = code
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal to the process, unless the command has ended."""
        if self.returncode is None:
            self._process.send_signal(number)


def open_log(log: Path) -> IO[bytes]:
    """What a command prints to, after what is there; its folder is made."""
    log.parent.mkdir(parents=True, exist_ok=True)
    clear_unless_regular(log)
    return log.open("ab")


class _Staying(NamedTuple):
    """A worker's process, and this end of its socket."""

    process: Process
    connection: socket.socket


class Worker:
    """Runs commands one after the other, in a process bound to `cores`, in a session of its own."""

    def __init__(self, starter: Preloaded, cores: Sequence[int] | None) -> None:
        self._starter, self._cores = starter, cores
        self._staying: _Staying | None = None
        self._last: Task | None = None

    def start(self, command: Sequence[str], log: IO[Any]) -> Task:
        """Begin a command that starts with `PYTHON` once the one before has ended; it prints into `log`."""
        process, connection = self._process(log)
        request = json.dumps(command[len(PYTHON) :]).encode()
        with suppress(BrokenPipeError):  # killed meanwhile: `wait` returns its exit code
            socket.send_fds(connection, [request], [log.fileno()])
        self._last = Task(process, connection)
        return self._last

    def close(self) -> None:
        """Let the process end."""
        if self._staying is not None:
            self._staying.connection.close()
            self._staying.process.wait()
            self._staying = None

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _process(self, log: IO[Any]) -> _Staying:
        """The process that ran the last command if it stays, else a fresh one."""
        if self._staying and self._last and self._last.stays and self._staying.process.poll() is None:
            return self._staying
        self.close()
        own, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [*PYTHON, "quarry.train.launch.worker"]
            process = self._starter.start(command, log, log, self._cores, input=theirs)
        self._staying = _Staying(process, own)
        return self._staying


def main() -> None:
    """Run the commands that come, each as in a process of its own, until there are no more."""
    connection = _take_standard_input()
    environment = dict(os.environ)
    while True:
        message, files, *_ = socket.recv_fds(connection, _LARGEST_MESSAGE, 1)
        if not message:
            return
        os.environ.clear()
        os.environ.update(environment)
        began = time.process_time()
        code = _run(json.loads(message), *files)
        answer = code, stays(code, time.process_time() - began)
        connection.send(json.dumps(answer).encode())


def stays(code: int, seconds: float) -> bool:
    """Whether a process takes another command after one of `seconds` of its time that ended with `code`."""
    return code in (DONE, FAILED) and seconds < LONG_SECONDS and _peak_bytes() < largest_bytes()


def largest_bytes() -> int:
    """How much a process that stays may have held."""
    return ON_ACCELERATOR if accelerator_present() else ON_CORE


def _take_standard_input() -> socket.socket:
    """The socket, which the processes that commands start do not inherit; they read nothing."""
    connection = socket.socket(fileno=os.dup(0))
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    return connection


def _run(command: Sequence[str], log: int) -> int:
    """Run the module of `command` with its words, printing into the file `log`; returns the exit code.

    An error that it does not catch ends this process as it would its own.
    """
    for stream in (1, 2):
        os.dup2(log, stream)
    os.close(log)
    sys.argv[1:] = command[1:]
    try:
        runpy.run_module(command[0], run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return int(end.code or DONE)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        gc.collect()
    return DONE


def _peak_bytes() -> int:
    """The most memory that this process has held; most of it is kept for what comes.

    On Linux getrusage counts what the process that started this one held.
    """
    status = Path("/proc/self/status")
    if status.exists():
        fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(fields["VmHWM"].split()[0]) * 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_BYTES


if __name__ == "__main__":
    main()
