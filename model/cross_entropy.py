"""Cross-entropy of hidden states under a head, in nats; large logits are computed a chunk at a time.

A chunk is some positions of every row, so that a batch sharded over devices stays sharded. The gradient of
the mean follows from the logits; it is computed with them, so that no logits are computed twice.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Shaped

from quarry.model.products import product
from quarry.model.sharding import constrain, context_shards, is_sharded

MOST_LOGITS = 2**27
"""Most logits on one device, half a GiB in fp32; their gradient takes as much again."""


def cross_entropy(logits_MxV: Float[Array, "M V"], targets_M: Int[Array, " M"]) -> Float[Array, " M"]:
    """-log p(target) in nats, fp32."""
    return jax.nn.logsumexp(logits_MxV, axis=-1) - _at_targets(logits_MxV, targets_M)


def _at_targets(logits_MxV: Array, targets_M: Array) -> Array:
    if is_sharded("vocab", logits_MxV.shape[-1]):  # a gather would bring all logits to every device
        return jnp.where(_is_target(logits_MxV, targets_M), logits_MxV, 0).sum(-1)
    rows_M = jnp.arange(targets_M.size)
    return logits_MxV.at[rows_M, targets_M].get(unique_indices=True)  # so the gradient needs no sums


def mean_loss(
    y_MxD: Float[Array, "M D"], head_DxV: Float[Array, "D V"], targets_BxT: Int[Array, "B T"]
) -> Float[Array, ""]:
    """Mean of -log p(target) over all positions."""
    (B, T), V = targets_BxT.shape, head_DxV.shape[-1]
    count, targets_M = chunks((B, T), V), targets_BxT.reshape(-1)
    if count == 1:
        return cross_entropy(logits(y_MxD, head_DxV), targets_M).mean()
    y, targets = (_cut(x, (B, T), count) for x in (y_MxD, targets_M))
    return _sum_in_chunks(y, head_DxV, targets) / targets_M.size


def token_losses(
    y_MxD: Float[Array, "M D"], head_DxV: Float[Array, "D V"], targets_BxT: Int[Array, "B T"]
) -> Float[Array, " M"]:
    """-log p(target) of each position, row by row."""
    (B, T), V = targets_BxT.shape, head_DxV.shape[-1]
    count = chunks((B, T), V)
    pieces = (_cut(x, (B, T), count) for x in (y_MxD, targets_BxT.reshape(-1)))
    losses = jax.lax.map(lambda piece: cross_entropy(logits(piece[0], head_DxV), piece[1]), tuple(pieces))
    return losses.reshape(count, B, T // count).swapaxes(0, 1).reshape(-1)


def logits(y_MxD: Float[Array, "M D"], head_DxV: Float[Array, "D V"]) -> Float[Array, "M V"]:
    """The logits in fp32, sharded over the context's mesh."""
    return constrain(product(y_MxD, head_DxV, jnp.float32), "batch", "vocab")


def chunks(shape: tuple[int, int], vocabulary: int) -> int:
    """The number of equal chunks of the T positions: the fewest that MOST_LOGITS allows."""
    B, T = shape
    on_device = B * T * vocabulary / context_shards("batch", B) / context_shards("vocab", vocabulary)
    return next(n for n in range(1, T + 1) if T % n == 0 and (on_device <= n * MOST_LOGITS or n == T))


def _cut(x: Shaped[Array, "M *D"], shape: tuple[int, int], count: int) -> Shaped[Array, "N P *D"]:
    """[B * T, ...] -> [count, B * T / count, ...], some positions of every row in each chunk."""
    B, T = shape
    pieces = x.reshape(B, count, T // count, *x.shape[1:]).swapaxes(0, 1)
    return pieces.reshape(count, -1, *x.shape[1:])


def _is_target(logits_MxV: Array, targets_M: Array) -> Array:
    return jnp.arange(logits_MxV.shape[-1])[None] == targets_M[:, None]


@jax.custom_vjp
def _sum_in_chunks(
    y: Float[Array, "N P D"], head: Float[Array, "D V"], targets: Int[Array, "N P"]
) -> Float[Array, ""]:
    def add(total: Array, piece: tuple[Array, Array]) -> tuple[Array, None]:
        return total + cross_entropy(logits(piece[0], head), piece[1]).sum(), None

    return jax.lax.scan(add, jnp.zeros(()), (y, targets))[0]


def _forward(y: Array, head: Array, targets: Array) -> tuple[Array, tuple[Array, Array]]:
    def add(carry: tuple[Array, Array], piece: tuple[Array, Array]) -> tuple[tuple[Array, Array], Array]:
        (total, d_head), (y_PxD, targets_P) = carry, piece
        logits_PxV = logits(y_PxD, head)
        scale_P = jax.nn.logsumexp(logits_PxV, axis=-1)
        loss = (scale_P - _at_targets(logits_PxV, targets_P)).sum()
        p_PxV = jnp.exp(logits_PxV - scale_P[:, None])
        d_logits = (p_PxV - _is_target(logits_PxV, targets_P)).astype(y_PxD.dtype)
        d_head = d_head + jnp.matmul(y_PxD.T, d_logits, preferred_element_type=jnp.float32)
        d_y = constrain(d_logits @ head.T, "batch", None)
        return (total + loss, constrain(d_head, "d_model", "vocab")), d_y

    start = jnp.zeros(()), jnp.zeros(head.shape, jnp.float32)
    (total, d_head), d_y = jax.lax.scan(add, start, (y, targets))
    return total, (d_y, d_head)


def _backward(gradients: tuple[Array, Array], scale: Array) -> tuple[Array, Array, None]:
    d_y, d_head = gradients  # in the compute dtype, and in fp32
    return (d_y * scale).astype(d_y.dtype), (d_head * scale).astype(d_y.dtype), None


_sum_in_chunks.defvjp(_forward, _backward)
