"""The blocks of a Transformer in Flax NNX.

Dimensions: B batch, T time, D width, H heads, K features per head, F hidden. Activations are flat, M = B*T
rows, as XLA's CPU backend would otherwise copy them. Every parameter carries `axes`, the logical names that
`quarry.model.sharding` maps to the mesh.
"""

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from quarry.model.attention import causal_attention, rotary_tables, rotate
from quarry.model.config import ModelConfig
from quarry.model.layers import Keys
from quarry.model.parts import Axes, Norm, apply_dropout, divided, normal
from quarry.model.products import product
from quarry.model.sharding import constrain, is_sharded, platform


def residual_gain(config: ModelConfig) -> float:
    """Of the maps that end a residual branch: 1 / sqrt(2 L) (GPT-2), L that of the base under CompleteP."""
    return (2 * config.n_layers / config.depth_ratio) ** -0.5


class Linear(nnx.Module):
    """x W (+ b), W drawn with standard deviation gain / sqrt(fan_in)."""

    def __init__(self, keys: Keys, config: ModelConfig, fan_in: int, fan_out: int, axes: Axes, gain=1.0):
        self.kernel = normal(keys, config, (fan_in, fan_out), gain * fan_in**-0.5, axes)
        self.bias = (
            nnx.Param(jnp.zeros(fan_out, config.param_dtype), axes=axes[1:])
            if config.bias
            else nnx.data(None)
        )

    def __call__(self, x: Float[Array, "M I"]) -> Float[Array, "M O"]:
        y = product(x, self.kernel[...].astype(x.dtype))
        return y if self.bias is None else y + self.bias[...].astype(x.dtype)[None]


class Attention(nnx.Module):
    """Causal multi-head self-attention, optionally with rotary positions and normalised queries and keys.

    The outputs of `qkv` are ordered by head, then query, key, value, then feature, so that sharding along
    them gives each device whole heads.
    """

    def __init__(self, keys: Keys, config: ModelConfig):
        self.config = config
        D, H, K = config.d_model, config.n_heads, config.d_head
        self.qkv = Linear(keys, config, D, 3 * H * K, ("d_model", "heads"))
        drawn = self.qkv.kernel[...].reshape(D, 3, H, K)
        self.qkv.kernel[...] = drawn.swapaxes(1, 2).reshape(D, 3 * H * K)
        self.out = Linear(keys, config, H * K, D, ("heads", "d_model"), residual_gain(config))
        self.q_norm = Norm(config, K) if config.qk_norm else nnx.data(None)
        self.k_norm = Norm(config, K) if config.qk_norm else nnx.data(None)

    def __call__(self, x_MxD: Float[Array, "M D"], T: int) -> Float[Array, "M D"]:
        H, K = self.config.n_heads, self.config.d_head
        parts = jax.lax.split(self.qkv(x_MxD).reshape(-1, T, H, 3, K), (1, 1, 1), axis=3)
        q, k, v = (self._heads_first(part[..., 0, :]) for part in parts)
        if self.q_norm is not None and self.k_norm is not None:
            q, k = self.q_norm(q), self.k_norm(k)
        if self.config.position == "rotary":
            tables = rotary_tables(T, K)
            q, k = rotate(q, *tables), rotate(k, *tables)
        q = divided(q, self.config.head_ratio**0.5)  # q.k / K under muP, as at the base
        heads_BxHxTxK = causal_attention(q, k, v).reshape(-1, H, T, K)
        return self.out(heads_BxHxTxK.transpose(0, 2, 1, 3).reshape(-1, H * K))

    def _heads_first(self, x_BxTxHxK: Float[Array, "B T H K"]) -> Float[Array, "*N T K"]:
        x_BxHxTxK = constrain(x_BxTxHxK.transpose(0, 2, 1, 3), "batch", "heads", None, None)
        if platform() != "cpu" or is_sharded("heads", x_BxHxTxK.shape[1]):
            return x_BxHxTxK
        return x_BxHxTxK.reshape(-1, *x_BxHxTxK.shape[2:])  # on two axes XLA's CPU backend is slower


class FeedForward(nnx.Module):
    """D -> F -> D with GELU, squared ReLU (2109.08668) or SwiGLU (2002.05202)."""

    def __init__(self, keys: Keys, config: ModelConfig):
        self.activation = config.activation
        widths = (config.d_model, config.d_hidden)
        gated = config.activation == "swiglu"
        self.up = Linear(keys, config, *widths, ("d_model", "d_ff"))
        self.gate = Linear(keys, config, *widths, ("d_model", "d_ff")) if gated else nnx.data(None)
        self.down = Linear(
            keys, config, config.d_hidden, config.d_model, ("d_ff", "d_model"), residual_gain(config)
        )

    def __call__(self, x_MxD: Float[Array, "M D"]) -> Float[Array, "M D"]:
        h_MxF = constrain(self.up(x_MxD), "batch", "d_ff")
        if self.gate is not None:
            h_MxF = jax.nn.silu(self.gate(x_MxD)) * h_MxF
        elif self.activation == "gelu":
            h_MxF = jax.nn.gelu(h_MxF)
        else:
            h_MxF = jnp.square(jax.nn.relu(h_MxF))
        return self.down(h_MxF)


class Block(nnx.Module):
    """x + attention(norm(x)), then x + feed_forward(norm(x)).

    Under CompleteP both branches are divided by the depth ratio.
    """

    def __init__(self, keys: Keys, config: ModelConfig):
        self.dropout, self.depth_ratio = config.dropout, config.depth_ratio
        self.attention_norm = Norm(config, config.d_model)
        self.attention = Attention(keys, config)
        self.feed_forward_norm = Norm(config, config.d_model)
        self.feed_forward = FeedForward(keys, config)

    def __call__(self, x_MxD: Float[Array, "M D"], T: int, key: jax.Array | None) -> Float[Array, "M D"]:
        keys = (None, None) if key is None else jax.random.split(key)
        a_MxD = divided(self.attention(self.attention_norm(x_MxD), T), self.depth_ratio)
        x_MxD = constrain(x_MxD + apply_dropout(a_MxD, self.dropout, keys[0]), "batch", None)
        f_MxD = divided(self.feed_forward(self.feed_forward_norm(x_MxD)), self.depth_ratio)
        return constrain(x_MxD + apply_dropout(f_MxD, self.dropout, keys[1]), "batch", None)
