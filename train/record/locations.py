"""Where a run directory is: a folder on this machine, or one on a bucket with a copy on this machine."""

import dataclasses
import fcntl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from quarry.errors import BucketError, ConfigError
from quarry.train.record.bucket import Folder, bucket_address
from quarry.train.record.lease import Lease
from quarry.train.record.run_directory import ReadOnlyRunDirectory, RunDirectory
from quarry.train.record.schema import FILES, LOCK, Status

COPIES = "buckets"
"""The folder of the cache that holds the copies of run directories on buckets."""


def locate_run(workdir: Path, run: str, cache: Path) -> RunDirectory:
    """The directory of `run`, `<study>/<point>`. Raises ConfigError for storage that cannot hold runs."""
    bucket = bucket_address(workdir)
    if bucket is None:
        return RunDirectory(workdir / run)
    return BucketDirectory(cache / COPIES / bucket.removeprefix("gs://") / run, Folder(f"{bucket}/{run}"))


def read_only(directory: RunDirectory) -> RunDirectory:
    """The same directory for a host that does not write the record."""
    if isinstance(directory, BucketDirectory):
        return ReadOnlyBucketDirectory(directory.path, directory.folder)
    return ReadOnlyRunDirectory(directory.path)


class _Sent(NamedTuple):
    """An upload: the time and size of the file then, and the generation of the object."""

    version: tuple[int, int]
    generation: int


@dataclasses.dataclass(frozen=True)
class BucketDirectory(RunDirectory):
    """A run directory on a bucket: the record is written in the local `path` and uploaded to `folder`.

    The record on the bucket is never behind a checkpoint: the logs are uploaded before a checkpoint is begun.
    Nothing is uploaded once another process has taken over the lease.
    """

    folder: Folder
    lease: Lease | None = None
    _sent: dict[str, "_Sent"] = dataclasses.field(default_factory=dict, compare=False, repr=False)

    def __str__(self) -> str:
        return self.folder.address

    @property
    def checkpoints(self) -> str:
        return f"{self.folder.address}/checkpoints"

    def lock_token(self) -> str | None:
        """The holder of the lease, None if there is none."""
        lease = Lease(self.folder, 0, lambda _: None).current()
        return lease["holder"] if lease else None

    def is_in_use(self) -> bool:
        """Whether a process has renewed the lease in its last seconds."""
        lease = Lease(self.folder, 0, lambda _: None).current()
        return lease is not None and time.time() - lease["time"] < lease["seconds"]

    def fetch(self, names: Sequence[str] = FILES) -> None:
        """Update the copy from the bucket, unless a process on this machine is writing the copy."""
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / LOCK).open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            self.folder.fetch(names, self.path)

    def send(self) -> None:
        """Upload changed files, run.json last. Raises LeaseLost if another process has taken over the run."""
        if self.lease is None or not self.lease.is_held:
            return
        self.lease.renew()
        events = sorted((self.path / "tensorboard").glob("*"))
        for file in (*events, *(self.path / name for name in FILES)):
            if file.exists():
                self._send(file)

    def _send(self, file: Path) -> None:
        stat, name = file.stat(), file.relative_to(self.path).as_posix()
        version = (stat.st_mtime_ns, stat.st_size)
        if name not in self._sent or self._sent[name].version != version:
            self._sent[name] = _Sent(version, self.folder.send(name, file.read_bytes()))

    def restore(self, *, thoroughly: bool = False) -> list[str]:
        """Also what has vanished or changed on the bucket: the next `send` uploads it again."""
        names = super().restore(thoroughly=thoroughly)
        if self.lease is None or not self.lease.is_held:
            return names
        return list(dict.fromkeys([*names, *self._forget_replaced()]))

    def _forget_replaced(self) -> list[str]:
        """Forget the uploads of objects that are not what this process uploaded any more; their names."""
        there: dict[str, int] = {}
        for folder in {name.rpartition("/")[0] for name in self._sent}:
            there |= self.folder.listing(f"{folder}/" if folder else "")[0]
        gone = [name for name, sent in self._sent.items() if there.get(name) != sent.generation]
        for name in gone:
            del self._sent[name]
        return gone

    def restore_logs(self) -> bool:
        restored = super().restore_logs()
        self.send()
        return restored

    def write_run(self, **fields: Any) -> None:
        super().write_run(**fields)
        self.send()

    def add_event(self, event: str, step: int, sentence: str) -> None:
        super().add_event(event, step, sentence)
        self.send()

    def finish(self, status: Status) -> None:
        super().finish(status)
        self.send()


class ReadOnlyBucketDirectory(ReadOnlyRunDirectory, BucketDirectory):
    """A run directory on a bucket for a host that does not write the record."""


@contextmanager
def hold_lease(
    directory: BucketDirectory,
    dead: str | None,
    seconds: float,
    say: Callable[[str], object],
    lost: Callable[[str], object],
) -> Iterator[BucketDirectory]:
    """Take the lease on the directory and update its copy; yields the directory that holds the lease.

    `dead` is the holder of a former lease that is known to be dead; see `Lease.take`. Calls `lost(reason)` if
    another process takes the lease over. Raises ConfigError if another process holds the lease, or if the
    bucket cannot be used.
    """
    lease = Lease(directory.folder, seconds, lost)
    with _as_config_error():
        lease.take(dead, say)
    try:
        with _as_config_error():
            directory.folder.fetch(FILES, directory.path)
        yield dataclasses.replace(directory, lease=lease)
    finally:
        lease.release()


@contextmanager
def _as_config_error() -> Iterator[None]:
    """Turn BucketError into ConfigError: before a run has begun, an unusable bucket is bad input."""
    try:
        yield
    except BucketError as error:
        raise ConfigError(str(error)) from error
