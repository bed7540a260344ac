"""A decoder-only Transformer in Flax NNX.

Dimensions: B batch, T time, D width, H heads, K features per head, F hidden, V vocabulary. Activations are
kept flat, [B*T, D], and heads as [B*H, T, K]: XLA's CPU backend copies otherwise. Every parameter carries
`axes`, the logical names that `model.sharding` maps to the mesh.

    graph, params = build(config, seed)          # split once
    logits = apply(graph, params, tokens)        # pure from here on
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Int

from model.attention import causal_attention, rotary_tables, rotate
from model.config import ModelConfig

Params = dict[str, Any]


def _normal(rngs: nnx.Rngs, config: ModelConfig, shape: tuple[int, ...], std: float, axes) -> nnx.Param:
    value = std * jax.random.normal(rngs.params(), shape, dtype=jnp.float32)
    return nnx.Param(value.astype(config.param_dtype), axes=axes)


class Linear(nnx.Module):
    """x W (+ b), W drawn with standard deviation gain / sqrt(fan_in)."""

    def __init__(self, rngs, config: ModelConfig, fan_in: int, fan_out: int, axes, *, gain: float = 1.0):
        self.kernel = _normal(rngs, config, (fan_in, fan_out), gain * fan_in**-0.5, axes)
        self.bias = (
            nnx.Param(jnp.zeros(fan_out, config.param_dtype), axes=axes[1:])
            if config.bias
            else nnx.data(None)
        )

    def __call__(self, x: Float[Array, "M I"]) -> Float[Array, "M O"]:
        y = x @ self.kernel[...].astype(x.dtype)
        return y if self.bias is None else y + self.bias[...].astype(x.dtype)[None]


class Norm(nnx.Module):
    """RMSNorm or LayerNorm over the last axis, computed in fp32, with a learned gain (and offset)."""

    def __init__(self, config: ModelConfig, features: int):
        self.scale = nnx.Param(jnp.ones(features, config.param_dtype), axes=(None,))
        centred = config.norm == "layernorm"
        self.offset = (
            nnx.Param(jnp.zeros(features, config.param_dtype), axes=(None,)) if centred else nnx.data(None)
        )

    def __call__(self, x: Float[Array, "*M D"]) -> Float[Array, "*M D"]:
        y = x.astype(jnp.float32)
        if self.offset is not None:
            y = y - y.mean(-1, keepdims=True)
        y = y * jax.lax.rsqrt(jnp.square(y).mean(-1, keepdims=True) + 1e-6)
        y = y * jnp.expand_dims(self.scale[...], tuple(range(y.ndim - 1)))
        if self.offset is not None:
            y = y + jnp.expand_dims(self.offset[...], tuple(range(y.ndim - 1)))
        return y.astype(x.dtype)


class Attention(nnx.Module):
    """Causal multi-head self-attention, optionally with rotary positions and normalised queries and keys."""

    def __init__(self, rngs: nnx.Rngs, config: ModelConfig):
        self.config = config
        self.qkv = Linear(rngs, config, config.d_model, 3 * config.d_attn, ("d_model", "heads"))
        gain = (2 * config.n_layers) ** -0.5
        self.out = Linear(rngs, config, config.d_attn, config.d_model, ("heads", "d_model"), gain=gain)
        self.q_norm = Norm(config, config.d_head) if config.qk_norm else nnx.data(None)
        self.k_norm = Norm(config, config.d_head) if config.qk_norm else nnx.data(None)

    def __call__(self, x_MxD: Float[Array, "M D"], T: int) -> Float[Array, "M D"]:
        H, K = self.config.n_heads, self.config.d_head
        qkv = self.qkv(x_MxD).reshape(-1, T, 3, H, K).transpose(2, 0, 3, 1, 4).reshape(3, -1, T, K)
        q, k, v = qkv[0], qkv[1], qkv[2]
        if self.q_norm is not None and self.k_norm is not None:
            q, k = self.q_norm(q), self.k_norm(k)
        if self.config.position == "rotary":
            tables = rotary_tables(T, K)
            q, k = rotate(q, *tables), rotate(k, *tables)
        heads = causal_attention(q, k, v).reshape(-1, H, T, K).transpose(0, 2, 1, 3)
        return self.out(heads.reshape(-1, H * K))


class FeedForward(nnx.Module):
    """D -> F -> D with GELU, squared ReLU (2109.08668) or SwiGLU (2002.05202)."""

    def __init__(self, rngs: nnx.Rngs, config: ModelConfig):
        self.activation = config.activation
        widths = (config.d_model, config.d_hidden)
        gated = config.activation == "swiglu"
        self.up = Linear(rngs, config, *widths, ("d_model", "d_ff"))
        self.gate = Linear(rngs, config, *widths, ("d_model", "d_ff")) if gated else nnx.data(None)
        gain = (2 * config.n_layers) ** -0.5
        self.down = Linear(rngs, config, config.d_hidden, config.d_model, ("d_ff", "d_model"), gain=gain)

    def __call__(self, x_MxD: Float[Array, "M D"]) -> Float[Array, "M D"]:
        h_MxF = self.up(x_MxD)
        if self.gate is not None:
            h_MxF = jax.nn.silu(self.gate(x_MxD)) * h_MxF
        elif self.activation == "gelu":
            h_MxF = jax.nn.gelu(h_MxF)
        else:
            h_MxF = jnp.square(jax.nn.relu(h_MxF))
        return self.down(h_MxF)


class Block(nnx.Module):
    """x + attention(norm(x)), then x + feed_forward(norm(x))."""

    def __init__(self, rngs: nnx.Rngs, config: ModelConfig):
        self.attention_norm = Norm(config, config.d_model)
        self.attention = Attention(rngs, config)
        self.feed_forward_norm = Norm(config, config.d_model)
        self.feed_forward = FeedForward(rngs, config)

    def __call__(self, x_MxD: Float[Array, "M D"], T: int) -> Float[Array, "M D"]:
        x_MxD = x_MxD + self.attention(self.attention_norm(x_MxD), T)
        return x_MxD + self.feed_forward(self.feed_forward_norm(x_MxD))


class Transformer(nnx.Module):
    """Tokens [B, T] in, logits [B*T, V] out in fp32, row b*T + t predicting the token after t."""

    def __init__(self, config: ModelConfig, rngs: nnx.Rngs):
        self.config = config
        V, D = config.vocab_size, config.d_model
        self.embedding = _normal(rngs, config, (V, D), D**-0.5, ("vocab", "d_model"))
        learned = config.position == "learned"
        self.positions = (
            _normal(rngs, config, (config.context, D), D**-0.5, (None, "d_model"))
            if learned
            else nnx.data(None)
        )
        self.blocks = nnx.List([Block(rngs, config) for _ in range(config.n_layers)])
        self.norm = Norm(config, D)
        self.head = (
            nnx.data(None) if config.tied else _normal(rngs, config, (D, V), D**-0.5, ("d_model", "vocab"))
        )

    def __call__(self, tokens_BxT: Int[Array, "B T"]) -> Float[Array, "M V"]:
        T, D = tokens_BxT.shape[1], self.config.d_model
        x_BxTxD = self.embedding[...].astype(self.config.compute_dtype)[tokens_BxT]
        if self.positions is not None:
            x_BxTxD = x_BxTxD + self.positions[...][None, :T].astype(x_BxTxD.dtype)
        x_MxD = x_BxTxD.reshape(-1, D)
        for block in self.blocks:
            x_MxD = block(x_MxD, T)
        head_DxV = self.embedding[...].T if self.head is None else self.head[...]
        y_MxD = self.norm(x_MxD)
        return jnp.matmul(y_MxD, head_DxV.astype(y_MxD.dtype), preferred_element_type=jnp.float32)


def build(config: ModelConfig, seed: int) -> tuple[Any, Params]:
    """The model's graph (static) and its parameters, a nested dict of arrays drawn from `seed`."""
    graph, state = nnx.split(Transformer(config, nnx.Rngs(params=seed)))
    return graph, nnx.to_pure_dict(state)


def abstract(config: ModelConfig) -> tuple[Any, Params, Params]:
    """Graph, shapes and logical axes of the parameters, nothing allocated."""
    graph, state = nnx.split(nnx.eval_shape(lambda: Transformer(config, nnx.Rngs(params=0))))
    is_param = lambda leaf: isinstance(leaf, nnx.Param)  # noqa: E731
    axes = jax.tree.map(lambda leaf: leaf.get_metadata()["axes"], state, is_leaf=is_param)
    return graph, nnx.to_pure_dict(state), nnx.to_pure_dict(axes)


def apply(graph: Any, params: Params, tokens_BxT: Int[Array, "B T"]) -> Float[Array, "M V"]:
    """Logits [B*T, V]; pure in `params`."""
    return nnx.merge(graph, params)(tokens_BxT)


def token_losses(logits_MxV: Float[Array, "M V"], targets_M: Int[Array, " M"]) -> Float[Array, " M"]:
    """-log p(target) in nats, fp32."""
    logits_MxV = logits_MxV.astype(jnp.float32)
    chosen_M = jnp.take_along_axis(logits_MxV, targets_M[:, None], axis=-1)[:, 0]
    return jax.nn.logsumexp(logits_MxV, axis=-1) - chosen_M
