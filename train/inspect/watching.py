"""How far the runs below a directory are, read from their records while they train."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from quarry.console import TitledTable
from quarry.errors import RecordError
from quarry.text import MISSING, count, duration
from quarry.train.record.bucket import bucket_address
from quarry.train.record.files import read_last_row
from quarry.train.record.points_table import find_runs
from quarry.train.record.run_directory import RunDirectory

STOPPED = "stopped"
"""A run whose record says `running` while no process trains it: killed; the same command resumes it."""
HEADINGS = ("run", "state", "steps", "train loss", "validation", "tokens/s", "left")
REFRESH_SECONDS = 5
_NAME_WIDTH = 20
"""Characters of a name that are not broken in a narrow terminal."""


@dataclass(frozen=True)
class RunState:
    """One run: its state, steps done and planned, losses (nats per token), tokens per second.

    None stands for what is not recorded yet.
    """

    run: str
    state: str
    step: int
    steps: int | None
    loss: float | None = None
    validation: float | None = None
    tokens_per_second: float | None = None
    seconds_left: float | None = None

    @property
    def cells(self) -> tuple[str, ...]:
        """The texts under `HEADINGS`."""
        steps = MISSING if self.steps is None else f"{self.step:,} of {self.steps:,}"
        left = "" if self.seconds_left is None else duration(self.seconds_left)
        compiling = self.state == "running" and self.loss is None and not self.step
        losses = (MISSING if loss is None else f"{loss:.4f}" for loss in (self.loss, self.validation))
        return (
            self.run,
            "compiling" if compiling else self.state,
            steps,
            *losses,
            count(self.tokens_per_second),
            left,
        )


def read_states(root: Path) -> list[RunState]:
    """The state of every run at or below `root`, by name. Raises RecordError if there is none."""
    here = bucket_address(root) is None  # the lock of a run on a bucket is not on this machine
    return [_state(directory, here) for directory in find_runs(root)]


def _state(directory: RunDirectory, here: bool) -> RunState:
    try:
        run, evaluations = directory.read_run(), directory.rows(directory.evals)
    except RecordError:
        return RunState(directory.name, "damaged", 0, None)
    running = run.get("status") == "running"
    state = STOPPED if running and here and not directory.is_in_use() else str(run.get("status", MISSING))
    row = read_last_row(directory.metrics) or {}
    measured = [each["loss"] for each in evaluations if each.get("split") == "validation"]
    step, steps, rate = row.get("step", 0), run.get("steps"), row.get("tokens_per_second")
    left = None
    if running and state != STOPPED and rate and steps:
        left = (steps - step) / steps * run["tokens"] / rate
    validation = measured[-1] if measured else None
    return RunState(directory.name, state, step, steps, row.get("loss"), validation, rate, left)


def summary(states: Sequence[RunState]) -> str:
    """`2 running, 11 finished`, the commonest state first."""
    names = [each.state for each in states]
    by_count = sorted(set(names), key=lambda name: (-names.count(name), name))
    return ", ".join(f"{names.count(name)} {name}" for name in by_count)


def states_table(states: Sequence[RunState]) -> Table:
    """The states as a table of the terminal, runs of one study without its name."""
    names, table = _shown_names(states), TitledTable(title=summary(states))
    least = min(_NAME_WIDTH, max(map(cell_len, names), default=0))
    table.add_column(HEADINGS[0], overflow="fold", min_width=least)
    for heading in HEADINGS[1:]:
        table.add_column(heading, justify="left" if heading == HEADINGS[1] else "right", overflow="fold")
    for name, each in zip(names, states, strict=True):
        table.add_row(*map(Text, (name, *each.cells[1:])))
    return table


def _shown_names(states: Sequence[RunState]) -> list[str]:
    """The runs, without their study if they share it."""
    several = len({each.run.partition("/")[0] for each in states}) > 1
    return [each.run if several else each.run.partition("/")[2] or each.run for each in states]


def states_page(states: Sequence[RunState]) -> str:
    """The states as a page that loads itself again every few seconds while a run trains."""
    training = any(each.state == "running" for each in states)
    again = f'<meta http-equiv="refresh" content="{REFRESH_SECONDS}">' if training else ""
    title = escape(summary(states))
    head = "".join(f"<th>{heading}</th>" for heading in HEADINGS)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in each.cells) + "</tr>" for each in states
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">{_PHONES}{again}<title>{title}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>"
        f"<div><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div></body></html>"
    )


_PHONES = '<meta name="viewport" content="width=device-width, initial-scale=1">'
_STYLE = (
    ":root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;"
    "padding:0 1rem}h1{font-size:1.2rem}table{border-collapse:collapse;font-variant-numeric:tabular-nums}"
    "th,td{padding:.2rem .8rem;text-align:right}th:nth-child(-n+2),td:nth-child(-n+2){text-align:left}"
    "tbody tr:nth-child(odd){background:color-mix(in srgb,currentColor 6%,transparent)}div{overflow-x:auto}"
    "@media(max-width:40rem){body{margin:1rem auto;padding:0 .6rem}table{font-size:.8rem}"
    "th,td{padding:.2rem .4rem}}"
)
