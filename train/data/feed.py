"""Batches for the training loop and for evaluation, read from a token store."""

import contextlib
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, NamedTuple

import grain
import numpy as np

from quarry.errors import DataError
from quarry.train.data.order import BatchOrder, Rows, batch_positions

if TYPE_CHECKING:
    from quarry.train.data.shards import SplitTokens
    from quarry.train.data.store import Split, TokenStore

# Threads read ahead, which hides the latency of files that are not in memory. Grain's default, 16 threads and
# 500 batches, takes 15 to 20 ms to start.
BLOCKS_AHEAD = 4
BLOCK_TOKENS = 2**15
"""Small batches are read in blocks of so many tokens: a read costs about 0.7 ms of a core whatever its size
(experiments/results/LOG.md)."""


class Batch(NamedTuple):
    """int32 tokens; the target at a position is the next token of the store."""

    inputs_BxT: np.ndarray
    targets_BxT: np.ndarray


class EvaluationBatch(NamedTuple):
    """A Batch; `weights_B` float32, of all rows, is 0 for rows that only pad the last batch, else 1."""

    inputs_BxT: np.ndarray
    targets_BxT: np.ndarray
    weights_B: np.ndarray


def feed(
    store: "TokenStore",
    order: BatchOrder,
    *,
    context: int,
    batch_sequences: int,
    first: int,
    steps: int,
    rows: Rows = slice(None),
) -> Generator[Batch, None, None]:
    """The training batches of `steps` steps from position `first` on; of each batch the rows `rows`.

    The reading thread ends when the iterator is closed (`close()`) or garbage-collected. Raises DataError if
    the order has more sequences than the store.
    """
    reader = store.reader("train")
    _check_sequences(reader, order.first + order.n_sequences, context, "train")
    rows_in_step = max(1, len(batch_positions(0, batch_sequences, rows)))
    rows_in_block = max(BLOCK_TOKENS // context, reader.rows_at_once)
    in_block = max(1, min(steps, rows_in_block // rows_in_step))

    def block(number: int) -> Batch:
        taken = range(number * in_block, min(steps, (number + 1) * in_block))
        starts = (first + step * batch_sequences for step in taken)
        positions = [batch_positions(start, batch_sequences, rows) for start in starts]
        return _gather(reader, order.sequence_ids(np.stack(positions)), context)

    blocks = grain.MapDataset.range(-(-steps // in_block)).map(block)
    options = grain.ReadOptions(num_threads=reader.threads, prefetch_buffer_size=BLOCKS_AHEAD)
    return _one_by_one(iter(blocks.to_iter_dataset(options)))


def _one_by_one(blocks: grain.DatasetIterator[Batch]) -> Generator[Batch, None, None]:
    """The batches [B, T] of blocks of them [S, B, T]."""
    with contextlib.closing(blocks):
        for block in blocks:
            yield from map(Batch, *block)


def evaluation_batches(
    store: "TokenStore",
    split: "Split",
    n_sequences: int,
    context: int,
    batch_sequences: int,
    rows: Rows = slice(None),
    first: int = 0,
) -> Iterator[EvaluationBatch]:
    """`n_sequences` whole sequences of a split from `first` on, in order, in batches of one shape.

    Gives the rows `rows` of each batch. Raises DataError if the split has fewer sequences.
    """
    reader = store.reader(split)
    _check_sequences(reader, first + n_sequences, context, split)
    for start in range(0, n_sequences, batch_sequences):
        ids = np.arange(start, start + batch_sequences)
        batch = _gather(reader, first + np.minimum(ids, n_sequences - 1)[rows], context)
        yield EvaluationBatch(*batch, weights_B=(ids < n_sequences).astype(np.float32))


def whole_sequences(store: "TokenStore", split: "Split", context: int) -> int:
    """Number of sequences of `context` tokens, with their targets, that a split holds."""
    return (store.n_tokens(split) - 1) // context


def sequence_rows(reader: "SplitTokens", ids: np.ndarray, context: int) -> np.ndarray:
    """The sequences `ids` of a split [*ids.shape, context + 1], each with the token that follows it."""
    return reader.rows(ids * context, context + 1)


def _gather(reader: "SplitTokens", ids: np.ndarray, context: int) -> Batch:
    rows = sequence_rows(reader, ids, context).astype(np.int32)
    return Batch(rows[..., :-1], rows[..., 1:])


def _check_sequences(reader: "SplitTokens", n_sequences: int, context: int, split: str) -> None:
    available = (len(reader) - 1) // context
    if n_sequences > available:
        raise DataError(
            f"{n_sequences:,} sequences of context = {context:,}: "
            f"more than the {available:,} of the {split} split"
        )
