"""The lock of a run directory: one process at a time trains the run.

Its lock file is locked, and the directory itself, so that deleting the file lets no other process in. The
kernel releases both when the process ends, however it ends. Some network file systems lock no directories.
"""

import errno
import fcntl
import os
import time
from pathlib import Path

from quarry.errors import ConfigError, LeaseLost
from quarry.train.record.files import clear_unless_regular, is_at
from quarry.train.record.schema import LOCK

PATIENCE_SECONDS = 0.3
"""How long a lock is tried: another process may only be looking whether the run is in use."""
NO_LOCKS = (errno.EBADF, errno.EINVAL, errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)
"""What file systems answer that lock no directories."""


class RunLock:
    """The lock on the run directory `path`, until `close`. Raises ConfigError if another process has it."""

    def __init__(self, path: Path, name: str):
        self._path, self._name = path, name
        self._token = b""
        self._open: dict[Path, int] = {}
        try:
            self._lock_directory()
            self._lock_file()
        except BlockingIOError:
            self.close()
            raise ConfigError(self._refusal) from None
        except OSError as error:
            self.close()
            raise ConfigError(f"cannot lock {self._file} ({error.strerror}): delete it") from None
        self.former = os.read(self._open[self._file], 200).decode(errors="replace")
        """What the process that held the lock before wrote into the file."""

    @property
    def _file(self) -> Path:
        return self._path / LOCK

    @property
    def _refusal(self) -> str:
        return f"another process is training in {self._name}"

    def write(self, token: str) -> None:
        """Put a token of this process into the lock file."""
        self._token = token.encode()
        os.ftruncate(self._open[self._file], 0)
        os.pwrite(self._open[self._file], self._token, 0)

    def keep(self) -> None:
        """Hold the lock again if the file or the directory has been deleted, moved or replaced.

        Raises LeaseLost if another process trains in the directory by now.
        """
        if all(is_at(path, descriptor) for path, descriptor in self._open.items()):
            return
        try:
            if not is_at(self._path, self._open[self._path]):
                self._path.mkdir(parents=True, exist_ok=True)
                self._lock_directory()
            self._lock_file()
            self.write(self._token.decode())
        except BlockingIOError:
            raise LeaseLost(
                f"{self._refusal}: it was deleted or moved while this one trained there"
            ) from None

    def close(self) -> None:
        """Release the lock."""
        while self._open:
            os.close(self._open.popitem()[1])

    def _lock_directory(self) -> None:
        self._reopen(self._path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            _lock(self._open[self._path])
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise

    def _lock_file(self) -> None:
        clear_unless_regular(self._file)
        self._reopen(self._file, os.O_RDWR | os.O_CREAT)
        _lock(self._open[self._file])

    def _reopen(self, path: Path, flags: int) -> None:
        if path in self._open:
            os.close(self._open.pop(path))
        self._open[path] = os.open(path, flags, 0o666)


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock on the run directory `path`, on this machine or another."""
    for each, flags in ((path, os.O_RDONLY | os.O_DIRECTORY), (path / LOCK, os.O_RDONLY | os.O_NONBLOCK)):
        try:
            descriptor = os.open(each, flags)
        except OSError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            pass
        finally:
            os.close(descriptor)
    return False


def _lock(descriptor: int) -> None:
    """Lock an open file. Raises BlockingIOError if another process has it locked for longer than a look."""
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise
        time.sleep(0.02)
