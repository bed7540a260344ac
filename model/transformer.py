"""A decoder-only Transformer in Flax NNX, or a language model of other layers between the same ends.

Dimensions: L layers, B batch, T time, D width, V vocabulary. Activations are flat, M = B*T rows. Every
parameter carries `axes`, the logical names that `quarry.model.sharding` maps to the mesh; parameters of the
layers are stacked, [L, ...].

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
from quarry.model.blocks import Block
from quarry.model.config import ModelConfig
from quarry.model.cross_entropy import logits
from quarry.model.layers import Keys, make_stack, run_stack, seed_key
from quarry.model.lstm import LstmLayer
from quarry.model.parts import Norm, apply_dropout, divided, normal
from quarry.model.sharding import constrain

Params = dict[str, Any]


def embedding_std(config: ModelConfig) -> float:
    """1 / sqrt(D), D that of the base under muP, so that embeddings do not shrink with the width."""
    return (config.d_model / config.width_ratio) ** -0.5


class Transformer(nnx.Module):
    """Tokens [B, T] to logits [B*T, V] in fp32; row b*T + t predicts the token after t.

    Its blocks are LSTMs if the configuration says so.
    """

    def __init__(self, config: ModelConfig, keys: Keys):
        self.config = config
        V, D = config.vocab_size, config.d_model
        std = embedding_std(config)
        self.embedding = normal(keys, config, (V, D), std, ("vocab", "d_model"))
        learned = config.position == "learned"
        self.positions = (
            normal(keys, config, (config.context, D), std, (None, "d_model")) if learned else nnx.data(None)
        )
        layer = LstmLayer if config.architecture == "lstm" else Block
        self.blocks = make_stack(lambda keys: layer(keys, config), keys, config.n_own_layers)
        self.norm = Norm(config, D)
        self.head = nnx.data(None) if config.tied else normal(keys, config, (D, V), std, ("d_model", "vocab"))

    def embed(self, tokens_BxT: Int[Array, "B T"]) -> Float[Array, "M D"]:
        """The input of the first block [B*T, D]."""
        config, T = self.config, tokens_BxT.shape[1]
        rows_BxTxD = self.embedding[...].astype(jnp.float32)[tokens_BxT]  # their gradient is summed in fp32
        x_BxTxD = rows_BxTxD.astype(config.compute_dtype)
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
        how: Any = {"times": config.n_layers, "scan": config.scan_layers, "remat": config.remat}
        return self.norm(run_stack(self.blocks, block, x_MxD, block_keys, **how))

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
