"""A text as a trained model reads it: the input of the head at each token, and the losses."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.sharding import Mesh
from jaxtyping import Array

from quarry.model.config import MeshConfig, ModelConfig
from quarry.model.cross_entropy import cross_entropy, logits
from quarry.model.sharding import batch_shards, make_mesh
from quarry.model.transformer import Params
from quarry.train.data.feed import sequence_rows
from quarry.train.data.store import Split, TokenStore
from quarry.train.run.evaluation import jit_scores

SOFTENINGS = tuple(2.0 ** (power / 4) for power in range(-2, 11))
"""What logits are divided by, 0.7 to 5.7; one of them is 1."""
ROWS = 16
"""Sequences read at once by a device."""


class Text(NamedTuple):
    """A text as a model reads it: what it would look up, the tokens that follow, its losses."""

    states: np.ndarray
    """Inputs of the head, float32 [tokens, D]."""
    targets: np.ndarray
    """int32 [tokens]."""
    losses: np.ndarray
    """For each of SOFTENINGS, nats, float32 [softenings, tokens]."""


def read_text(config: ModelConfig, params: Params, store: TokenStore, split: Split, ids: np.ndarray) -> Text:
    """The sequences `ids` of a split as the model reads them, token after token."""
    rows = sequence_rows(store.tokens(split), ids, config.context).astype(np.int32)
    mesh = make_mesh(MeshConfig())
    at_once = ROWS * batch_shards(mesh)
    padded = np.concatenate([rows, np.repeat(rows[-1:], -len(rows) % at_once, axis=0)])
    score, kept = make_states(config, mesh), len(rows) * config.context
    batches = [
        [np.asarray(each) for each in score(params, batch[:, :-1], batch[:, 1:])]
        for batch in np.split(padded, len(padded) // at_once)
    ]
    states = np.concatenate([states_MxD for states_MxD, _ in batches])
    losses = np.concatenate([losses_SxM for _, losses_SxM in batches], axis=1)
    return Text(states[:kept], rows[:, 1:].reshape(-1), losses[:, :kept])


@functools.lru_cache(maxsize=2)
def make_states(config: ModelConfig, mesh: Mesh) -> Any:
    """Jitted: (params, inputs [B, T], targets [B, T]) -> states [B*T, D], losses [softenings, B*T]."""
    return jit_scores(config, mesh, _states)


def _states(graph: Any, params: Params, inputs_BxT: Array, targets_BxT: Array) -> tuple[Array, Array]:
    model = nnx.merge(graph, params)
    y_MxD = model.hidden(inputs_BxT)
    logits_MxV = logits(y_MxD, model.head_matrix())
    divisors = jnp.array(SOFTENINGS)
    losses = jax.lax.map(lambda by: cross_entropy(logits_MxV / by, targets_BxT.reshape(-1)), divisors)
    return y_MxD, losses
