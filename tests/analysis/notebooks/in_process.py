"""A notebook run in this process: no kernel to start, and compiled laws are shared with the other tests."""

import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import altair as alt
import jupytext
import polars as pl
from IPython.core.displayhook import CapturingDisplayHook
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config


def run_notebook(path: Path, cwd: Path, **environment: str | None) -> list[dict[str, Any]]:
    """What the cells show, by kind, in order, with these variables set, or unset where None.

    Raises what a cell raises, and AssertionError if one warns.
    """
    cells = [cell.source for cell in jupytext.read(path).cells if cell.cell_type == "code"]
    with _surroundings(cwd, environment), _shell() as (shell, shown):
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            warnings.simplefilter("ignore", ResourceWarning)  # of whatever ran before
            for cell in cells:
                shell.run_cell(cell).raise_error()
        assert [str(each.message) for each in warned] == []
        return [output["data"] for output in shown]


@contextmanager
def _surroundings(cwd: Path, environment: dict[str, str | None]) -> Iterator[None]:
    """The folder and the variables of the run; what a notebook sets for itself is undone."""
    given = {name: value for name, value in environment.items() if value is not None}
    renderer = alt.renderers.active
    fresh = mock.patch.object(tempfile, "tempdir", None)  # read again from TMPDIR
    with chdir(cwd), mock.patch.dict(os.environ, given), fresh, pl.Config():
        for name in environment.keys() - given.keys():
            os.environ.pop(name, None)
        yield
    alt.renderers.enable(renderer)


@contextmanager
def _shell() -> Iterator[tuple[InteractiveShell, list[dict[str, Any]]]]:
    """A shell that keeps what it is asked to display, and the list of it."""
    main = sys.modules["__main__"]
    config = Config({"HistoryManager": {"enabled": False}, "InteractiveShell": {"colors": "nocolor"}})
    shell, shown = InteractiveShell.instance(config=config), []
    shell.display_pub = CapturingDisplayPublisher()
    shell.display_pub.outputs = shown
    shell.display_trap.hook = CapturingDisplayHook(shell, shown)
    try:
        yield shell, shown
    finally:
        InteractiveShell.clear_instance()
        sys.modules["__main__"] = main
