"""RMSNorm and LayerNorm over the last axis in fp32, with gradients that save only the input.

Automatic differentiation would save fp32 arrays of the size of the input for each norm; in bf16 that was half
of all memory (experiments/results/LOG.md).
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

EPSILON = 1e-6


def normalise(x: Float[Array, "*M D"], scale: Float[Array, " D"], centred: bool) -> Float[Array, "*M D"]:
    """x / rms(x) * scale, or if `centred` (x - mean(x)) / std(x) * scale, over the last axis."""
    return _normalise(x, scale, centred)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _normalise(x: Array, scale: Array, centred: bool) -> Any:
    return _forward(x, scale, centred)[0]


def _standardise(x: Array, centred: bool) -> tuple[Array, Array]:
    """x [..., D] scaled to mean square 1, and the factor [..., 1], in fp32."""
    y = x.astype(jnp.float32)
    if centred:
        y = y - y.mean(-1, keepdims=True)
    factor = jax.lax.rsqrt(jnp.square(y).mean(-1, keepdims=True) + EPSILON)
    return y * factor, factor


def _wide(scale: Array, ndim: int) -> Array:
    return jnp.expand_dims(scale, range(ndim - 1))


def _forward(x: Array, scale: Array, centred: bool) -> tuple[Array, tuple[Array, Array]]:
    return (_standardise(x, centred)[0] * _wide(scale, x.ndim)).astype(x.dtype), (x, scale)


def _backward(centred: bool, saved: tuple[Array, Array], gradient: Array) -> tuple[Array, Array]:
    x, scale = saved
    y, factor = _standardise(x, centred)
    gradient = gradient.astype(jnp.float32)
    d_scale = (gradient * y).sum(range(x.ndim - 1)).astype(scale.dtype)
    gradient = gradient * _wide(scale, x.ndim)
    d_x = gradient - y * (gradient * y).mean(-1, keepdims=True)
    if centred:
        d_x = d_x - gradient.mean(-1, keepdims=True)
    return (d_x * factor).astype(x.dtype), d_scale


_normalise.defvjp(_forward, _backward)
