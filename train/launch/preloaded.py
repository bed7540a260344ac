"""A process that has imported what training needs, and forks a process for each command it is sent.

Importing JAX, Flax, Optax, Orbax and Grain takes a third of the time of a small point, and what the model
imports beside them half a second. JAX is imported here and not started: each forked process chooses its
devices, threads and XLA flags itself, and ends as a fresh one does. Only on Linux; elsewhere, and where the
process that forks has ended, each process starts afresh.

Run as `python -P -m quarry.train.launch.preloaded DESCRIPTOR`, with one end of a socket.
"""

import gc
import json
import os
import runpy
import selectors
import signal
import socket
import struct
import subprocess
import sys
import threading
import weakref
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import IO, Any

from quarry.train.launch.bound_processes import PYTHON, Environment, as_worker, end_with_parent, start_fresh

MODULES = (
    *("jax.numpy", "flax.linen", "optax", "orbax.checkpoint", "grain", "rich.progress", "tyro"),
    "jaxlib.mlir.dialects.mhlo",  # JAX imports it when it lowers the first program
    *("quarry.cli", "quarry.train.commands.common", "quarry.train.data.store_building"),
    *(f"quarry.train.run.{name}" for name in ("checkpoints", "evaluation", "rollback", "stacking", "step")),
)
"""What is imported beforehand. Polars is not, nor what imports it: it starts threads, which a forked process
lacks."""

_LARGEST_REQUEST = 2**20
_EXIT_CODE = struct.Struct("i")


class ForkedProcess:
    """A process that `Preloaded` forked, with the methods of `subprocess.Popen` for its end and signals."""

    def __init__(self, pid: int, exit_code: int, args: Sequence[str]) -> None:
        """`exit_code` is the descriptor from which the exit code is read once the process has ended."""
        self.pid, self.args = pid, args
        self.returncode: int | None = None
        self._exit_code = exit_code
        self._lock = threading.Lock()
        weakref.finalize(self, os.close, exit_code)

    def poll(self) -> int | None:
        """The exit code; None while the process runs."""
        return self._read_exit_code(0)

    def wait(self, timeout: float | None = None) -> int:
        """The exit code at the process's end. Raises subprocess.TimeoutExpired after `timeout` seconds."""
        code = self._read_exit_code(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the process has ended, even if its exit code is not here yet."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def _read_exit_code(self, timeout: float | None) -> int | None:
        """Without a code at the end of the file, the process that forks has ended, and its processes too."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._exit_code, selectors.EVENT_READ)
            ended = self.returncode is None and selector.select(timeout)
        with self._lock:  # one thread waits while another sends a signal
            if ended and self.returncode is None:
                code = os.read(self._exit_code, _EXIT_CODE.size)
                self.returncode = _EXIT_CODE.unpack(code)[0] if code else -signal.SIGTERM
            return self.returncode


Process = ForkedProcess | subprocess.Popen


class Preloaded:
    """Starts processes of `python -P -m MODULE WORDS`, forked from one that has imported `MODULES`.

    Threads may share it. Its processes are sent SIGTERM when it is closed, and when the thread that opened it
    ends. While it is not open, each process starts afresh.
    """

    def __init__(self, environment: Environment | None = None) -> None:
        """`environment` is that in which JAX is imported, by default this process's."""
        self._lock, self._environment = threading.Lock(), environment
        self._own: socket.socket | None = None
        self.server: subprocess.Popen | None = None

    def open(self) -> None:
        """Start the process that forks, where the system allows it."""
        if sys.platform != "linux":
            return
        self._own, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [*PYTHON, "quarry.train.launch.preloaded", str(theirs.fileno())]
        with theirs:
            self.server = subprocess.Popen(
                as_worker(command, None),
                env=self._environment,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    def start(
        self,
        command: Sequence[str],
        output: IO[Any],
        errors: IO[Any],
        cores: Sequence[int] | None = None,
        environment: Environment | None = None,
        input: socket.socket | None = None,
    ) -> Process:
        """Run a command that begins with `PYTHON`, in a session of its own, bound to `cores`.

        Its standard input is `input`, and empty without it.
        """
        module, *words = command[len(PYTHON) :]
        request = {
            "module": module,
            "words": words,
            "cores": cores,
            "folder": os.getcwd(),
            "environment": dict(os.environ if environment is None else environment),
        }
        read, write = os.pipe()
        try:
            streams = [output, errors] if input is None else [output, errors, input]
            child = self._request(request, [write, *(stream.fileno() for stream in streams)])
        except OSError:
            os.close(read)
            return start_fresh(command, output, errors, cores, environment, input)
        finally:
            os.close(write)
        return ForkedProcess(child, read, command)

    def close(self) -> None:
        """End the process that forks."""
        if self._own and self.server:
            self._own.close()
            self.server.wait()

    def __enter__(self) -> "Preloaded":
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _request(self, request: dict[str, Any], files: list[int]) -> int:
        """Send a request; returns the number of the forked process. Raises OSError if there is no answer."""
        with self._lock:
            if self._own is None:
                raise OSError("no process forks")
            socket.send_fds(self._own, [json.dumps(request).encode()], files)
            answer = self._own.recv(_LARGEST_REQUEST)
        if not answer:
            raise OSError("the process that forks has ended")
        return int(answer)


def serve(connection: socket.socket) -> dict[str, Any] | None:
    """Fork for each request; returns it in the forked process, and None here when the other end closes."""
    server = os.getpid()
    with selectors.DefaultSelector() as selector, connection:
        selector.register(connection, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.data is not None:
                    _report(selector, key)
                    continue
                message, files, *_ = socket.recv_fds(connection, _LARGEST_REQUEST, 4)
                if not message:
                    return None
                if (child := os.fork()) == 0:
                    for other in selector.get_map().values():
                        _close(other)
                    request = json.loads(message)
                    _become(request, server, *files)
                    return request
                exit_code, *streams = files
                for file in streams:
                    os.close(file)
                connection.send(str(child).encode())
                selector.register(os.pidfd_open(child), selectors.EVENT_READ, (child, exit_code))


def _report(selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
    """Write the exit code of a process that has ended."""
    child, exit_code = key.data
    _, status = os.waitpid(child, 0)
    selector.unregister(key.fileobj)
    with suppress(BrokenPipeError):  # nobody waits for it
        os.write(exit_code, _EXIT_CODE.pack(os.waitstatus_to_exitcode(status)))
    _close(key)


def _close(key: selectors.SelectorKey) -> None:
    """Close the descriptors of a process that was forked."""
    if key.data is not None:
        os.close(key.fd)
        os.close(key.data[1])


def _become(request: dict[str, Any], server: int, exit_code: int, *streams: int) -> None:
    """Make this forked process the one of `request`; `streams` are its output, errors and perhaps input."""
    os.setsid()
    end_with_parent(server)
    for file, number in zip(streams, (1, 2, 0), strict=False):
        os.dup2(file, number)
        os.close(file)
    os.close(exit_code)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    if request["cores"] is not None:
        os.sched_setaffinity(0, request["cores"])


def main() -> None:
    """Import, then fork; the forked process goes on here and runs its module."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    for name in MODULES:
        import_module(name)
    gc.freeze()  # what is imported stays: a collection need not look at it
    request = serve(connection)
    if request is not None:
        sys.argv[1:] = request["words"]
        runpy.run_module(request["module"], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
