"""Whether a run fits into memory: a lower bound, before anything is allocated."""

import os
import resource
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import jax
from jax.sharding import Mesh

from quarry.checks import require
from quarry.model.counting import count_parameters, training_bytes
from quarry.model.sharding import on_cpu

if TYPE_CHECKING:
    from quarry.train.config.experiment import Experiment

_BATCH_BYTES = 32
"""Bytes per token of a batch on the host: positions of 64 bits, inputs and targets, and copies of them; 2^28
tokens took 8 GB."""
_CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def check_memory(experiment: "Experiment", mesh: Mesh) -> None:
    """Raise ConfigError if the run needs more memory than there is."""
    model, local = experiment.model, mesh.local_mesh.size
    n, state = count_parameters(model).total, state_bytes_per_device(experiment, mesh)
    room, place = (machine_memory() / local, "machine") if on_cpu(mesh) else (_device_memory(mesh), "device")
    share = f" on each of {local} devices" if local > 1 else ""
    require(
        state <= room,
        f"model: {n:.3g} parameters (d_model = {model.d_model}, n_layers = {model.n_layers}, vocab_size = "
        f"{model.vocab_size}) take at least {gib(state)} to train{share}, more than the {gib(room)} of this "
        f"{place}: make the model smaller, or shard it with mesh.fsdp or mesh.tensor",
    )
    batch = _BATCH_BYTES * experiment.batch_tokens * experiment.candidates / jax.process_count()
    require(
        batch <= machine_memory(),
        f"batch_tokens = {experiment.batch_tokens} takes at least {gib(batch)} in this machine's memory of "
        f"{gib(machine_memory())}",
    )


def state_bytes_per_device(experiment: "Experiment", mesh: Mesh) -> float:
    """Bytes of parameters, moments and gradients on one device, if all are sharded evenly."""
    return training_bytes(experiment.model) / (mesh.shape["fsdp"] * mesh.shape["tensor"])


def _device_memory(mesh: Mesh) -> float:
    """Bytes of the first device's memory, infinite where the device does not tell."""
    stats = mesh.local_devices[0].memory_stats() or {}
    return stats.get("bytes_limit", float("inf"))


def machine_memory() -> float:
    """Bytes that this process may use: the machine's memory, or less by its control group or `ulimit -v`."""
    return min(_limits())


def _limits() -> Iterator[float]:
    yield os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    address_space, _ = resource.getrlimit(resource.RLIMIT_AS)
    if address_space != resource.RLIM_INFINITY:
        yield address_space
    for file in _CGROUP_LIMITS:
        with suppress(OSError, ValueError):  # ValueError: "max"
            yield int(Path(file).read_text())


def gib(size: float) -> str:
    """A size in GiB, as messages give it."""
    return f"{size / 2**30:,.1f} GiB"
