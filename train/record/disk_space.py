"""Handling of a full disk: one clear error, the end recorded, the run resumable."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from quarry.errors import DiskFull, RunError
from quarry.train.hosts.agreement import is_first_host
from quarry.train.record.files import write_bytes

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
WORDS = ("No space left on device", "Disk quota exceeded", "File too large")
RESERVE_BYTES = 65_536


def is_about_space(error: BaseException | None) -> bool:
    """Whether an error, or its cause, says that a disk is full; some libraries say so only in the message."""
    if error is None:
        return False
    if isinstance(error, OSError) and error.errno in FULL:
        return True
    return any(word in str(error) for word in WORDS) or is_about_space(error.__cause__ or error.__context__)


@contextmanager
def enough_space(directory: Path, need: str, then: str = "") -> Iterator[None]:
    """Raise DiskFull in place of an error about space; it says what is left, what needs it and the remedy."""
    try:
        yield
    except Exception as error:
        if not is_about_space(error):
            raise
        raise DiskFull(
            f"no space left for {directory}: {_left(directory)} and {need}; "
            f"make room and run the same command again{then}"
        ) from error


def _left(directory: Path) -> str:
    """What the file system of a directory has left, bytes or files."""
    existing = next(
        folder for folder in (directory.absolute(), *directory.absolute().parents) if folder.exists()
    )
    system = os.statvfs(existing)
    if system.f_files and system.f_favail == 0:
        return f"its file system holds as many files as it can ({system.f_files:,} inodes, none free)"
    return f"{shutil.disk_usage(existing).free / 2**20:.1f} MiB are free"


@contextmanager
def reserve(directory: Path) -> Iterator[None]:
    """Reserve a little space while a run trains, and free it at the end, so that the end can be recorded."""
    file = directory / ".reserve"
    if not is_first_host():
        yield
        return
    try:
        write_bytes(file, b"\0" * RESERVE_BYTES)
        yield
    finally:
        with suppress(OSError):
            file.unlink(missing_ok=True)


@contextmanager
def usable(directory: Path) -> Iterator[None]:
    """Turn an OSError, unless it is about space, into RunError: a sentence that names the file."""
    try:
        yield
    except OSError as error:
        if is_about_space(error) or error.strerror is None:
            raise
        raise RunError(
            f"{error.filename or directory} cannot be used ({error.strerror}): "
            "repair or delete it and run the same command again"
        ) from error
