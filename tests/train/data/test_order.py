"""The batch order: exact permutations, fresh every epoch, uniform, stable forever."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarry.errors import DataError
from quarry.train.data.order import BatchOrder, batch_positions, unique_sequences

# Written once by this code. If they change, every run's data order changes and old runs cannot be resumed:
# do not update them, restore the order.
GOLDEN = {
    (1, 0, 0): [0, 0, 0, 0, 0, 0, 0, 0],
    (7, 1, 4): [2, 6, 3, 1, 6, 2, 0, 5],
    (64, 2, 61): [44, 37, 42, 45, 31, 53, 10, 3],
    (10_000, 3, 9_997): [8141, 1545, 9636, 1994, 9620, 8561, 8334, 6259],
    (2**40, 2**63 - 1, 2**62): [
        665188299363,
        349603252377,
        289827783090,
        683829711708,
        425071666059,
        124742890348,
        561891661075,
        501596774255,
    ],
}


@pytest.mark.parametrize("case", GOLDEN)
def test_the_order_never_changes(case):
    n, seed, start = case
    assert BatchOrder(n, seed).sequence_ids(np.arange(start, start + 8)).tolist() == GOLDEN[case]


@given(st.integers(1, 3000), st.integers(0, 2**63 - 1), st.integers(0, 10**9))
def test_every_epoch_is_a_permutation(n, seed, epoch):
    ids = BatchOrder(n, seed).sequence_ids(np.arange(n) + epoch * n)
    assert ids.dtype == np.int64
    assert np.array_equal(np.sort(ids), np.arange(n))


@pytest.mark.slow
@given(st.integers(1, 2**40), st.integers(0, 2**63 - 1), st.lists(st.integers(0, 2**62), min_size=1))
def test_random_access_equals_one_position_at_a_time(n, seed, positions):
    order = BatchOrder(n, seed)
    ids = order.sequence_ids(np.array(positions))
    assert ids.tolist() == [order.sequence_ids(np.array(position)).item() for position in positions]
    assert ids.min() >= 0
    assert ids.max() < n


def test_a_fractional_epoch_visits_no_sequence_twice():
    ids = BatchOrder(1000, 5).sequence_ids(np.arange(2500)).reshape(5, 500)
    assert len(np.unique(ids[4])) == 500
    assert len(np.unique(ids[:2])) == 1000


def test_epochs_and_seeds_differ():
    orders = [BatchOrder(500, seed).sequence_ids(np.arange(500 * 20)).reshape(20, 500) for seed in range(20)]
    agreement = np.mean([np.mean(orders[0][i] == orders[0][j]) for i in range(20) for j in range(i)])
    assert agreement == pytest.approx(1 / 500, rel=0.3)  # 190 pairs of 500: standard deviation 0.07 of it
    agreement = np.mean([np.mean(orders[i] == orders[j]) for i in range(20) for j in range(i)])
    assert agreement == pytest.approx(1 / 500, rel=0.1)


def excess_chi_square(codes: np.ndarray, cells: int) -> float:
    """(chi-square - its mean) / its standard deviation, for codes that should be uniform over `cells`."""
    counts = np.unique(codes, return_counts=True)[1]
    counts = np.concatenate([counts, np.zeros(cells - len(counts))])
    chi_square = np.sum((counts - len(codes) / cells) ** 2) / (len(codes) / cells)
    return (chi_square - (cells - 1)) / math.sqrt(2 * (cells - 1))


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6, 7])
def test_all_permutations_are_equally_likely(n):
    epochs = 20 * math.factorial(n)
    ids = BatchOrder(n, 11).sequence_ids(np.arange(n * epochs)).reshape(epochs, n)
    assert abs(excess_chi_square(ids @ n ** np.arange(n), math.factorial(n))) < 5


@pytest.mark.parametrize(
    ("n", "offsets"), [(16, (0, 1, 2)), (25, (0, 5)), (64, (0, 8)), (100, (3, 4)), (97, (0, 96))]
)
def test_pairs_of_positions_are_equally_likely(n, offsets):
    positions = np.arange(100_000)[:, None] * n + np.array(offsets)
    codes = BatchOrder(n, 12).sequence_ids(positions) @ n ** np.arange(len(offsets))
    assert abs(excess_chi_square(codes, math.perm(n, len(offsets)))) < 5


def test_neighbours_in_the_store_are_not_neighbours_in_the_order():
    ids = BatchOrder(10_000, 1).sequence_ids(np.arange(10_000))
    assert np.sum(np.abs(np.diff(ids)) == 1) < 12  # 2 expected
    assert abs(np.corrcoef(ids, np.arange(10_000))[0, 1]) < 0.05


def test_hosts_share_a_batch_by_arithmetic():
    whole = batch_positions(42, 6)
    assert whole.tolist() == [42, 43, 44, 45, 46, 47]
    assert np.array_equal(
        np.concatenate([batch_positions(42, 6, slice(0, 3)), batch_positions(42, 6, slice(3, 6))]), whole
    )


def test_unique_tokens_are_a_prefix_of_whole_sequences():
    assert unique_sequences(1000, 256, 1001) == 3
    assert unique_sequences(256, 256, 10_000) == 1


@pytest.mark.parametrize(
    ("unique_tokens", "message"),
    [(1001, "unique_tokens = 1,001 .* 1,000 training tokens"), (255, "unique_tokens = 255 .* context = 256")],
)
def test_impossible_unique_tokens_are_refused(unique_tokens, message):
    with pytest.raises(DataError, match=message):
        unique_sequences(unique_tokens, 256, 1001)


@pytest.mark.parametrize(("n", "seed"), [(0, 1), (-1, 1), (5, -1), (5, 2**63)])
def test_impossible_orders_are_refused(n, seed):
    with pytest.raises(DataError, match=r"must be"):
        BatchOrder(n, seed)


def test_negative_positions_are_refused():
    with pytest.raises(DataError, match="position = -1"):
        BatchOrder(5, 0).sequence_ids(np.array([3, -1]))


def test_another_draw_is_the_tokens_after_the_first():
    ids = BatchOrder(50, 3, first=50).sequence_ids(np.arange(100))
    assert (np.sort(ids.reshape(2, 50)) == np.arange(50, 100)).all()
    assert unique_sequences(1000, 256, 3001, draw=1) == 3
    with pytest.raises(DataError, match=r"unique_tokens = 1,000 for data\.draw = 3: 4,000 is more than"):
        unique_sequences(1000, 256, 3001, draw=3)
