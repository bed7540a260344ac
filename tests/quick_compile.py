"""Programs that compile faster and run slower, for tests of small models: compiling takes most of their time.

Processes that `tests.commands` starts have `QUICK_COMPILE` in their environment; those of the wheel, and
those with the compilers of GPUs and TPUs, compile as users' do.
"""

import pytest

QUICK_COMPILE = {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}


@pytest.fixture(scope="module", autouse=True)
def quick_compile():
    """XLA's costly optimisations are off in this process, for the tests of a module."""
    import jax

    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
