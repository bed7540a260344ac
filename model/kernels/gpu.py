"""Flash attention of cuDNN, through JAX."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, BFloat16

WIDEST_HEAD = 128
"""Features per head of cuDNN's flash attention on every generation that has it; a multiple of eight."""


def can_attend(q: Array) -> bool:
    """Whether cuDNN has attention for queries like these."""
    return q.ndim == 4 and q.dtype == jnp.bfloat16 and q.shape[-1] % 8 == 0 and q.shape[-1] <= WIDEST_HEAD


def causal_attention(
    q: BFloat16[Array, "B H T K"], k: BFloat16[Array, "B H T K"], v: BFloat16[Array, "B H T K"]
) -> BFloat16[Array, "B H T K"]:
    """As `quarry.model.attention.causal_attention`; the scores are never all in memory."""
    time_first = (x.swapaxes(1, 2) for x in (q, k, v))
    return jax.nn.dot_product_attention(*time_first, is_causal=True, implementation="cudnn").swapaxes(1, 2)
