"""Programs that compile faster and run slower, for tests of small models: compiling takes most of their time.

Processes that `tests.commands` starts have `QUICK_COMPILE` in their environment; those of the wheel, and
those with the compilers of GPUs and TPUs, compile as users' do.
"""

import mmap
from importlib.util import find_spec
from pathlib import Path

import pytest

FLAGS = {"xla_cpu_use_fusion_emitters": "false", "xla_cpu_parallel_codegen_split_count": "1"}
"""Without optimisations XLA's newer emitter of loops takes a third of the time that compiles a step, and the
split of a program into parts that several cores could compile a sixth."""


def _flags() -> str:
    """Those of FLAGS that this jaxlib knows: XLA ends a process for an unknown one."""
    found = find_spec("jaxlib")
    library = Path(found.submodule_search_locations[0], "libjax_common.so") if found else Path()
    if not library.is_file():
        return ""
    with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return " ".join(f"--{name}={FLAGS[name]}" for name in FLAGS if content.find(name.encode()) >= 0)


QUICK_FLAGS = _flags()
QUICK_COMPILE = {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1", "XLA_FLAGS": QUICK_FLAGS}


@pytest.fixture(scope="module", autouse=True)
def quick_compile():
    """XLA's costly optimisations are off in this process, for the tests of a module."""
    import jax

    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
