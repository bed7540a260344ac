"""The console of every command.

Text is printed as it is: names of files and columns may hold brackets, which Rich would read as markup. A
console that takes no more (a closed pipe, a full disk) ends no run; `lost_output` tells of it at the end.
"""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any, TextIO, cast

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

_errors: list[OSError] = []


def make_console(*, stderr: bool = False) -> Console:
    """A console on standard output or standard error."""
    stream = sys.stderr if stderr else sys.stdout
    file: Any = None if stream is None else _Forgiving(stream)
    return Console(file=file, stderr=stderr, markup=False, emoji=False)


class TitledTable(Table):
    """A table without lines, under a title that keeps to its own width: Rich wraps one at the table's."""

    def __init__(self, *headings: str, title: str, **options: Any):
        super().__init__(*headings, box=None, **options)
        self._heading = Text(title, style="bold")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self._heading
        yield from super().__rich_console__(console, options)


@contextmanager
def forgiving_output() -> Iterator[None]:
    """What is printed without a console of ours, such as the text of `--help`, is printed as by one."""
    with open(os.devnull, "w") as nowhere, redirect_stdout(cast(TextIO, _Forgiving(sys.stdout or nowhere))):
        yield


def lost_output() -> OSError | None:
    """Flush standard output; the first error that kept text from being written, None if it was all written.

    That nobody reads the other end of a pipe is no error.
    """
    with _kept_errors():
        if sys.stdout is not None:
            sys.stdout.flush()
    if _errors and sys.stdout is not None:  # else the interpreter fails again when it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return next((error for error in _errors if error.errno != errno.EPIPE), None)


class _Forgiving:
    """A stream whose errors are kept, not raised."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> int:
        with _kept_errors():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with _kept_errors():
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def _kept_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        _errors.append(error)
