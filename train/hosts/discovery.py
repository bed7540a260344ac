"""How the processes of one run find each other: options, environment variables, Slurm, MPI, Cloud TPU.

A host is one process with its devices; `joining` joins the hosts before JAX touches a device.
"""

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from quarry.checks import check_types, require
from quarry.train.hosts.platform import accelerator_present


@dataclass(frozen=True)
class Hosts:
    """How the processes of a run find each other: nothing to set on Cloud TPU, under srun or mpirun."""

    coordinator: str | None = None
    """HOST:PORT of process 0, which all can reach; default $JAX_COORDINATOR_ADDRESS."""
    processes: int | None = None
    """How many there are; default $JAX_NUM_PROCESSES."""
    process: int | None = None
    """Which of them this is, from 0; default $JAX_PROCESS_ID."""
    host_timeout: int = 300
    """Seconds to wait for all processes to come up."""
    heartbeat_timeout: int = 60
    """Seconds without a sign of life after which a host counts as lost and the others end."""

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("host_timeout", "heartbeat_timeout"):
            value = getattr(self, name)
            require(value >= 1, f"{name} must be at least 1 second, not {value}")
        given = [self.coordinator, self.processes, self.process]
        if all(value is None for value in given):
            return
        require(None not in given, "--coordinator, --processes and --process go together")
        host, _, port = str(self.coordinator).rpartition(":")
        require(bool(host) and port.isdecimal(), f"--coordinator = {self.coordinator} must be HOST:PORT")
        count, index = self.processes or 0, self.process or 0
        require(count >= 1, f"--processes must be at least 1, not {count}")
        require(0 <= index < count, f"--process = {index} must be from 0 to {count - 1}")


def from_environment(given: Hosts, environment: Mapping[str, str] = os.environ) -> Hosts:
    """`given`, filled in from JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and JAX_PROCESS_ID if it is empty.

    Raises ConfigError if the environment sets one of them to a bad value, or only some of them.
    """
    if given.coordinator is not None or "JAX_NUM_PROCESSES" not in environment:
        return given
    numbers = {name: environment.get(name, "") for name in ("JAX_NUM_PROCESSES", "JAX_PROCESS_ID")}
    for name, text in numbers.items():
        require(text.isdecimal(), f"${name} must be a number, not {text!r}")
    address = environment.get("JAX_COORDINATOR_ADDRESS")
    require(address is not None, "$JAX_NUM_PROCESSES is set and $JAX_COORDINATOR_ADDRESS is not")
    processes, process = map(int, numbers.values())
    return dataclasses.replace(given, coordinator=address, processes=processes, process=process)


def is_distributed(hosts: Hosts, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this process may be one of several, judged without starting JAX.

    On a Cloud TPU machine JAX itself finds the other hosts of the slice, if there are any.
    """
    if hosts.coordinator is not None:
        return True
    tasks = [environment.get(name, "1") for name in ("SLURM_STEP_NUM_TASKS", "OMPI_COMM_WORLD_SIZE")]
    on_tpu = not Path("/dev/nvidia0").exists() and accelerator_present()
    alone = "TPU_SKIP_MDS_QUERY" in environment and "," not in environment.get("TPU_WORKER_HOSTNAMES", "")
    return any(count.isdecimal() and int(count) > 1 for count in tasks) or (on_tpu and not alone)
