"""What the layers of every architecture are made of, in Flax NNX.

Every parameter carries `axes`, the logical names that `quarry.model.sharding` maps to the mesh.
"""

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from quarry.model.layers import Keys
from quarry.model.norms import normalise

if TYPE_CHECKING:
    from quarry.model.config import ModelConfig

Axes = tuple[str | None, ...]


def normal(keys: Keys, config: "ModelConfig", shape: tuple[int, ...], std: float, axes: Axes) -> nnx.Param:
    """Normally distributed around 0, in the dtype of parameters."""
    value = std * jax.random.normal(keys(), shape, dtype=jnp.float32)
    return nnx.Param(value.astype(config.param_dtype), axes=axes)


class Norm(nnx.Module):
    """RMSNorm or LayerNorm over the last axis, computed in fp32, with a learned gain (and offset)."""

    def __init__(self, config: "ModelConfig", features: int):
        self.scale = nnx.Param(jnp.ones(features, config.param_dtype), axes=(None,))
        centred = config.norm == "layernorm"
        self.offset = (
            nnx.Param(jnp.zeros(features, config.param_dtype), axes=(None,)) if centred else nnx.data(None)
        )

    def __call__(self, x: Float[Array, "*M D"]) -> Float[Array, "*M D"]:
        y = normalise(x, self.scale[...], self.offset is not None)
        if self.offset is not None:
            y = y + jnp.expand_dims(self.offset[...], range(y.ndim - 1)).astype(x.dtype)
        return y


def divided(x: Float[Array, "*M D"], ratio: float) -> Float[Array, "*M D"]:
    """x / ratio; x itself where the parametrization asks for nothing."""
    return x if ratio == 1 else x / ratio


def apply_dropout(x: Float[Array, "*M D"], share: float, key: jax.Array | None) -> Float[Array, "*M D"]:
    """x with a random `share` set to zero and the rest scaled to keep the mean; x itself without a key."""
    if key is None or share == 0:
        return x
    return jnp.where(jax.random.bernoulli(key, 1 - share, x.shape), x / (1 - share), 0)
