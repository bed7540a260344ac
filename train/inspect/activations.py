"""The last activations of a trained model on held-out text, a row for each of many contexts."""

from pathlib import Path

import numpy as np

from quarry.checks import require
from quarry.train.data.feed import whole_sequences
from quarry.train.data.store import Split
from quarry.train.inspect.states import last_states
from quarry.train.record.files import check_ending, writing_whole
from quarry.train.run.finished import TrainedModel
from quarry.train.run.sizes import prepare_store


def last_activations(model: TrainedModel, cache: Path, count: int, split: Split = "test") -> np.ndarray:
    """The input of the head at the last position of `count` sequences of a split, float32 [count, D].

    The sequences are whole contexts, evenly spaced over the split: one row each, so that rows share no text.
    Raises ConfigError if the split has fewer.
    """
    config = model.experiment.model
    store = prepare_store(model.experiment, cache)
    there = whole_sequences(store, split, config.context)
    require(1 <= count <= there, f"tokens = {count}: the {split} split has 1 to {there:,} whole contexts")
    return last_states(config, model.params, store, split, np.arange(count) * there // count)


def write_activations(activations: np.ndarray, output: Path) -> None:
    """Write them as .npy. Raises RecordError for another ending or a place that cannot be written."""
    check_ending(output, ".npy")
    with writing_whole(output) as partial, partial.open("wb") as file:
        np.save(file, activations, allow_pickle=False)
