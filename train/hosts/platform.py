"""Settings that must be made before JAX starts: threads, XLA flags, the compilation cache, memory.

On a CPU, XLA runs models of this size faster on one core than on two, so a process is pinned to one core
and a sweep runs one point per core. To override: `--cores N`; the environment's XLA_FLAGS, which follow ours
(the last flag wins); JAX_PLATFORMS; JAX_COMPILATION_CACHE_DIR; glibc's MALLOC_* and GLIBC_TUNABLES.
"""

import ctypes
import importlib.util
import os
from pathlib import Path

from quarry.cache import keep_programs, replace_damaged_programs
from quarry.collector import collect_rarely
from quarry.cores import available_cores
from quarry.train.hosts.workarounds import apply_workarounds

CPU_FLAGS = ("--xla_backend_optimization_level=1",)
"""LLVM's higher optimisation levels take a quarter of the time that compiles a step, and most of the time for
the first state, without a measurable gain: a step spends its time in library products
(experiments/results/LOG.md)."""
ONE_CORE_FLAGS = ("--xla_cpu_multi_thread_eigen=false",)
GPU_FLAGS = ("--xla_gpu_enable_scatter_determinism_expander=true",)
"""Without it the gradient of the embedding is a sum in an order of chance, and a run that resumes is not the
run left alone. So may be that of attention over long contexts: `--xla_gpu_exclude_nondeterministic_ops=true`
settles both, but then XLA takes the first kernel that does for each product, not the fastest."""

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -2, -3, -8
KEEP_FREED_MEMORY = {
    M_MMAP_THRESHOLD: 2**30,
    M_TRIM_THRESHOLD: 2**31 - 1,
    M_TOP_PAD: 2**26,
    M_ARENA_MAX: 1,
}
"""Settings of glibc's mallopt(3), in bytes except the number of arenas: one heap that keeps freed memory.
Every step frees its buffers; by default glibc returns them, and the kernel clears new pages for the next
step."""

GPU = "/dev/nvidia0"
PLUGINS = {
    GPU: ("jax_cuda12_plugin", "jax_cuda13_plugin"),
    "/dev/accel0": ("libtpu",),
    "/dev/vfio/0": ("libtpu",),
}
"""For each device file the packages with which JAX can use the device; one of them is enough."""


def accelerator_present() -> bool:
    """Whether JAX would find a GPU or TPU; does not start JAX."""
    return any(map(_present, PLUGINS))


def gpu_present() -> bool:
    """Whether JAX would find a GPU, which several processes may share; does not start JAX."""
    return _present(GPU)


def _present(device: str) -> bool:
    if os.environ.get("JAX_PLATFORMS", "").split(",")[0] == "cpu":
        return False
    return Path(device).exists() and any(importlib.util.find_spec(package) for package in PLUGINS[device])


def choose_cores(count: int) -> list[int]:
    """`count` of the available cores, first the one on which this process runs.

    The scheduler has put the process on an idle core, so that two runs started by hand do not share one.
    """
    cores, core = available_cores(), current_core()
    position = cores.index(core) if core is not None and core in cores else 0
    return (cores[position:] + cores[:position])[:count]


def current_core() -> int | None:
    """The core on which this process runs now, None if the system does not tell."""
    libc = ctypes.CDLL(None)
    return libc.sched_getcpu() if hasattr(libc, "sched_getcpu") else None


def prepare(cache: Path, cores: int = 1) -> None:
    """Set up this process for training: settings and workarounds; call before JAX is started."""
    apply_workarounds()
    collect_rarely()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if not accelerator_present():
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, choose_cores(cores))
        _add_flags(CPU_FLAGS + (ONE_CORE_FLAGS if cores == 1 else ()))
        if cores == 1:
            keep_freed_memory()
    elif gpu_present():
        _add_flags(GPU_FLAGS)
    keep_programs(cache)
    replace_damaged_programs()


def _add_flags(flags: tuple[str, ...]) -> None:
    """Put `flags` before those of the environment, each once: the names of kept programs follow from them."""
    theirs = os.environ.get("XLA_FLAGS", "").split()
    os.environ["XLA_FLAGS"] = " ".join([*(flag for flag in flags if flag not in theirs), *theirs])


def keep_freed_memory() -> None:
    """Apply KEEP_FREED_MEMORY, unless the environment tunes malloc or the C library is not glibc."""
    if any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ):
        return
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        for setting, value in KEEP_FREED_MEMORY.items():
            libc.mallopt(setting, value)
