"""The fingerprint of a training state, against which a checkpoint is checked when it is read back."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, UInt32

_GOLDEN = 0x9E3779B9  # 2**32 / golden ratio


@jax.jit
def fingerprint(tree: Any) -> list[UInt32[Array, ""]]:
    """A 32-bit word for each leaf: the sum modulo 2**32 of its elements' bits, mixed with their positions.

    A sum of integers does not depend on their order, so the word does not depend on the mesh. A change of one
    element always changes it; any other change is missed with probability 2**-32.
    """
    return [_word(leaf) for leaf in jax.tree.leaves(tree)]


def names(tree: Any) -> list[str]:
    """The path, shape and dtype of each leaf."""
    paths = jax.tree_util.tree_leaves_with_path(tree)
    return [f"{jax.tree_util.keystr(path)} {leaf.dtype}{list(leaf.shape)}" for path, leaf in paths]


@jax.jit  # traced once for each shape: parameters and their moments are alike
def _word(leaf: Array) -> UInt32[Array, ""]:
    bits = _bits(leaf)
    position = jnp.zeros(bits.shape, jnp.uint32)
    for axis, size in enumerate(bits.shape):
        position = position * jnp.uint32(size) + lax.broadcasted_iota(jnp.uint32, bits.shape, axis)
    return jnp.sum(_mix(bits ^ _mix(position * jnp.uint32(_GOLDEN))), dtype=jnp.uint32)


def _bits(leaf: Array) -> Array:
    """The bits of each element as uint32; an element of eight bytes becomes two."""
    words = jnp.dtype(f"uint{8 * min(4, leaf.dtype.itemsize)}")
    return lax.bitcast_convert_type(leaf, words).astype(jnp.uint32)


def _mix(words: Array) -> Array:
    """The finaliser of MurmurHash3 on uint32 (Appleby 2011): a bijection, in wrapping arithmetic."""
    words = (words ^ (words >> 16)) * jnp.uint32(0x85EBCA6B)
    words = (words ^ (words >> 13)) * jnp.uint32(0xC2B2AE35)
    return words ^ (words >> 16)
