"""The logs of a run, and all files that the process training it writes, kept in memory.

So what is deleted, moved or changed while the run trains is noticed and written again.
"""

import os
import sys
import zlib
from collections.abc import Mapping
from contextlib import suppress
from io import FileIO
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
        self._file = _opened(path)

    @property
    def mark(self) -> Mark:
        """How far it has got."""
        return Mark(len(self._content), self._crc32)

    def append(self, row: Mapping[str, Any]) -> None:
        """Write one row; a crash can damage only this line, and of a full disk's none is left."""
        line = to_json(row)
        try:
            _write_all(self._file, line)
        except OSError:
            with suppress(OSError):  # to write the log again would take room that the record of the end needs
                os.ftruncate(self._file.fileno(), len(self._content))
            raise
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
            self._file = _opened(self.path)

    def sync(self) -> None:
        """Flush the rows to the disk, or to a bucket mounted there, so that they survive a crash."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


def _opened(path: Path) -> FileIO:
    """The end of a file, unbuffered: nothing of a row that could not be written is kept for later."""
    return path.open("ab", buffering=0)


def _write_all(file: FileIO, line: bytes) -> None:
    """Write a line; a disk with room for a part of it takes that part."""
    while line:
        line = line[file.write(line) :]


class KeptFiles:
    """The files and the logs of one run directory that this process writes."""

    def __init__(self) -> None:
        self._files: dict[Path, bytes] = {}
        self._logs: dict[Path, JsonlLog] = {}

    def content(self, path: Path) -> bytes | None:
        """What this process last wrote into a file, None if nothing."""
        return self._files.get(path)

    def write(self, path: Path, content: bytes) -> None:
        """Replace a file, atomically."""
        write_bytes(path, content)
        self._files[path] = content

    def open_log(self, path: Path) -> JsonlLog:
        """The log in `path`, for rows to be appended."""
        self._logs[path] = JsonlLog(path)
        return self._logs[path]

    def restore(self, *, thoroughly: bool = False) -> list[str]:
        """Write what is not there any more again; returns the names of the files.

        Logs are compared by size and identity, `thoroughly` byte by byte.
        """
        changed = [path for path, content in self._files.items() if not holds(path, content)]
        for path in changed:
            write_bytes(path, self._files[path])
        logs = [log for log in self._logs.values() if not log.is_intact(thoroughly=thoroughly)]
        for log in logs:
            log.restore()
        return [path.name for path in (*changed, *(log.path for log in logs))]
