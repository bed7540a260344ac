"""Workarounds for faults of the libraries below us, in one place, each with its upstream issue.

`apply_workarounds` is called once at the start of each command that trains or restores; importing Quarry
changes nothing. All of them only keep a terminal readable: without them the same errors are raised. That of
damaged programs is `quarry.cache.replace_damaged_programs`.
"""

import asyncio
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any


def apply_workarounds() -> None:
    """Apply all workarounds that concern the whole process. A second call changes nothing."""
    silence_loggers()
    if not isinstance(sys.unraisablehook, partial) or sys.unraisablehook.func is not _show_unraisable:
        sys.unraisablehook = partial(_show_unraisable, sys.unraisablehook)


def silence_loggers() -> None:
    """Orbax logs each error several times before it raises it, and takes no logger of the caller's.

    Upstream: google/orbax#1951, open; seen with orbax-checkpoint 0.12.8.
    """
    with suppress(ModuleNotFoundError):  # not installed without Orbax
        import absl.logging  # noqa: F401  it must make its logger itself, of a class of its own

    for name in ("absl", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _show_unraisable(show: Callable[[Any], None], unraisable: Any) -> None:
    """Drop one complaint: after a failed write Orbax closes its event loop and raises the error; the writes
    that are still running then find the loop closed.

    Upstream: no issue found; seen with orbax-checkpoint 0.12.8 and tensorstore 0.1.86.
    """
    error = unraisable.exc_value
    if not (isinstance(error, RuntimeError) and str(error) == "Event loop is closed"):
        show(unraisable)


class _WaitingLoop(asyncio.SelectorEventLoop):
    """An event loop that waits for its tasks before it closes, and collects their errors."""

    def close(self) -> None:
        while not self.is_closed() and (tasks := asyncio.all_tasks(self)):
            self.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        super().close()


@contextmanager
def waiting_event_loops() -> Iterator[None]:
    """Inside, new event loops wait for their tasks before they close.

    Orbax closes its loop at the first array that it cannot read. TensorStore, still reading the others into
    that loop, would print a traceback for each from its own threads.

    Upstream: no issue found; seen with orbax-checkpoint 0.12.8 and tensorstore 0.1.86.
    """
    former = asyncio.new_event_loop
    asyncio.new_event_loop = _WaitingLoop
    try:
        yield
    finally:
        asyncio.new_event_loop = former
