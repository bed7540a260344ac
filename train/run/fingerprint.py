"""The fingerprint of a training state, against which a checkpoint is checked when it is read back.

A 32-bit word for each leaf: the sum modulo 2**32 of its elements' bits, mixed with their positions. A sum of
integers does not depend on their order, so the word does not depend on the mesh. A change of one element
always changes it; any other change is missed with probability 2**-32.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, UInt32

_GOLDEN = 0x9E3779B9  # 2**32 / golden ratio
_CHUNK = 2**15
"""Elements at a time on the host: what they take stays in a core's cache."""


def fingerprint(tree: Any) -> list[int]:
    """The word of each leaf.

    NumPy makes it of what lies in this process's memory: that compiles nothing, where the program for devices
    took a second to compile and a fifth to find again. All hosts must call it together.
    """
    leaves = jax.tree.leaves(tree)
    if all(map(_on_this_host, leaves)):
        return [word_on_host(np.asarray(leaf)) for leaf in leaves]
    return [int(word) for word in jax.device_get(words_on_devices(leaves))]


def names(tree: Any) -> list[str]:
    """The path, shape and dtype of each leaf."""
    paths = jax.tree_util.tree_leaves_with_path(tree)
    return [f"{jax.tree_util.keystr(path)} {leaf.dtype}{list(leaf.shape)}" for path, leaf in paths]


def _on_this_host(leaf: Array) -> bool:
    return leaf.is_fully_addressable and all(device.platform == "cpu" for device in leaf.devices())


def word_on_host(leaf: np.ndarray) -> int:
    """The word of an array, by NumPy."""
    bits = np.ascontiguousarray(leaf).reshape(-1).view(f"uint{8 * min(4, leaf.dtype.itemsize)}")
    total = 0
    for first in range(0, bits.size, _CHUNK):
        chunk = bits[first : first + _CHUNK].astype(np.uint32)
        positions = np.arange(first, first + chunk.size).astype(np.uint32) * np.uint32(_GOLDEN)
        total += int(_mix(chunk ^ _mix(positions)).sum(dtype=np.uint32))
    return total % 2**32


@jax.jit
def words_on_devices(leaves: list[Array]) -> list[UInt32[Array, ""]]:
    """The word of each array, where it lies."""
    return [_word(leaf) for leaf in leaves]


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


def _mix(words: Any) -> Any:
    """The finaliser of MurmurHash3 on uint32 (Appleby 2011): a bijection, in wrapping arithmetic."""
    words = (words ^ (words >> 16)) * np.uint32(0x85EBCA6B)
    words = (words ^ (words >> 13)) * np.uint32(0xC2B2AE35)
    return words ^ (words >> 16)
