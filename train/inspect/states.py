"""Held-out text as a trained model reads it, in fp32: the input of the head at each token, and the losses."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
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
    rows = sequence_rows(store.reader(split), ids, config.context).astype(np.int32)
    states, losses_QxS = read_rows(config, params, rows, _states_and_losses)
    return Text(states, rows[:, 1:].reshape(-1), losses_QxS.T)


def last_states(
    config: ModelConfig, params: Params, store: TokenStore, split: Split, ids: np.ndarray
) -> np.ndarray:
    """The input of the head at the last position of each of the sequences `ids`, float32 [len(ids), D]."""
    rows = sequence_rows(store.reader(split), ids, config.context).astype(np.int32)
    return read_rows(config, params, rows, _last_states)[0]


def read_rows(
    config: ModelConfig, params: Params, rows: np.ndarray, outputs: Callable[..., tuple[Array, ...]]
) -> list[np.ndarray]:
    """`outputs` of (graph, params, inputs [B, T], targets [B, T]) of all `rows`, int32 [sequences, T + 1].

    The first axis of each output is of sequences, or of their tokens.
    """
    mesh = make_mesh(MeshConfig())
    at_once, program = ROWS * batch_shards(mesh), _jitted(config, mesh, outputs)
    padded = np.concatenate([rows, np.repeat(rows[-1:], -len(rows) % at_once, axis=0)])
    batches = [
        [np.asarray(each) for each in program(params, batch[:, :-1], batch[:, 1:])]
        for batch in np.split(padded, len(padded) // at_once)
    ]
    whole = [np.concatenate(parts) for parts in zip(*batches, strict=True)]
    return [each[: len(each) * len(rows) // len(padded)] for each in whole]


_jitted = functools.lru_cache(maxsize=2)(jit_scores)


def _states_and_losses(
    graph: Any, params: Params, inputs_BxT: Array, targets_BxT: Array
) -> tuple[Array, Array]:
    model = nnx.merge(graph, params)
    y_MxD = model.hidden(inputs_BxT)
    logits_MxV = logits(y_MxD, model.head_matrix())
    divisors = jnp.array(SOFTENINGS)
    losses = jax.lax.map(lambda by: cross_entropy(logits_MxV / by, targets_BxT.reshape(-1)), divisors)
    return y_MxD, losses.T


def _last_states(graph: Any, params: Params, inputs_BxT: Array, _: Array) -> tuple[Array]:
    y_MxD = nnx.merge(graph, params).hidden(inputs_BxT)
    return (y_MxD.reshape(*inputs_BxT.shape, -1)[:, -1],)
