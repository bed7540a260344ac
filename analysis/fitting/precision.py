"""Float64 on the CPU, in which all fits run."""

from collections.abc import Iterator
from contextlib import contextmanager

import jax
import jax.experimental


@contextmanager
def float64_on_cpu() -> Iterator[None]:
    """JAX within this context computes in float64, on the CPU because TPUs have no float64."""
    # jax.enable_x64 came with JAX 0.8.
    scope = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64  # type: ignore
    with scope(True), jax.default_device(jax.local_devices(backend="cpu")[0]):
        yield
