"""Running out of disk space: said in one sentence, recorded, and gone on from."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from quarry.errors import DiskFull
from quarry.train.hosts.agreement import is_first_host

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
WORDS = ("No space left on device", "Disk quota exceeded", "File too large")
RESERVE_BYTES = 65_536


def about_space(error: BaseException | None) -> bool:
    """Whether an error, or one that led to it, says that a disk is full; libraries say it in words alone."""
    if error is None:
        return False
    if isinstance(error, OSError) and error.errno in FULL:
        return True
    return any(word in str(error) for word in WORDS) or about_space(error.__cause__ or error.__context__)


@contextmanager
def enough_space(directory: Path, needed_bytes: int) -> Iterator[None]:
    """Turn an error about space into DiskFull, which says what is needed and where."""
    try:
        yield
    except Exception as error:
        if not about_space(error):
            raise
        free = shutil.disk_usage(directory).free
        raise DiskFull(
            f"no space left for {directory}: {free / 2**20:.1f} MiB are free and a checkpoint takes up to "
            f"{needed_bytes / 2**20:.1f} MiB; make room and run the same command again: it goes on from "
            "its last checkpoint"
        ) from error


@contextmanager
def reserve(directory: Path) -> Iterator[None]:
    """Hold a little space while a run trains; once it is given back, the end can always be recorded."""
    file = directory / ".reserve"
    if not is_first_host():
        yield
        return
    try:
        file.write_bytes(b"\0" * RESERVE_BYTES)
        yield
    finally:
        file.unlink(missing_ok=True)
