"""Progress of long loops over documents: shown by a command, silent in a library call."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, TypeVar, runtime_checkable

T = TypeVar("T")


@runtime_checkable
class Tracker(Protocol):
    """Passes items on and shows how many have passed; `total` is None where it is not known."""

    def __call__(self, items: Iterable[T], description: str, total: int | None) -> Iterable[T]: ...


def _silent(items: Iterable[T], description: str, total: int | None) -> Iterable[T]:
    return items


_TRACKER: ContextVar[Tracker] = ContextVar("tracker", default=_silent)


def tracked(items: Iterable[T], description: str, total: int | None = None) -> Iterable[T]:
    """The items, shown by the tracker of the surrounding `progress_by`."""
    return _TRACKER.get()(items, description, total)


@contextmanager
def progress_by(tracker: Tracker) -> Iterator[None]:
    """Loops inside show their progress by `tracker`."""
    token = _TRACKER.set(tracker)
    try:
        yield
    finally:
        _TRACKER.reset(token)
