"""Progress bars of commands that loop over documents, runs or pieces of text."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.progress import track

from quarry.console import make_console
from quarry.train.data.progress import progress_by

T = TypeVar("T")


@contextmanager
def shown() -> Iterator[Callable[[str], object]]:
    """Progress bars on standard error inside; gives the function that prints a sentence there."""
    console = make_console(stderr=True)

    def bar(items: Iterable[T], description: str, total: int | None) -> Iterable[T]:
        return track(
            items, description, total, console=console, transient=True, disable=not console.is_terminal
        )

    with progress_by(bar):
        yield lambda sentence: console.print(sentence, highlight=False, soft_wrap=True)
