"""Reads the tokens of a split, whether they are one file or several shards, on disk or elsewhere.

A shard is a file of consecutive tokens. A row may cross from one shard into the next.
"""

import functools
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

SHARD_BYTES = 2**32
"""A split of more bytes is written as several files of so many."""


class Piece(NamedTuple):
    """The tokens [first, last) of a shard."""

    shard: int
    first: int
    last: int


def shard_names(split: str, count: int) -> list[str]:
    """The names of the files of a split."""
    return [f"{split}.bin"] if count == 1 else [f"{split}.{number:05}.bin" for number in range(count)]


class SplitTokens(ABC):
    """The tokens of a split in order, in shards of `sizes` tokens."""

    gap: ClassVar[int] = 0
    """Rows at most so many tokens apart are fetched as one piece."""
    rows_at_once: ClassVar[int] = 1
    """Rows that should be asked for together."""
    threads: ClassVar[int] = 1
    """Threads that should ask."""

    def __init__(self, sizes: Sequence[int]):
        self._ends = np.cumsum(sizes)
        self._begins = self._ends - sizes

    def __len__(self) -> int:
        return int(self._ends[-1])

    def read(self, first: int, last: int) -> np.ndarray:
        """The tokens [first, last), as far as there are any."""
        return self._joined([(first, min(last, len(self)))])[0]

    def rows(self, starts: np.ndarray, length: int) -> np.ndarray:
        """The `length` tokens from each of `starts` on: [*starts.shape, length]."""
        distinct, place = np.unique(starts.ravel(), return_inverse=True)
        groups = np.split(distinct, np.flatnonzero(np.diff(distinct) > length + self.gap) + 1)
        spans = self._joined([(int(group[0]), int(group[-1]) + length) for group in groups])
        rows = [
            sliding_window_view(span, length)[group - group[0]] if len(group) > 1 else span[None]
            for group, span in zip(groups, spans, strict=True)
        ]
        return np.concatenate(rows)[place].reshape(*starts.shape, length)

    def _joined(self, spans: Sequence[tuple[int, int]]) -> list[np.ndarray]:
        """The tokens of each span, all fetched together."""
        pieces = [list(self._pieces(first, last)) for first, last in spans]
        fetched = iter(self._fetch([piece for span in pieces for piece in span]))
        parts = [[next(fetched) for _ in span] for span in pieces]
        return [each[0] if len(each) == 1 else np.concatenate(each) for each in parts]

    def _pieces(self, first: int, last: int) -> Iterator[Piece]:
        """What the span [first, last) is of each shard; an empty one is of one shard."""
        shard = min(int(np.searchsorted(self._ends, first, side="right")), len(self._ends) - 1)
        while True:
            begin, end = int(self._begins[shard]), int(self._ends[shard])
            yield Piece(shard, first - begin, min(last, end) - begin)
            if last <= end:
                return
            first, shard = end, shard + 1

    @abstractmethod
    def _fetch(self, pieces: Sequence[Piece]) -> Sequence[np.ndarray]:
        """The tokens of each piece."""


class FileTokens(SplitTokens):
    """The tokens of a split in `files` on this machine, memory-mapped."""

    def __init__(self, files: Sequence[Path], sizes: Sequence[int], dtype: np.dtype):
        super().__init__(sizes)
        # a slice of a plain array takes a tenth of the time of one of a memmap
        self._map = functools.cache(lambda shard: np.asarray(np.memmap(files[shard], dtype=dtype, mode="r")))

    def rows(self, starts: np.ndarray, length: int) -> np.ndarray:
        if len(self._ends) > 1:
            return super().rows(starts, length)
        return sliding_window_view(self._map(0), length)[starts]

    def _fetch(self, pieces: Sequence[Piece]) -> Sequence[np.ndarray]:
        return [self._map(piece.shard)[piece.first : piece.last] for piece in pieces]
