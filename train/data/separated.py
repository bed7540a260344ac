"""Files of several documents with a separator between them, such as `<|endoftext|>` or a blank line."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from quarry.errors import DataError
from quarry.train.data.documents import Document, Rows, from_utf8, reading

BLOCK_BYTES = 2**24


def open_separated(path: Path, separator: str) -> Rows:
    """The documents of a text file: what lies between the separators, which belong to none.

    White space alone is no document before the first separator, after the last, and between separators that
    are white space themselves. Raises DataError, here or on reading, for any other document without text, and
    for a file that cannot be read.
    """
    mark = separator.encode()
    with reading(path), path.open("rb") as file:
        begins = np.fromiter(_occurrences(file, mark), np.int64)
        size = file.seek(0, 2)
    starts, ends = np.append(0, begins + len(mark)), np.append(begins, size)
    blank = _blank(path, starts, ends)
    inside = np.flatnonzero(blank[1:-1]) + 1
    if len(inside) and separator.strip():
        raise DataError(
            f"{path} has {len(inside):,} documents without text between separators {separator!r}, the first "
            f"at byte {starts[inside[0]]:,}: take one of the separators away"
        )
    starts, ends = starts[~blank], ends[~blank]

    def read(index: int) -> Document:
        start = int(starts[index])
        text = from_utf8(_part(path, start, int(ends[index])), path, start)
        return Document(f"{path}, document {index + 1}", text)

    return Rows(len(starts), read)


def _occurrences(file: BinaryIO, mark: bytes) -> Iterator[int]:
    """The offset of every occurrence of `mark` in a file; none overlaps the one before it."""
    offset, held = 0, b""
    while block := file.read(BLOCK_BYTES):
        held, at = held + block, 0
        while (found := held.find(mark, at)) >= 0:
            yield offset + found
            at = found + len(mark)
        done = max(at, len(held) - len(mark) + 1)
        offset, held = offset + done, held[done:]


def _blank(path: Path, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Whether each part of a file is empty or white space, bool [parts]."""
    with reading(path), path.open("rb") as file:
        return np.array([_is_blank(file, *span) for span in zip(starts.tolist(), ends.tolist(), strict=True)])


def _is_blank(file: BinaryIO, start: int, end: int) -> bool:
    file.seek(start)
    first = min(end - start, 4096)
    return not (file.read(first).strip() or file.read(end - start - first).strip())


def _part(path: Path, start: int, end: int) -> bytes:
    with reading(path), path.open("rb") as file:
        file.seek(start)
        return file.read(end - start)
