"""Threads, XLA flags and the compilation cache: all that must be set before JAX starts, in one place.

On a CPU, XLA runs models of this size faster on one core than on two, so a process is pinned to one core
and a sweep runs one point per core. To override: `--cores N`, the environment's XLA_FLAGS (ours are put
before them, and the last one wins), JAX_PLATFORMS, JAX_COMPILATION_CACHE_DIR, glibc's MALLOC_* and
GLIBC_TUNABLES.
"""

import ctypes
import importlib.util
import os
from pathlib import Path

CPU_FLAGS = ("--xla_backend_optimization_level=1",)
"""LLVM's passes above the first cost a quarter of the compilation of a step and most of that of the first
state, and gain nothing measurable: the time goes to library products (experiments/results/LOG.md)."""
ONE_CORE_FLAGS = ("--xla_cpu_multi_thread_eigen=false",)

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -2, -3, -8
KEEP_FREED_MEMORY = {
    M_MMAP_THRESHOLD: 2**30,
    M_TRIM_THRESHOLD: 2**31 - 1,
    M_TOP_PAD: 2**26,
    M_ARENA_MAX: 1,
}
"""Settings of glibc's mallopt(3), in bytes but for the number of arenas: one heap, which holds on to what is
freed. Every step frees its buffers; by default glibc gives them back, and the kernel clears new pages for the
next step."""

GPU = "/dev/nvidia0"
PLUGINS = {
    GPU: ("jax_cuda12_plugin", "jax_cuda13_plugin"),
    "/dev/accel0": ("libtpu",),
    "/dev/vfio/0": ("libtpu",),
}
"""A device file, and the packages one of which JAX needs to use the device."""


def accelerator_present() -> bool:
    """Whether JAX would find a GPU or TPU, judged without starting it."""
    return any(map(_present, PLUGINS))


def gpu_present() -> bool:
    """The same of a GPU, which several processes may share."""
    return _present(GPU)


def _present(device: str) -> bool:
    if os.environ.get("JAX_PLATFORMS", "").split(",")[0] == "cpu":
        return False
    return Path(device).exists() and any(importlib.util.find_spec(package) for package in PLUGINS[device])


def available_cores() -> list[int]:
    """The cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def chosen_cores(count: int) -> list[int]:
    """`count` of the available cores, first the one this process runs on: the scheduler put it on an idle
    one, so that two runs started by hand do not share a core."""
    cores, core = available_cores(), current_core()
    here = cores.index(core) if core is not None and core in cores else 0
    return (cores[here:] + cores[:here])[:count]


def current_core() -> int | None:
    """The core this process runs on now, None where the system does not say."""
    libc = ctypes.CDLL(None)
    return libc.sched_getcpu() if hasattr(libc, "sched_getcpu") else None


def prepare(cache: Path, cores: int = 1) -> None:
    """Set up this process for training; call before JAX is imported.

    A compiled program is found again under the same name of the folder alone: XLA writes it into the key.
    """
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str((cache / "xla").absolute()))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if not accelerator_present():
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, chosen_cores(cores))
        flags = CPU_FLAGS + (ONE_CORE_FLAGS if cores == 1 else ())
        os.environ["XLA_FLAGS"] = " ".join([*flags, os.environ.get("XLA_FLAGS", "")]).strip()
        if cores == 1:
            keep_freed_memory()


def keep_freed_memory() -> None:
    """Apply KEEP_FREED_MEMORY, unless the environment tunes malloc or the C library is another."""
    if any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ):
        return
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        for setting, value in KEEP_FREED_MEMORY.items():
            libc.mallopt(setting, value)


def cache_directory() -> Path:
    """Where corpora, token stores and compiled programs are kept: $QUARRY_CACHE, else ~/.cache/quarry."""
    return Path(os.environ.get("QUARRY_CACHE") or Path.home() / ".cache" / "quarry").expanduser()
