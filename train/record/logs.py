"""The logs of a run: rows appended one by one, and how far a log has got."""

import os
import sys
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from quarry.train.record.files import holds, read_regular, to_json, write_bytes


class Mark(NamedTuple):
    """How far a log has got: its size in bytes, and the CRC-32 of these."""

    bytes: int
    crc32: int


EMPTY = Mark(0, 0)


def mark_of(path: Path, most: int = sys.maxsize) -> Mark | None:
    """The mark of the first `most` bytes of a log, None if it cannot be read."""
    try:
        content = read_regular(path)[:most] if os.path.lexists(path) else b""
    except OSError:
        return None
    return Mark(len(content), zlib.crc32(content))


class JsonlLog:
    """An append-only log of rows, each flushed as it is written, and its content in memory."""

    def __init__(self, path: Path):
        self.path, self._content = path, bytearray(path.read_bytes() if path.is_file() else b"")
        self._crc32 = zlib.crc32(self._content)
        self._file = path.open("ab")

    @property
    def mark(self) -> Mark:
        """How far it has got."""
        return Mark(len(self._content), self._crc32)

    def append(self, row: Mapping[str, Any]) -> None:
        """Write one row; a crash can damage only this line."""
        line = to_json(row)
        self._file.write(line)
        self._file.flush()
        self._content += line
        self._crc32 = zlib.crc32(line, self._crc32)

    def is_intact(self, *, thoroughly: bool) -> bool:
        """Whether the file is there and has its size, or `thoroughly` its content."""
        if thoroughly or self._file.closed:
            return holds(self.path, self._content)
        try:
            own, found = os.fstat(self._file.fileno()), self.path.stat()
        except OSError:
            return False
        return os.path.samestat(own, found) and found.st_size == len(self._content)

    def restore(self) -> None:
        """Write the file again."""
        write_bytes(self.path, self._content)
        if not self._file.closed:
            self._file.close()
            self._file = self.path.open("ab")

    def sync(self) -> None:
        """Flush the rows to the disk, or to a bucket mounted there, so that they survive a crash."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()
