"""A stack of identical layers: parameters [L, ...], initialised together and run one layer after the other.

Scanned, one layer is compiled for any number of them. Unrolled, each layer is compiled, which runs faster
when layers are small. The parameters are the same either way, and the results equal up to rounding.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

if TYPE_CHECKING:
    from quarry.model.config import Remat

POLICIES: "dict[Remat, Callable[..., Any]]" = {
    "full": jax.checkpoint_policies.nothing_saveable,
    "dots": jax.checkpoint_policies.dots_with_no_batch_dims_saveable,
}
"""Activations of a layer saved for the backward pass beside its input: none, or the products with weights."""


class Keys:
    """The random keys of a seed, in order: key number n is `fold_in(seed, n)`."""

    def __init__(self, seed: jax.Array, number: Any = 0):
        self.seed, self.number = seed, number

    def __call__(self) -> jax.Array:
        """The next key."""
        key = jax.random.fold_in(self.seed, self.number)
        self.number = self.number + 1
        return key


def seed_key(seed: int) -> jax.Array:
    """The random key of a seed from 0 to 2^64 - 1; `jax.random.key` alone reads the lower 32 bits."""
    key = jax.random.key(seed % 2**32)
    return jax.random.fold_in(key, seed >> 32) if seed >> 32 else key


def seed_words(seed: int) -> np.ndarray:
    """The lower and the upper 32 bits of a seed from 0 to 2^64 - 1 [2]."""
    return np.array([seed % 2**32, seed >> 32], np.uint32)


def words_key(words: jax.Array) -> jax.Array:
    """`seed_key` of the seed with these `seed_words` [2], which may be an argument of a jitted function."""
    key = jax.random.key(words[0])
    return jnp.where(words[1] > 0, jax.random.fold_in(key, words[1]), key)


def make_stack(make_layer: Callable[[Keys], nnx.Module], keys: Keys, count: int) -> Any:
    """`count` layers in one module with parameters [count, ...], equal to those of layers made one by one."""
    probe = Keys(keys.seed)
    graph, _ = nnx.split(nnx.eval_shape(lambda: make_layer(probe)))
    numbers = keys.number + probe.number * jnp.arange(count)
    params = jax.vmap(lambda number: nnx.state(make_layer(Keys(keys.seed, number))))(numbers)
    keys.number += probe.number * count
    return nnx.merge(graph, jax.tree.map(_with_layer_axis, params, is_leaf=_is_param))


def _is_param(leaf: Any) -> bool:
    return isinstance(leaf, nnx.Param)


def _with_layer_axis(param: nnx.Param) -> nnx.Param:
    return nnx.Param(param[...], axes=("layers", *param.get_metadata()["axes"]))


def run_stack(
    stack: Any,
    call: Callable[[Any, jax.Array, jax.Array | None], jax.Array],
    x: jax.Array,
    keys: jax.Array | None,
    *,
    times: int,
    scan: bool,
    remat: "Remat",
) -> jax.Array:
    """Apply `call(layer, x, key)` `times` times, each to the result of the one before, with a key for each.

    A stack holds `times` layers, or one that is applied as often.
    """
    graph, params = nnx.split(stack)

    def run(x: jax.Array, layer_and_key: Any) -> tuple[jax.Array, None]:
        layer, key = layer_and_key
        return call(nnx.merge(graph, layer), x, key), None

    if remat != "none":
        run = jax.checkpoint(run, policy=POLICIES[remat], prevent_cse=not scan)
    if scan and _count(params) == times:
        return jax.lax.scan(run, x, (params, keys), length=times)[0]
    layers = list(_unstacked(params))
    if scan:
        return jax.lax.scan(lambda x, key: run(x, (layers[0], key)), x, keys, length=times)[0]
    for number in range(times):
        layer = layers[number % len(layers)]
        x, _ = run(x, (layer, None if keys is None else keys[number]))
    return x


def _count(params: Any) -> int:
    return jax.tree.leaves(params)[0].shape[0]


def layers_of(stack: Any) -> Iterator[Any]:
    """The layers of a stack, one by one."""
    graph, params = nnx.split(stack)
    return (nnx.merge(graph, layer) for layer in _unstacked(params))


def _unstacked(params: Any) -> Iterator[Any]:
    """The parameters of each layer.

    They are cut out by `split`, whose gradient is one concatenation; the gradient of indexing would be a sum
    over layers. The barrier keeps XLA's CPU backend from fusing slices and concatenation into slower loops.
    """
    leaves, tree = jax.tree.flatten(params)
    pieces = [[piece[0] for piece in jax.lax.split(leaf, (1,) * leaf.shape[0])] for leaf in leaves]
    for layer in zip(*jax.lax.optimization_barrier(pieces), strict=True):
        yield tree.unflatten(layer)
