"""Products and attention in the forms that XLA's CPU backend runs fastest.

Its fast products contract the last axis of the left operand. A gradient contracts the axis before it, x^T y,
and falls back to products that take twice as long. So the narrower operand is transposed first, behind a
barrier, as XLA would otherwise fold the transposition back into the product. Attention skips the blocks that
the causal mask empties.
"""

from collections.abc import Iterator
from functools import reduce
from itertools import pairwise

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

SMALLEST_BLOCK, MOST_BLOCKS = 64, 4
"""Blocks of queries: four blocks leave out 37.5% of the scores; more, or smaller, blocks were slower."""


def transposed_product(x: Float[Array, "*N M I"], y: Float[Array, "*N M O"]) -> Float[Array, "*N I O"]:
    """x^T y, with the narrower operand transposed first."""
    if x.shape[-1] <= y.shape[-1]:
        return _transpose_before(x) @ y
    return _transpose_after(_transpose_before(y) @ x)


def _transpose_before(x: Array) -> Array:
    return jax.lax.optimization_barrier(x.swapaxes(-1, -2))


def _transpose_after(x: Array) -> Array:
    return jax.lax.optimization_barrier(x).swapaxes(-1, -2)


@jax.custom_vjp
def product(x_MxI: Float[Array, "M I"], w_IxO: Float[Array, "I O"]) -> Float[Array, "M O"]:
    """x w, with a gradient for w made by `transposed_product`."""
    return x_MxI @ w_IxO


def _product_forward(x: Array, w: Array) -> tuple[Array, tuple[Array, Array]]:
    return x @ w, (x, w)


def _product_backward(operands: tuple[Array, Array], gradient: Array) -> tuple[Array, Array]:
    x, w = operands
    return gradient @ w.T, transposed_product(x, gradient)


product.defvjp(_product_forward, _product_backward)


def _blocks(T: int) -> Iterator[tuple[int, int]]:
    """Bounds of the queries of each block; their keys are all up to its end."""
    size = max(SMALLEST_BLOCK, -(-T // MOST_BLOCKS))
    return ((begin, min(begin + size, T)) for begin in range(0, T, size))


def _probabilities(q: Array, k: Array, first: int) -> Array:
    """Softmax in fp32 of queries `first`, `first` + 1, ... over the keys up to each."""
    scores = jnp.matmul(q, k.swapaxes(-1, -2), preferred_element_type=jnp.float32)
    mask = jnp.tril(jnp.ones(scores.shape[-2:], bool), first)
    scores = jnp.where(jnp.expand_dims(mask, range(scores.ndim - 2)), scores, jnp.finfo(scores.dtype).min)
    exp = jnp.exp(scores - scores.max(-1, keepdims=True))
    return exp / exp.sum(-1, keepdims=True)


@jax.custom_vjp
def causal_attention(
    q: Float[Array, "*N T K"], k: Float[Array, "*N T K"], v: Float[Array, "*N T K"]
) -> Float[Array, "*N T K"]:
    """As `quarry.model.attention.causal_attention`. It saves the probabilities for the gradient: exp is
    expensive."""
    return _attention_forward(q, k, v)[0]


def _attention_forward(q: Array, k: Array, v: Array) -> tuple[Array, tuple]:
    q, outputs, saved = q * q.shape[-1] ** -0.5, [], []
    for begin, end in _blocks(q.shape[-2]):
        p = _probabilities(q[..., begin:end, :], k[..., :end, :], begin)
        outputs.append(p.astype(v.dtype) @ v[..., :end, :])
        saved.append(p)
    return jnp.concatenate(outputs, -2), (q, k, v, saved)


def _attention_backward(saved: tuple, gradient: Array) -> tuple[Array, Array, Array]:
    """Gradients of q, k and v [*N T K]; those of k and v are summed while still transposed, [*N K T]."""
    q, k, v, probabilities = saved
    dq, dk, dv = [], [], []
    for (begin, end), p in zip(_blocks(q.shape[-2]), probabilities, strict=True):
        g = gradient[..., begin:end, :]
        weighted = p * jnp.matmul(g, v[..., :end, :].swapaxes(-1, -2), preferred_element_type=jnp.float32)
        scores = (weighted - p * weighted.sum(-1, keepdims=True)).astype(q.dtype)
        dq.append(scores @ k[..., :end, :])
        dk.append(transposed_product(q[..., begin:end, :], scores))
        dv.append(transposed_product(g, p.astype(g.dtype)))
    return (
        jnp.concatenate(dq, -2) * q.shape[-1] ** -0.5,
        _transpose_after(_total(dk)),
        _transpose_after(_total(dv)),
    )


def _total(parts: list[Array]) -> Array:
    """The sum of parts of increasing width; the columns that a part lacks count as zero."""
    bounds = pairwise([0, *(part.shape[-1] for part in parts)])
    pieces = ([part[..., slice(*bound)] for part in parts[i:]] for i, bound in enumerate(bounds))
    return jnp.concatenate([reduce(jnp.add, piece) for piece in pieces], -1)


causal_attention.defvjp(_attention_forward, _attention_backward)
