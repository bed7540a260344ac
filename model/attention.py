"""Causal attention and rotary positions. Heads are [*N, T, K], N the rows and heads, one axis or two."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def rotary_tables(context: int, d_head: int, base: float = 10_000.0) -> tuple[Array, Array]:
    """Cosines and sines [T, K/2] of RoFormer (2104.09864, eq. 34)."""
    frequency_K = base ** (-jnp.arange(0, d_head, 2, dtype=jnp.float32) / d_head)
    angle_TxK = jnp.arange(context, dtype=jnp.float32)[:, None] * frequency_K[None, :]
    return jnp.cos(angle_TxK), jnp.sin(angle_TxK)


def rotate(x_xTxK: Float[Array, "*N T K"], cos_TxK: Array, sin_TxK: Array) -> Float[Array, "*N T K"]:
    """Turn each pair (x_i, x_{i + K/2}) by its position's angle."""
    first, second = jnp.split(x_xTxK, 2, axis=-1)
    lead = tuple(range(x_xTxK.ndim - 2))
    cos, sin = (jnp.expand_dims(table.astype(x_xTxK.dtype), lead) for table in (cos_TxK, sin_TxK))
    return jnp.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)


@jax.custom_vjp
def causal_softmax(scores_xTxT: Float[Array, "*N T T"]) -> Float[Array, "*N T T"]:
    """Softmax over the keys up to each query, in the dtype of the scores.

    The backward pass keeps the probabilities instead of recomputing exponentials: on a CPU this is
    the difference between one and three passes over the largest array of the model.
    """
    return _causal_softmax(scores_xTxT)


def _causal_softmax(scores_xTxT: Array) -> Array:
    T = scores_xTxT.shape[-1]
    mask = jnp.expand_dims(jnp.tril(jnp.ones((T, T), bool)), tuple(range(scores_xTxT.ndim - 2)))
    masked = jnp.where(mask, scores_xTxT, jnp.finfo(scores_xTxT.dtype).min)
    exp = jnp.exp(masked - masked.max(-1, keepdims=True))
    return exp / exp.sum(-1, keepdims=True)


def _softmax_forward(scores_xTxT: Array) -> tuple[Array, Array]:
    probabilities = _causal_softmax(scores_xTxT)
    return probabilities, probabilities


def _softmax_backward(probabilities: Array, gradient: Array) -> tuple[Array]:
    weighted = probabilities * gradient
    return (weighted - probabilities * weighted.sum(-1, keepdims=True),)


causal_softmax.defvjp(_softmax_forward, _softmax_backward)


def causal_attention(
    q_xTxK: Float[Array, "*N T K"], k_xTxK: Float[Array, "*N T K"], v_xTxK: Float[Array, "*N T K"]
) -> Float[Array, "*N T K"]:
    """Scaled dot-product attention, each position seeing itself and what came before; softmax in fp32."""
    scale = q_xTxK.shape[-1] ** -0.5
    scores = jnp.einsum("...tk,...sk->...ts", q_xTxK * scale, k_xTxK, preferred_element_type=jnp.float32)
    weights = causal_softmax(scores).astype(v_xTxK.dtype)
    return jnp.einsum("...ts,...sk->...tk", weights, v_xTxK)
