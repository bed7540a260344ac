"""Rows of a split in shards are those of the split in one file, wherever the borders lie."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from quarry.train.data.shards import FileTokens, SplitTokens, shard_names


class Counted(SplitTokens):
    """The numbers from 0 on as tokens; keeps what was fetched."""

    def _fetch(self, pieces):
        self.pieces = pieces
        return [
            np.arange(self._begins[shard] + first, self._begins[shard] + last)
            for shard, first, last in pieces
        ]


class Near(Counted):
    gap = 5


@given(st.lists(st.integers(1, 9), min_size=1, max_size=8), st.data())
def test_rows_across_borders_are_those_of_one_file(sizes, data):
    flat, length = np.arange(sum(sizes)), data.draw(st.integers(1, sum(sizes)))
    starts = np.array(data.draw(st.lists(st.integers(0, sum(sizes) - length), min_size=1, max_size=6)))
    for kind in (Counted, Near):
        tokens = kind(sizes)
        rows = tokens.rows(starts.reshape(-1, 1), length)
        assert np.array_equal(rows[:, 0], sliding_window_view(flat, length)[starts])
        assert all(0 <= first < last <= sizes[shard] for shard, first, last in tokens.pieces)
        first = int(starts[0])
        assert np.array_equal(tokens.read(first, first + length), rows[0, 0])
    assert len(tokens) == len(flat)


def test_near_rows_are_one_piece_and_far_ones_are_not():
    tokens = Near([100, 100])
    tokens.rows(np.array([0, 14, 120, 14]), 10)
    assert tokens.pieces == [(0, 0, 24), (1, 20, 30)]


def test_files_are_read_where_they_lie(tmp_path):
    files = [tmp_path / name for name in shard_names("train", 2)]
    for file, part in zip(files, (np.arange(10), np.arange(10, 15)), strict=True):
        file.write_bytes(part.astype(np.uint16).tobytes())
    tokens = FileTokens(files, [10, 5], np.dtype(np.uint16))
    assert tokens.rows(np.array([[8, 0]]), 4).tolist() == [[[8, 9, 10, 11], [0, 1, 2, 3]]]
    assert tokens.read(9, 99).tolist() == [9, 10, 11, 12, 13, 14]
