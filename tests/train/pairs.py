"""Runs on two hosts: two processes of two virtual CPU devices each, compared with one process of four."""

import socket
import time
from pathlib import Path

from quarry.train.launch.bound_processes import PYTHON
from tests.commands import Running, environment, run
from tests.quick_compile import QUICK_FLAGS


def devices(cache: Path, count: int) -> dict[str, str]:
    """The environment of a process with `count` virtual CPU devices."""
    flags = f"{QUICK_FLAGS} --xla_force_host_platform_device_count={count}"
    own = {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags}
    return environment(cache) | own


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def begin(cache: Path, hosts: int, *words: object, cwd: Path, together: int = 4) -> list[Running]:
    """Start `quarry WORDS` on `hosts` hosts that together have `together` devices."""
    port, processes = free_port(), []
    read = cwd / "read" / f"{time.time_ns()}"
    for host in range(hosts):
        where = ["--coordinator", f"127.0.0.1:{port}", "--processes", hosts, "--process", host]
        command = [*PYTHON, "tests.train.reading", *map(str, words), *map(str, where if hosts > 1 else [])]
        variables = devices(cache, together // hosts) | {"READ": str(read)}
        processes.append(run(command, variables, cwd=cwd))
    return processes


def end(processes: list[Running], timeout: float = 400) -> tuple[list[int], list[str]]:
    """Wait for the processes; returns their exit codes and the output of each host."""
    try:
        codes = [process.wait(timeout) for process in processes]
    finally:
        for process in processes:
            process.kill()
    return codes, ["".join(process.communicate()) for process in processes]
