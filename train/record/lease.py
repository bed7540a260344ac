"""One process at a time on a run of a bucket: a lease that is renewed, and runs out if it is not.

The lease is an object that is made and replaced only if it is still of the generation last seen
(https://cloud.google.com/storage/docs/request-preconditions): of two that try at once, one is refused. Its
holder replaces it several times in each `seconds`; who finds it unchanged for so long takes it over, and the
former holder, should it still live, learns so at its next renewal and ends.
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
from quarry.train.record.bucket import Folder, in_words

NAME = ".lock"
SHORTEST_SECONDS = 5.0
"""Cloud Storage takes about one write a second to one object."""
RENEWALS = 4
"""In `seconds`."""
CLOCKS_DIFFER_SECONDS = 600.0
"""More than the clocks of two machines do: a lease that was renewed longer ago has run out."""


class Lease:
    """The lease on the run in `folder`; `lost(sentence)` is called if another process takes it over."""

    def __init__(self, folder: Folder, seconds: float, lost: Callable[[str], object]):
        self.holder = str(uuid.uuid4())
        self._folder, self._seconds, self._lost = folder, max(seconds, SHORTEST_SECONDS), lost
        self._generation = 0
        self._writing, self._ended = threading.Lock(), threading.Event()
        self._keeper = threading.Thread(target=self._keep, daemon=True, name="lease")

    def take(self, dead: str | None, say: Callable[[str], object]) -> None:
        """Take the lease, at once if there is none or its holder is known to be `dead`, else if it runs out.

        Raises ConfigError if its holder lives, BucketError if the bucket cannot be used.
        """
        found = self.found()
        if found and found["holder"] != dead and time.time() - found["time"] < CLOCKS_DIFFER_SECONDS:
            say(f"waiting up to {found['seconds']:.0f} s: {found['host']} may still train this run")
            found = self._outlived(found)
        self._generation = found["generation"] if found else 0
        try:
            self.renew()
        except LeaseLost:
            raise ConfigError(self._refusal(self.found())) from None
        self._keeper.start()

    def found(self) -> dict[str, Any] | None:
        """The lease as it stands: holder, host, seconds, time, generation; None if there is none."""
        from google.api_core.exceptions import NotFound

        blob = self._folder.blob(NAME)
        with in_words(self._folder.address):
            try:
                content = json.loads(blob.download_as_bytes())
            except NotFound:
                return None
        return content | {"generation": blob.generation}

    def _outlived(self, former: dict[str, Any]) -> dict[str, Any] | None:
        """The lease once its holder has not renewed it for its seconds. Raises ConfigError if it has."""
        until = time.monotonic() + former["seconds"]
        while time.monotonic() < until:
            time.sleep(1.0)
            found = self.found()
            if found is None:
                return None
            require(found == former, self._refusal(found))
        return former

    def _refusal(self, found: dict[str, Any] | None) -> str:
        where = f", on {found['host']}" if found else ""
        return f"another process is training in {self._folder.address}{where}"

    def renew(self) -> None:
        """Hold the lease for its seconds from now on. Raises LeaseLost if another process has it."""
        from google.api_core.exceptions import PreconditionFailed

        content = {"holder": self.holder, "host": socket.gethostname(), "seconds": self._seconds}
        with self._writing, in_words(self._folder.address):
            blob = self._folder.blob(NAME)
            try:
                text = json.dumps(content | {"time": time.time()})
                blob.upload_from_string(text, if_generation_match=self._generation)
                self._generation = blob.generation
            except PreconditionFailed:
                self._generation = self._mine()

    def _mine(self) -> int:
        """The generation of a renewal of ours whose answer was lost. Raises LeaseLost if it is not ours."""
        found = self.found()
        if not found or found["holder"] != self.holder:
            self._ended.set()
            raise LeaseLost(self._refusal(found))
        return found["generation"]

    @property
    def held(self) -> bool:
        """Whether no other process has taken the lease over, as far as is known."""
        return not self._ended.is_set()

    def release(self) -> None:
        """Give the lease back: the next process need not wait."""
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
                pass  # a bucket that cannot be reached now is tried again; what is saved meets the error
