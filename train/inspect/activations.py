"""The last activations of a trained model on held-out text, a row for each of many contexts."""

from pathlib import Path

import jax
import numpy as np
from flax import nnx

from quarry.checks import require
from quarry.errors import RecordError
from quarry.model.transformer import abstract
from quarry.train.data.feed import sequence_rows, whole_sequences
from quarry.train.data.store import Split
from quarry.train.inspect.finished import TrainedModel
from quarry.train.record.files import atomic_write
from quarry.train.run.sizes import prepare_store

AT_ONCE = 64
"""Sequences in one pass."""


def last_activations(model: TrainedModel, cache: Path, count: int, split: Split = "test") -> np.ndarray:
    """The input of the head at the last position of `count` sequences of a split, float32 [count, D].

    The sequences are whole contexts, evenly spaced over the split: one row each, so that rows share no text.
    Raises ConfigError if the split has fewer.
    """
    config = model.experiment.model
    store = prepare_store(model.experiment, cache)
    there = whole_sequences(store, split, config.context)
    require(1 <= count <= there, f"tokens = {count}: the {split} split has 1 to {there:,} whole contexts")
    graph = abstract(config)[0]

    @jax.jit
    def last(params, tokens_BxT):
        hidden_MxD = nnx.merge(graph, params).hidden(tokens_BxT)
        return hidden_MxD.reshape(*tokens_BxT.shape, -1)[:, -1].astype(np.float32)

    chosen = np.arange(count) * there // count
    padded = np.resize(chosen, -(-count // AT_ONCE) * AT_ONCE).reshape(-1, AT_ONCE)
    tokens = store.tokens(split)
    rows = (sequence_rows(tokens, ids, config.context)[:, :-1].astype(np.int32) for ids in padded)
    return np.concatenate([np.asarray(last(model.params, each)) for each in rows])[:count]


def write_activations(activations: np.ndarray, output: Path) -> None:
    """Write them as .npy. Raises RecordError for another ending or a place that cannot be written."""
    if output.suffix != ".npy":
        raise RecordError(f"{output} must end in .npy")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(output) as partial, partial.open("wb") as file:
            np.save(file, activations, allow_pickle=False)
    except OSError as error:
        raise RecordError(f"cannot write {output}: {error.strerror or error}") from None
