"""Progress of a run on the screen."""

from typing import Protocol, runtime_checkable

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


@runtime_checkable
class Watcher(Protocol):
    """Receives the progress of a run and its messages."""

    def start(self, name: str, step: int, steps: int) -> None: ...

    def update(self, step: int, loss: float, tokens_per_second: float) -> None: ...

    def say(self, sentence: str) -> None: ...

    def stop(self) -> None: ...


class Quiet:
    """Shows nothing: for tests, for hosts other than the first, and for sweeps, which have their own."""

    def start(self, name: str, step: int, steps: int) -> None: ...

    def update(self, step: int, loss: float, tokens_per_second: float) -> None: ...

    def say(self, sentence: str) -> None: ...

    def stop(self) -> None: ...


class Sentences(Quiet):
    """Prints messages without a bar, for several runs that share a console."""

    def __init__(self, console: Console):
        self._console = console

    def say(self, sentence: str) -> None:
        self._console.print(sentence, highlight=False, soft_wrap=True)


def columns() -> tuple:
    """Columns of a progress bar: name, steps, loss and speed or what comes before them, times."""
    return (
        TextColumn("{task.description}", style="bold", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        TimeElapsedColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )


class Bar(Sentences):
    """Prints messages, and a progress bar with loss, tokens per second and time left."""

    def __init__(self, console: Console):
        super().__init__(console)
        self._progress = Progress(*columns(), console=console)

    def start(self, name: str, step: int, steps: int) -> None:
        self._task = self._progress.add_task(name, total=steps, completed=step, note="compiling")
        self._progress.start()

    def update(self, step: int, loss: float, tokens_per_second: float) -> None:
        note = f"loss {loss:.3f} {tokens_per_second:,.0f} tokens/s"
        self._progress.update(self._task, completed=step, note=note)

    def stop(self) -> None:
        self._progress.stop()
