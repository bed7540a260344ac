"""Causal attention and rotary positions. Heads are [*N, T, K]; N is rows and heads, on one axis or two."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from quarry.model.kernels import cpu, gpu
from quarry.model.sharding import platform


def rotary_tables(context: int, d_head: int, base: float = 10_000.0) -> tuple[Array, Array]:
    """Cosines and sines [T, K/2] of RoFormer (2104.09864, eq. 34)."""
    frequency_K = base ** (-jnp.arange(0, d_head, 2, dtype=jnp.float32) / d_head)
    angle_TxK = jnp.arange(context, dtype=jnp.float32)[:, None] * frequency_K[None, :]
    return jnp.cos(angle_TxK), jnp.sin(angle_TxK)


def rotate(x_xTxK: Float[Array, "*N T K"], cos_TxK: Array, sin_TxK: Array) -> Float[Array, "*N T K"]:
    """Rotate each pair (x_i, x_{i + K/2}) by the angle of its position."""
    first, second = jnp.split(x_xTxK, 2, axis=-1)
    lead = tuple(range(x_xTxK.ndim - 2))
    cos, sin = (jnp.expand_dims(table.astype(x_xTxK.dtype), lead) for table in (cos_TxK, sin_TxK))
    return jnp.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)


def causal_attention(
    q_xTxK: Float[Array, "*N T K"], k_xTxK: Float[Array, "*N T K"], v_xTxK: Float[Array, "*N T K"]
) -> Float[Array, "*N T K"]:
    """Scaled dot-product attention of each position to itself and those before it; softmax in fp32."""
    if platform() == "cpu":
        return cpu.causal_attention(q_xTxK, k_xTxK, v_xTxK)
    if platform() == "gpu" and gpu.can_attend(q_xTxK):
        return gpu.causal_attention(q_xTxK, k_xTxK, v_xTxK)
    if platform() == "tpu":
        from quarry.model.kernels import tpu  # Pallas takes half a second to import

        if tpu.can_attend(q_xTxK):
            return tpu.causal_attention(q_xTxK, k_xTxK, v_xTxK)
    return plain_attention(q_xTxK, k_xTxK, v_xTxK)


def plain_attention(q_xTxK: Array, k_xTxK: Array, v_xTxK: Array) -> Array:
    """Reference implementation, for any platform and shape."""
    T, scale = q_xTxK.shape[-2], q_xTxK.shape[-1] ** -0.5
    scores = jnp.einsum("...tk,...sk->...ts", q_xTxK * scale, k_xTxK, preferred_element_type=jnp.float32)
    mask = jnp.expand_dims(jnp.tril(jnp.ones((T, T), bool)), range(scores.ndim - 2))
    weights = jax.nn.softmax(jnp.where(mask, scores, jnp.finfo(scores.dtype).min), axis=-1)
    return jnp.einsum("...ts,...sk->...tk", weights.astype(v_xTxK.dtype), v_xTxK)
