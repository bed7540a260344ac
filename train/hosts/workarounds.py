"""Workarounds for faults of the libraries below us, in one place, each with its upstream issue.

`apply_workarounds` is called once at the start of each command that trains or restores; importing Quarry
changes nothing. All of them only keep a terminal readable: without them the same errors are raised.
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


def replace_damaged_programs() -> None:
    """Let JAX delete an entry of its compilation cache that it cannot read, and so write it again.

    JAX compiles the program of an entry that a full disk or a kill has cut off, with a warning, but never
    writes over the entry: every later process would do the same. Call it once JAX may be imported.

    Upstream: no issue found; seen with jax 0.10.2.
    """
    from jax._src import compilation_cache

    read = compilation_cache.get_executable_and_time
    if not isinstance(read, partial):
        compilation_cache.get_executable_and_time = partial(_read_program, read)


def _read_program(read: Callable[..., Any], key: str, options: Any, backend: Any, *devices: Any) -> Any:
    from jax._src import compilation_cache

    try:
        return read(key, options, backend, *devices)
    except Exception:
        cache: Any = compilation_cache._get_cache(backend)
        entry = cache.path / f"{key}-cache"
        with suppress(OSError):
            entry.unlink()
        if entry.exists():  # JAX warns of one that cannot be replaced
            raise
        return None, None


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
