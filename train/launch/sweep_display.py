"""The live display of a sweep on this machine."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Column

from quarry.train.launch.local import ELSEWHERE
from quarry.train.record.files import read_last_row
from quarry.train.record.run_lock import is_locked
from quarry.train.record.schema import TERMINAL

if TYPE_CHECKING:
    from quarry.train.launch.jobs import Job


_TIME = 7
"""Characters of a time, which a narrow terminal leaves whole."""


class SweepDisplay:
    """One bar for the whole sweep, weighted by cost, and one for each running point."""

    def __init__(self, jobs: "Sequence[Job]", console: Console):
        self._jobs, self._bars = jobs, dict[str, TaskID]()
        self._progress = Progress(
            TextColumn("{task.description}", style="bold", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[note]}", markup=False),
            TimeElapsedColumn(table_column=Column(min_width=_TIME)),
            TimeRemainingColumn(elapsed_when_finished=True, table_column=Column(min_width=_TIME)),
            console=console,
        )
        self._all = self._progress.add_task("sweep", total=sum(job.cost for job in jobs), note="")

    def __enter__(self) -> "SweepDisplay":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def refresh(self, stopping: bool = False) -> None:
        """Read the progress of each point and redraw; say so if the running points were asked to stop."""
        done = 0.0
        for job in self._jobs:
            share, row = _progress(job) if job.state == "running" else (float(_ended(job)), None)
            done += share * job.cost
            self._refresh_bar(job, share, row)
        note = self._counted() + (", stopping: the running points save" if stopping else "")
        self._progress.update(self._all, completed=done, note=note)

    def _counted(self) -> str:
        states = [job.state for job in self._jobs]
        finished, elsewhere = sum(state in TERMINAL for state in states), states.count(ELSEWHERE)
        begun = self._bars or finished or elsewhere
        note = f"{finished} of {len(states)} points" + (f", {elsewhere} {ELSEWHERE}" if elsewhere else "")
        return note if begun else f"{note}, workers start"

    def _refresh_bar(self, job: "Job", share: float, row: dict | None) -> None:
        name = job.point.run
        if job.state == "running" and name not in self._bars:
            self._bars[name] = self._progress.add_task(f"  {name}", total=1.0, note=_phase(job))
        elif name in self._bars and row is None:
            self._progress.update(self._bars[name], note=_phase(job))
        if name in self._bars and row is not None:
            loss = "diverged" if row["loss"] is None else f"loss {row['loss']:.3f}"
            note = f"{loss}, {row['tokens_per_second']:,.0f} tokens/s"
            self._progress.update(self._bars[name], completed=share, note=note)
        if name in self._bars and job.state != "running":
            self._progress.remove_task(self._bars.pop(name))
            self._progress.console.print(f"{job.point.run}: {job.state}{_reason(job)}", highlight=False)


def _ended(job: "Job") -> bool:
    return job.state in (*TERMINAL, "failed")


def _progress(job: "Job") -> tuple[float, dict | None]:
    """The trained share of a running job's steps, and the last row of its newest log."""
    steps = sum(run.sizes.steps - run.first for run in job.runs)
    begun = [run for run in job.runs if run.directory.metrics.exists()]
    row = read_last_row(begun[-1].directory.metrics) if begun else None
    return sum(run.trained() for run in begun) / steps, row


def _phase(job: "Job") -> str:
    """What a job does before its first logged step; it locks the run once the text is there."""
    return "compiling" if is_locked(job.directory.path) else "preparing text"


def _reason(job: "Job") -> str:
    """The log of a point that failed, for the message."""
    return f", see {job.log}" if job.state == "failed" else ""
