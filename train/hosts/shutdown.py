"""Coordinated shutdown: every host hears of an end, and all end together with the reason.

Without it a host would wait forever inside a collective operation for another that failed.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

from quarry.errors import DONE, FAILED
from quarry.train.hosts.agreement import (
    coordination_client,
    has_joined,
    is_first_host,
    process_count,
    process_index,
)

HEARTBEATS_PER_LIMIT = 5
LINGER_SECONDS = 2.0
"""How long host 0, which holds the key-value store, stays up for the others to read why it ends."""
END_SECONDS = 30.0
"""More than a host needs to read an announced end and to end."""

_abrupt_end_callbacks: list[Callable[[int], None]] = []


@contextmanager
def on_abrupt_end(record: Callable[[int], None]) -> Iterator[None]:
    """Within the context an abrupt end of the process first calls `record(exit code)`, from any thread.

    An error that only follows from an announced end waits here for the watch to end the process.
    """
    _abrupt_end_callbacks.append(record)
    try:
        yield
    except BaseException:
        if has_joined() and _is_end_announced():
            time.sleep(END_SECONDS)  # the watch ends this process, with the reason
        raise
    finally:
        _abrupt_end_callbacks.remove(record)


def end_all_hosts(code: int, reason: str) -> NoReturn:
    """End this process and all other hosts now, whatever they are doing; nothing more is saved."""
    if has_joined():
        announce_end(code, reason)
    _end_process(code, reason)


class Watch:
    """A thread that sends heartbeats, checks those of the others, and ends this process when another ends."""

    def __init__(self, limit: float):
        self._limit, self._stopped = limit, threading.Event()
        self._seen: dict[str, tuple[str, float]] = {}
        self._index, self._count = process_index(), process_count()
        self._thread = threading.Thread(target=self._run, daemon=True, name="hosts")
        self._thread.start()

    def stop(self, code: int, reason: str) -> None:
        """Announce an end and stop watching.

        The announcement wakes the thread: it must not wait in the service while JAX or the interpreter shuts
        down.
        """
        self._stopped.set()
        announce_end(code, reason)
        self._thread.join(self._limit)

    def _run(self) -> None:
        beat = 0
        while not self._stopped.is_set():
            beat += 1
            try:
                coordination_client().key_value_set(
                    f"quarry/alive/{self._index}", str(beat), allow_overwrite=True
                )
                end = self._wait_for_end() or (self._lost() if self._index == 0 else None)
            except RuntimeError as error:
                end = (FAILED, f"host 0 is gone ({str(error).splitlines()[0]})")
            if self._stopped.is_set() or (end and end[0] == DONE):
                return
            if end:
                announce_end(*end)
                _end_process(*end)

    def _wait_for_end(self) -> tuple[int, str] | None:
        """The exit code and reason that a host announces within a heartbeat, None if no host does."""
        try:
            beat_ms = int(1000 * self._limit / HEARTBEATS_PER_LIMIT)
            code, reason = json.loads(coordination_client().blocking_key_value_get("quarry/end", beat_ms))
            return code, reason
        except RuntimeError as error:
            if "DEADLINE_EXCEEDED" in str(error):
                return None
            raise

    def _lost(self) -> tuple[int, str] | None:
        """The exit code and reason if a host has sent no heartbeat within the limit, else None."""
        now, beats = time.monotonic(), dict(coordination_client().key_value_dir_get("quarry/alive/"))
        for name in (f"quarry/alive/{host}" for host in range(1, self._count)):
            beat = beats.get(name, "")
            if name not in self._seen or self._seen[name][0] != beat:
                self._seen[name] = (beat, now)
            if now - self._seen[name][1] > self._limit:
                host = name.rsplit("/", 1)[1]
                return (
                    FAILED,
                    f"host {host} of {self._count} has given no sign of life for {self._limit:.0f} s",
                )
        return None


def announce_end(code: int, reason: str) -> None:
    """Let every host know that the run ends; the first announcement counts."""
    message = reason if reason.startswith("host ") else f"host {process_index()} ends: {reason}"
    with suppress(RuntimeError):
        coordination_client().key_value_set("quarry/end", json.dumps([code, message]))


def _is_end_announced() -> bool:
    try:
        return bool(coordination_client().key_value_try_get("quarry/end"))
    except RuntimeError:
        return False


def _end_process(code: int, reason: str) -> NoReturn:
    for record in _abrupt_end_callbacks:
        with suppress(Exception):  # a failure to write must not keep the process alive
            record(code)
    print(f"error: {reason}", file=sys.stderr, flush=True)
    exit_at_once(code)


def exit_at_once(code: int) -> NoReturn:
    """Exit without JAX's own shutdown, which would wait for hosts that cannot answer any more."""
    with suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    if has_joined() and is_first_host():
        time.sleep(LINGER_SECONDS)
    os._exit(code)
