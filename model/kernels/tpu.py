"""Splash attention, JAX's Pallas kernel for TPU."""

from typing import Any

import jax
from jax.experimental.pallas.ops.tpu.splash_attention import splash_attention_kernel as splash
from jax.experimental.pallas.ops.tpu.splash_attention import splash_attention_mask as masks
from jaxtyping import Array, Float

from quarry.model.sharding import partition_spec

BLOCKS = (512, 256, 128)
"""Block sizes of queries and keys; the first that divides the context is used, as in MaxText."""


def can_attend(q: Array) -> bool:
    """Whether the kernel takes queries like these."""
    return q.ndim == 4 and q.shape[-2] % BLOCKS[-1] == 0


def causal_attention(
    q: Float[Array, "B H T K"], k: Float[Array, "B H T K"], v: Float[Array, "B H T K"]
) -> Float[Array, "B H T K"]:
    """As `quarry.model.attention.causal_attention`; each device attends for its own rows and heads."""
    q = q * q.shape[-1] ** -0.5
    mesh = jax.sharding.get_abstract_mesh()
    if mesh.empty:
        return _attend(q, k, v)
    spec = partition_spec(mesh, q.shape, ("batch", "heads", None, None))
    return jax.shard_map(_attend, mesh=mesh, in_specs=(spec,) * 3, out_specs=spec, check_vma=False)(q, k, v)


def _attend(q: Array, k: Array, v: Array) -> Array:
    """`causal_attention` of scaled queries on one device."""
    heads, T = q.shape[1:3]
    block = next(size for size in BLOCKS if T % size == 0)
    kernel: Any = splash.make_splash_mha_single_device(
        masks.MultiHeadMask([masks.CausalMask((T, T))] * heads),
        block_sizes=splash.BlockSizes(
            block_q=block,
            block_kv=block,
            block_q_dkv=block,
            block_kv_dkv=block,
            block_q_dq=block,
            block_kv_dq=block,
        ),
    )
    return jax.vmap(kernel)(q, k, v)
