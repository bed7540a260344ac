"""Programs that compile faster and run slower, for tests of small models: compiling takes most of their time."""

import os

import pytest


@pytest.fixture(scope="module", autouse=True)
def quick_compile():
    """XLA's costly optimisations are off for the tests of a module, in this process and those it starts."""
    import jax

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
        jax.config.update("jax_disable_most_optimizations", True)
        yield
        jax.config.update("jax_disable_most_optimizations", False)
