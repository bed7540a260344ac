"""A decoder-only Transformer in Flax NNX.

Dimensions: L layers, B batch, T time, D width, H heads, K features per head, F hidden, V vocabulary.
Activations are flat, M = B*T rows, as XLA's CPU backend would otherwise copy them. Every parameter carries
`axes`, the logical names that `quarry.model.sharding` maps to the mesh; parameters of the blocks are stacked,
[L, ...].

    graph, params = build(config, seed)          # split once
    logits = apply(graph, params, tokens)        # pure from here on
    loss = mean_loss(graph, params, tokens, targets)
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Int

from quarry.model import cross_entropy
from quarry.model.attention import causal_attention, rotary_tables, rotate
from quarry.model.config import ModelConfig
from quarry.model.cross_entropy import logits
from quarry.model.layers import Keys, make_stack, run_stack, seed_key
from quarry.model.norms import normalise
from quarry.model.products import product
from quarry.model.sharding import constrain, is_sharded, platform

Params = dict[str, Any]
Axes = tuple[str | None, ...]


def _normal(keys: Keys, config: ModelConfig, shape: tuple[int, ...], std: float, axes: Axes) -> nnx.Param:
    value = std * jax.random.normal(keys(), shape, dtype=jnp.float32)
    return nnx.Param(value.astype(config.param_dtype), axes=axes)


def residual_gain(config: ModelConfig) -> float:
    """Of the maps that end a residual branch: 1 / sqrt(2 L) (GPT-2), L that of the base under CompleteP."""
    return (2 * config.n_layers / config.depth_ratio) ** -0.5


def embedding_std(config: ModelConfig) -> float:
    """1 / sqrt(D), D that of the base under muP, so that embeddings do not shrink with the width."""
    return (config.d_model / config.width_ratio) ** -0.5


class Linear(nnx.Module):
    """x W (+ b), W drawn with standard deviation gain / sqrt(fan_in)."""

    def __init__(self, keys: Keys, config: ModelConfig, fan_in: int, fan_out: int, axes: Axes, gain=1.0):
        self.kernel = _normal(keys, config, (fan_in, fan_out), gain * fan_in**-0.5, axes)
        self.bias = (
            nnx.Param(jnp.zeros(fan_out, config.param_dtype), axes=axes[1:])
            if config.bias
            else nnx.data(None)
        )

    def __call__(self, x: Float[Array, "M I"]) -> Float[Array, "M O"]:
        y = product(x, self.kernel[...].astype(x.dtype))
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
        y = normalise(x, self.scale[...], self.offset is not None)
        if self.offset is not None:
            y = y + jnp.expand_dims(self.offset[...], range(y.ndim - 1)).astype(x.dtype)
        return y


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


def divided(x: Float[Array, "*M D"], ratio: float) -> Float[Array, "*M D"]:
    """x / ratio; x itself where the parametrization asks for nothing."""
    return x if ratio == 1 else x / ratio


def apply_dropout(x: Float[Array, "*M D"], share: float, key: jax.Array | None) -> Float[Array, "*M D"]:
    """x with a random `share` set to zero and the rest scaled to keep the mean; x itself without a key."""
    if key is None or share == 0:
        return x
    return jnp.where(jax.random.bernoulli(key, 1 - share, x.shape), x / (1 - share), 0)


class Transformer(nnx.Module):
    """Tokens [B, T] to logits [B*T, V] in fp32; row b*T + t predicts the token after t."""

    def __init__(self, config: ModelConfig, keys: Keys):
        self.config = config
        V, D = config.vocab_size, config.d_model
        std = embedding_std(config)
        self.embedding = _normal(keys, config, (V, D), std, ("vocab", "d_model"))
        learned = config.position == "learned"
        self.positions = (
            _normal(keys, config, (config.context, D), std, (None, "d_model")) if learned else nnx.data(None)
        )
        self.blocks = make_stack(lambda keys: Block(keys, config), keys, config.n_layers)
        self.norm = Norm(config, D)
        self.head = (
            nnx.data(None) if config.tied else _normal(keys, config, (D, V), std, ("d_model", "vocab"))
        )

    def embed(self, tokens_BxT: Int[Array, "B T"]) -> Float[Array, "M D"]:
        """The input of the first block [B*T, D]."""
        config, T = self.config, tokens_BxT.shape[1]
        x_BxTxD = self.embedding[...].astype(config.compute_dtype)[tokens_BxT]
        if self.positions is not None:
            x_BxTxD = x_BxTxD + self.positions[...][None, :T].astype(x_BxTxD.dtype)
        return constrain(x_BxTxD.reshape(-1, config.d_model), "batch", None)

    def hidden(self, tokens_BxT: Int[Array, "B T"], key: jax.Array | None = None) -> Float[Array, "M D"]:
        """The input of the head [B*T, D]; row b*T + t depends on the tokens up to t."""
        config, T = self.config, tokens_BxT.shape[1]
        keys = None if key is None else jax.random.split(key, config.n_layers + 1)
        x_MxD = apply_dropout(self.embed(tokens_BxT), config.dropout, None if keys is None else keys[-1])
        block = lambda block, x_MxD, key: block(x_MxD, T, key)  # noqa: E731
        block_keys = None if keys is None else keys[:-1]
        x_MxD = run_stack(self.blocks, block, x_MxD, block_keys, scan=config.scan_layers, remat=config.remat)
        return self.norm(x_MxD)

    def head_matrix(self) -> Float[Array, "D V"]:
        """The output projection, in the compute dtype; under muP divided by the width ratio."""
        head_DxV = self.embedding[...].T if self.head is None else self.head[...]
        return divided(head_DxV, self.config.width_ratio).astype(self.config.compute_dtype)

    def __call__(self, tokens_BxT: Int[Array, "B T"], key: jax.Array | None = None) -> Float[Array, "M V"]:
        return logits(self.hidden(tokens_BxT, key), self.head_matrix())


def build(config: ModelConfig, seed: int) -> tuple[Any, Params]:
    """The model's graph (static) and its parameters, a nested dict of arrays drawn from `seed` (64 bits)."""
    return build_from_key(config, seed_key(seed))


def build_from_key(config: ModelConfig, key: jax.Array) -> tuple[Any, Params]:
    """As `build`, drawn from a random key."""
    graph, state = nnx.split(Transformer(config, Keys(key)))
    return graph, nnx.to_pure_dict(state)


@functools.lru_cache(maxsize=32)
def abstract(config: ModelConfig) -> tuple[Any, Params, Params]:
    """Graph, shapes and logical axes of the parameters; nothing is allocated."""
    graph, state = nnx.split(nnx.eval_shape(lambda: Transformer(config, Keys(jax.random.key(0)))))
    is_param = lambda leaf: isinstance(leaf, nnx.Param)  # noqa: E731
    axes = jax.tree.map(lambda leaf: leaf.get_metadata()["axes"], state, is_leaf=is_param)
    return graph, nnx.to_pure_dict(state), nnx.to_pure_dict(axes)


def apply(
    graph: Any, params: Params, tokens_BxT: Int[Array, "B T"], key: jax.Array | None = None
) -> Float[Array, "M V"]:
    """Logits [B*T, V]; pure in `params`. With a random key, dropout is applied as in training."""
    return nnx.merge(graph, params)(tokens_BxT, key)


def mean_loss(
    graph: Any,
    params: Params,
    tokens_BxT: Int[Array, "B T"],
    targets_BxT: Int[Array, "B T"],
    key: jax.Array | None = None,
) -> Float[Array, ""]:
    """Mean of -log p(target), nats per token; with a random key, dropout is applied as in training."""
    model = nnx.merge(graph, params)
    return cross_entropy.mean_loss(model.hidden(tokens_BxT, key), model.head_matrix(), targets_BxT)


def token_losses(
    graph: Any, params: Params, tokens_BxT: Int[Array, "B T"], targets_BxT: Int[Array, "B T"]
) -> Float[Array, " M"]:
    """-log p(target) of each token, nats [B*T]; element b*T + t is token t of row b."""
    model = nnx.merge(graph, params)
    return cross_entropy.token_losses(model.hidden(tokens_BxT), model.head_matrix(), targets_BxT)
