"""The feed: the right tokens, resumable, shared by hosts, without leftover threads."""

import gc
import threading

import numpy as np
import pytest

from quarry.errors import DataError
from quarry.train.data.feed import evaluation_batches, feed, whole_sequences
from quarry.train.data.order import BatchOrder, unique_sequences

CONTEXT = 64


@pytest.fixture(scope="module")
def order(store):
    return BatchOrder(unique_sequences(20_000, CONTEXT, store.n_tokens("train")), seed=3)


def batches(store, order, first_step, last_step, **options):
    return list(
        feed(
            store,
            order,
            context=CONTEXT,
            batch_sequences=6,
            first=6 * first_step,
            steps=last_step - first_step,
            **options,
        )
    )


def test_a_batch_holds_the_sequences_of_the_order(store, order):
    [batch] = batches(store, order, 5, 6)
    tokens = store.tokens("train")
    for row, sequence in enumerate(order.sequence_ids(np.arange(30, 36))):
        start = sequence * CONTEXT
        assert np.array_equal(batch.inputs_BxT[row], tokens[start : start + CONTEXT])
        assert np.array_equal(batch.targets_BxT[row], tokens[start + 1 : start + CONTEXT + 1])
    assert batch.inputs_BxT.dtype == batch.targets_BxT.dtype == np.int32


def test_an_epoch_reads_every_unique_token_once(store, order):
    n = order.n_sequences
    read = np.concatenate([batch.inputs_BxT for batch in batches(store, order, 0, n // 6 + 1)])[:n]
    expected = np.asarray(store.tokens("train")[: n * CONTEXT]).reshape(n, CONTEXT)
    assert sorted(map(bytes, read.astype(np.uint8))) == sorted(map(bytes, expected))


def test_starting_at_a_step_equals_skipping_to_it(store, order):
    whole = batches(store, order, 0, 120)  # more than two epochs
    resumed = batches(store, order, 57, 120)
    assert np.array_equal(
        np.stack([b.inputs_BxT for b in whole[57:]]), np.stack([b.inputs_BxT for b in resumed])
    )


def test_two_hosts_read_the_batch_of_one(store, order):
    whole = batches(store, order, 3, 9)
    hosts = [batches(store, order, 3, 9, rows=slice(start, start + 3)) for start in (0, 3)]
    for one, *shares in zip(whole, *hosts, strict=True):
        assert np.array_equal(one.inputs_BxT, np.concatenate([share.inputs_BxT for share in shares]))
        assert np.array_equal(one.targets_BxT, np.concatenate([share.targets_BxT for share in shares]))


def test_more_sequences_than_the_store_are_refused(store):
    with pytest.raises(DataError, match=r"more than the \d+ of the train split"):
        batches(store, BatchOrder(10**6, 0), 0, 1)


@pytest.mark.slow
@pytest.mark.parametrize("end", ["close", "delete"])
def test_no_thread_outlives_an_unfinished_feed(store, order, end):
    iterator = feed(store, order, context=CONTEXT, batch_sequences=6, first=0, steps=10**9)
    next(iterator)
    workers = [thread for thread in threading.enumerate() if "grain" in thread.name]
    assert workers
    if end == "close":
        iterator.close()
    del iterator
    gc.collect()
    for worker in workers:
        worker.join(timeout=5)
    assert not any(worker.is_alive() for worker in workers)


def test_evaluation_reads_the_first_sequences_and_pads_the_last_batch(store):
    n = whole_sequences(store, "validation", CONTEXT)
    read = list(evaluation_batches(store, "validation", n, CONTEXT, 7))
    assert n % 7
    assert {batch.inputs_BxT.shape for batch in read} == {(7, CONTEXT)}
    weights = np.concatenate([batch.weights_B for batch in read])
    assert weights.sum() == n
    for name, shift in (("inputs_BxT", 0), ("targets_BxT", 1)):
        rows = np.concatenate([getattr(batch, name) for batch in read])[weights == 1]
        assert np.array_equal(rows.ravel(), store.tokens("validation")[shift : n * CONTEXT + shift])


def test_evaluating_more_than_the_split_is_refused(store):
    n = whole_sequences(store, "test", CONTEXT)
    with pytest.raises(DataError, match=f"{n + 1} sequences of context = {CONTEXT}: more than the {n} "):
        next(evaluation_batches(store, "test", n + 1, CONTEXT, 8))
