"""Opening a run directory: create it or find it again, and lock it while this process trains the run."""

import dataclasses
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial

from quarry.checks import require
from quarry.errors import FAILED
from quarry.train.config.experiment import Experiment
from quarry.train.hosts.agreement import broadcast_from_first, is_first_host, process_index
from quarry.train.hosts.shutdown import end_all_hosts
from quarry.train.record.folders import make_writable
from quarry.train.record.locations import BucketDirectory, hold_lease, read_only
from quarry.train.record.run_directory import RunDirectory
from quarry.train.record.run_lock import RunLock
from quarry.train.run.compatibility import check_same_config
from quarry.train.run.repair import repair

SHARED_STORAGE_SECONDS = 60.0
"""How long a network file system may take to show on every host what the first has written."""


@contextmanager
def open_run(
    directory: RunDirectory, config: Experiment, lease_seconds: float, say: Callable[[str], object]
) -> Iterator[RunDirectory]:
    """The run directory, locked by this process; on several hosts the first one holds the lock.

    On a bucket the lock is a lease of `lease_seconds`; `say` reports a wait for the lease of another process.
    Raises ConfigError if the directory cannot be written, is in use, holds a run of another configuration, or
    is not on storage that all hosts share.
    """
    opened = []
    with ExitStack() as stack:

        def lock_on_first_host() -> str:
            opened.append(stack.enter_context(_locked(directory, config, lease_seconds, say)))
            return opened[0].lock_token()

        token = broadcast_from_first(lock_on_first_host)
        if not is_first_host():
            _check_shared(directory, token)
        yield opened[0] if is_first_host() else read_only(directory)


@contextmanager
def _locked(
    directory: RunDirectory, config: Experiment, lease_seconds: float, say: Callable[[str], object]
) -> Iterator[RunDirectory]:
    """The run directory, locked. The lock file holds the token: the lease's on a bucket, else a new one."""
    make_writable(directory.path)
    with closing(RunLock(directory.path, str(directory))) as lock, ExitStack() as stack:
        directory, token = dataclasses.replace(directory, lock=lock), str(uuid.uuid4())
        if isinstance(directory, BucketDirectory):
            on_lost = partial(end_all_hosts, FAILED)
            directory = stack.enter_context(hold_lease(directory, lock.former, lease_seconds, say, on_lost))
            token = directory.lock_token() or token
        check_same_config(directory, config)
        repair(directory, config, say)
        directory.send()
        lock.write(token)
        yield directory


def _check_shared(directory: RunDirectory, token: str) -> None:
    """Raise ConfigError if this host does not see what the first host wrote."""
    until = time.monotonic() + SHARED_STORAGE_SECONDS
    while directory.lock_token() != token:
        require(
            time.monotonic() < until,
            f"host {process_index()} does not see the run directory {directory} of host 0: "
            "--workdir must be storage that all hosts share",
        )
        time.sleep(0.2)
