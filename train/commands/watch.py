"""`quarry watch`: runs while they train."""

import time
from pathlib import Path
from typing import Annotated

from rich.live import Live
from tyro.conf import Positional, arg

from quarry.checks import require
from quarry.console import make_console
from quarry.errors import DONE, RecordError
from quarry.train.inspect.watching import RunState, read_states, states_page, states_table
from quarry.train.record.files import atomic_write


def command(
    runs: Annotated[Positional[Path], arg(help="A directory of runs, also gs://bucket/folder.")],
    page: Path | None = None,
    every: float = 2.0,
    once: bool = False,
) -> int:
    """Show how far the runs below a directory are, until none trains or Ctrl-C.

    It reads the records only, so that it can be started and ended at any time, on any machine that sees them.

    Args:
        page: Also write an HTML page, which loads itself again in the browser.
        every: Seconds between two looks.
        once: Look once.
    """
    require(0.1 <= every < 86_400, f"every = {every}: must be between 0.1 and 86,400 seconds")
    console, states = make_console(), _look(runs, page)
    if once:
        console.print(states_table(states))
        return DONE
    with Live(states_table(states), console=console, auto_refresh=False) as live:
        while any(each.state == "running" for each in states):
            time.sleep(every)
            states = _look(runs, page)
            live.update(states_table(states), refresh=True)
    if not console.is_terminal:  # where the table is printed once, without the end of its last line
        console.line()
    return DONE


def _look(runs: Path, page: Path | None) -> list[RunState]:
    """The states, written to the page too. Raises RecordError if it cannot be written."""
    states = read_states(runs)
    if page is not None:
        try:
            with atomic_write(page) as partial:
                partial.write_text(states_page(states), encoding="utf-8")
        except OSError as error:
            raise RecordError(f"cannot write {page}: {error.strerror}") from None
    return states
