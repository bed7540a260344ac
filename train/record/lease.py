"""One process at a time trains a run on a bucket: it holds a lease, which expires if it is not renewed.

The lease is an object that is created and replaced only if its generation is still the one last seen
(https://cloud.google.com/storage/docs/request-preconditions): if two processes try at once, one is refused.
The holder replaces it several times in each `seconds`. A process that sees it unchanged for that long takes
it over; the former holder, if it still runs, notices at its next renewal and ends.
"""

import json
import socket
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from quarry.checks import require
from quarry.errors import BucketError, ConfigError, LeaseLost
from quarry.train.record.bucket import Folder, bucket_errors

NAME = ".lock"
SHORTEST_SECONDS = 5.0
"""Cloud Storage takes about one write a second to one object."""
RENEWALS = 4
"""How often a lease is renewed in its `seconds`."""
CLOCK_SKEW_SECONDS = 600.0
"""More than the clocks of two machines differ: a lease that was renewed longer ago has expired."""


class Lease:
    """The lease on the run in `folder`; `lost(reason)` is called if another process takes it over."""

    def __init__(self, folder: Folder, seconds: float, lost: Callable[[str], object]):
        self.holder = str(uuid.uuid4())
        self._folder, self._seconds, self._lost = folder, max(seconds, SHORTEST_SECONDS), lost
        self._generation = 0
        self._writing, self._ended = threading.Lock(), threading.Event()
        self._keeper = threading.Thread(target=self._keep, daemon=True, name="lease")

    def take(self, dead: str | None, say: Callable[[str], object]) -> None:
        """Take the lease: at once if there is none or its holder is known to be `dead`, else once it expires.

        Raises ConfigError if the holder renews it, BucketError if the bucket cannot be used.
        """
        lease = self.current()
        if lease and lease["holder"] != dead and time.time() - lease["time"] < CLOCK_SKEW_SECONDS:
            say(f"waiting up to {lease['seconds']:.0f} s: {lease['host']} may still train this run")
            lease = self._wait_for_expiry(lease)
        self._generation = lease["generation"] if lease else 0
        try:
            self.renew()
        except LeaseLost:
            raise ConfigError(self._refusal(self.current())) from None
        self._keeper.start()

    def current(self) -> dict[str, Any] | None:
        """The lease on the bucket: holder, host, seconds, time, generation; None if there is none."""
        from google.api_core.exceptions import NotFound

        blob = self._folder.blob(NAME)
        with bucket_errors(self._folder.address):
            try:
                content = json.loads(blob.download_as_bytes())
            except NotFound:
                return None
        return content | {"generation": blob.generation}

    def _wait_for_expiry(self, former: dict[str, Any]) -> dict[str, Any] | None:
        """Wait until the lease has gone its seconds without renewal. Raises ConfigError if it is renewed."""
        until = time.monotonic() + former["seconds"]
        while time.monotonic() < until:
            time.sleep(1.0)
            lease = self.current()
            if lease is None:
                return None
            require(lease == former, self._refusal(lease))
        return former

    def _refusal(self, lease: dict[str, Any] | None) -> str:
        where = f", on {lease['host']}" if lease else ""
        return f"another process is training in {self._folder.address}{where}"

    def renew(self) -> None:
        """Hold the lease for its seconds from now. Raises LeaseLost if another process has it."""
        from google.api_core.exceptions import PreconditionFailed

        content = {"holder": self.holder, "host": socket.gethostname(), "seconds": self._seconds}
        with self._writing, bucket_errors(self._folder.address):
            blob = self._folder.blob(NAME)
            try:
                text = json.dumps(content | {"time": time.time()})
                blob.upload_from_string(text, if_generation_match=self._generation)
                self._generation = blob.generation
            except PreconditionFailed:
                self._generation = self._generation_of_lost_answer()

    def _generation_of_lost_answer(self) -> int:
        """The generation of the lease, if our own renewal made it and only its answer was lost.

        Raises LeaseLost if another process holds the lease.
        """
        lease = self.current()
        if not lease or lease["holder"] != self.holder:
            self._ended.set()
            raise LeaseLost(self._refusal(lease))
        return lease["generation"]

    @property
    def is_held(self) -> bool:
        """Whether this process still holds the lease, as far as it knows."""
        return not self._ended.is_set()

    def release(self) -> None:
        """Give the lease back, so that the next process need not wait."""
        from google.api_core.exceptions import GoogleAPIError

        self._ended.set()
        self._keeper.join()
        with suppress(GoogleAPIError, BucketError), self._writing:
            self._folder.blob(NAME).delete(if_generation_match=self._generation)

    def _keep(self) -> None:
        while not self._ended.wait(self._seconds / RENEWALS):
            try:
                self.renew()
            except LeaseLost as error:
                self._lost(str(error))
            except BucketError:
                pass  # tried again at the next renewal; a save in the meantime raises the error
