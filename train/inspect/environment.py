"""The surroundings of a run: other hosts, devices that JAX does not use, locks and disk space."""

import fcntl
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from quarry.train.config.experiment import Experiment
from quarry.train.hosts.discovery import Hosts, from_environment, is_distributed
from quarry.train.hosts.platform import PLUGINS

LAUNCHERS = {
    "JAX": ("JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID"),
    "Slurm": ("SLURM_STEP_NUM_TASKS", "SLURM_PROCID"),
    "Open MPI": ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"),
    "Cloud TPU": ("TPU_WORKER_HOSTNAMES", "TPU_WORKER_ID", "MEGASCALE_NUM_SLICES"),
}
"""What can start several processes, and the environment variables that it sets for each."""


def other_hosts(environment: Mapping[str, str] = os.environ) -> str:
    """Whether this process would join others. Raises ConfigError if the environment contradicts itself."""
    launchers = [
        f"{who} ({', '.join(f'{name}={environment[name]}' for name in names if name in environment)})"
        for who, names in LAUNCHERS.items()
        if any(name in environment for name in names)
    ]
    if is_distributed(from_environment(Hosts(), environment), environment):
        return f"joins the others of {' and '.join(launchers) or 'its Cloud TPU slice'}"
    return "a process on its own" + (f", in spite of {' and '.join(launchers)}" if launchers else "")


def unused_devices() -> Iterator[str]:
    """A sentence for each device file whose package JAX lacks."""
    for device, packages in PLUGINS.items():
        if Path(device).exists() and not any(importlib.util.find_spec(package) for package in packages):
            yield f"{device} is here and JAX cannot use it without {' or '.join(packages)}"


def file_locks_work(folder: Path) -> bool:
    """Whether file locks work in `folder`: on some network file systems a locked file can be locked again."""
    with tempfile.NamedTemporaryFile(dir=folder) as file, open(file.name) as again:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
    return False


def free_space(folder: Path, experiment: Experiment | None) -> str:
    """The free disk space at `folder`, and whether the checkpoints of `experiment` fit into it."""
    from quarry.train.run.step import state_bytes

    free = shutil.disk_usage(folder).free
    if experiment is None:
        return f"{free / 2**30:.1f} GiB free"
    policy, size = experiment.checkpoint, state_bytes(experiment)
    most = policy.keep + len(policy.at_tokens) + policy.best + 1  # one is being written
    verdict = "enough" if most * size < free else "TOO LITTLE"
    return f"{free / 2**30:.1f} GiB free, {verdict} for {most} checkpoints of {size / 2**20:,.1f} MiB"
