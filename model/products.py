"""Products of activations with weights."""

import jax.numpy as jnp
from jaxtyping import Array, DTypeLike, Float

from quarry.model.kernels import cpu
from quarry.model.sharding import platform


def product(
    x_MxI: Float[Array, "M I"], w_IxO: Float[Array, "I O"], dtype: DTypeLike | None = None
) -> Float[Array, "M O"]:
    """x w, accumulated and returned in `dtype`, by default that of the operands."""
    if platform() == "cpu" and x_MxI.dtype == jnp.float32:
        return cpu.product(x_MxI, w_IxO)
    return jnp.matmul(x_MxI, w_IxO, preferred_element_type=dtype)
