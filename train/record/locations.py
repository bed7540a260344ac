"""Where a run directory is: a folder of this machine, or one of a bucket with a copy on this machine."""

import dataclasses
import fcntl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from quarry.errors import BucketError, ConfigError
from quarry.train.record.bucket import Folder, address
from quarry.train.record.lease import Lease
from quarry.train.record.run_directory import Onlooker, RunDirectory
from quarry.train.record.schema import FILES, LOCK, Status

COPIES = "buckets"
"""The folder of the cache that holds the copies of run directories on buckets."""


def run_directory(workdir: Path, run: str, cache: Path) -> RunDirectory:
    """The directory of `run`, `<study>/<point>`. Raises ConfigError for a place where runs cannot be kept."""
    bucket = address(workdir)
    if bucket is None:
        return RunDirectory(workdir / run)
    return BucketDirectory(cache / COPIES / bucket.removeprefix("gs://") / run, Folder(f"{bucket}/{run}"))


def onlooking(directory: RunDirectory) -> RunDirectory:
    """The same directory for a process that does not write."""
    if isinstance(directory, BucketDirectory):
        return BucketOnlooker(directory.path, directory.folder)
    return Onlooker(directory.path)


@dataclasses.dataclass(frozen=True)
class BucketDirectory(RunDirectory):
    """A run directory on a bucket: its record is written in `path`, on this machine, and sent to `folder`.

    What the bucket holds is never behind a checkpoint: the logs are sent before one is begun. Nothing is sent
    once another process has taken over the lease.
    """

    folder: Folder
    lease: Lease | None = None
    _sent: dict[Path, tuple[int, int]] = dataclasses.field(default_factory=dict, compare=False, repr=False)

    def __str__(self) -> str:
        return self.folder.address

    @property
    def checkpoints(self) -> str:
        return f"{self.folder.address}/checkpoints"

    def seal(self) -> str | None:
        """The holder of the lease, None if there is none."""
        found = Lease(self.folder, 0, lambda _: None).found()
        return found["holder"] if found else None

    def fetch(self, names: Sequence[str] = FILES) -> None:
        """Make the copy what the bucket holds, unless a process of this machine is writing the copy."""
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / LOCK).open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            self.folder.fetch(names, self.path)

    def send(self) -> None:
        """Send what has changed, run.json last. Raises LeaseLost if another process has the run now."""
        if self.lease is None or not self.lease.held:
            return
        self.lease.renew()
        events = sorted((self.path / "tensorboard").glob("*"))
        for file in (*events, *(self.path / name for name in FILES)):
            if file.exists():
                self._send(file)

    def _send(self, file: Path) -> None:
        stat = file.stat()
        version = (stat.st_mtime_ns, stat.st_size)
        if self._sent.get(file) != version:
            self.folder.send(file.relative_to(self.path).as_posix(), file.read_bytes())
            self._sent[file] = version

    def write_run(self, **fields: Any) -> None:
        super().write_run(**fields)
        self.send()

    def add_event(self, event: str, step: int, sentence: str) -> None:
        super().add_event(event, step, sentence)
        self.send()

    def finish(self, status: Status) -> None:
        super().finish(status)
        self.send()


class BucketOnlooker(Onlooker, BucketDirectory):
    """A run directory on a bucket as a process sees it that does not write."""


@contextmanager
def leased(
    directory: BucketDirectory,
    dead: str | None,
    seconds: float,
    say: Callable[[str], object],
    lost: Callable[[str], object],
) -> Iterator[BucketDirectory]:
    """The directory with the lease on it, its copy fetched.

    Raises ConfigError if another process holds it, or if the bucket cannot be used.
    """
    lease = Lease(directory.folder, seconds, lost)
    with _refusing():
        lease.take(dead, say)
    try:
        with _refusing():
            directory.folder.fetch(FILES, directory.path)
        yield dataclasses.replace(directory, lease=lease)
    finally:
        lease.release()


@contextmanager
def _refusing() -> Iterator[None]:
    """Before a run has begun a bucket that cannot be used is a bad input."""
    try:
        yield
    except BucketError as error:
        raise ConfigError(str(error)) from error
