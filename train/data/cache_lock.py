"""The lock of a cache folder: one process at a time makes what is not there."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from quarry.train.data.store import Say


@contextmanager
def cache_lock(folder: Path, say: Say) -> Iterator[None]:
    """Hold the lock of `folder`; `say` is told of a wait. The kernel releases that of a process that dies."""
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say(f"waiting for another process, which prepares text in {folder}")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
