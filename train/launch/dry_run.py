"""The table of `quarry sweep --dry-run`: what would be trained, with estimated time and memory.

What depends on a corpus that is not on this machine is shown as UNKNOWN.
"""

from collections.abc import Sequence

from rich.table import Table

from quarry.console import TitledTable
from quarry.model.counting import count_parameters, flops_6n
from quarry.text import compact
from quarry.train.launch import estimates
from quarry.train.launch.jobs import Job, JobRun, UnpreparedJob, UnpreparedRun
from quarry.train.record.schema import TERMINAL

UNKNOWN, NO_CORPUS = "–", "no corpus"


def dry_run_table(jobs: Sequence[Job | UnpreparedJob]) -> Table:
    """N, U, E, k, B, S, C of each run as it would be trained, with estimated time and memory."""
    caption = "time (s) and memory (MiB) are estimates, for one core; a branch trains only its cooldown"
    table = TitledTable(title="what would be trained", caption=caption, padding=(0, 1, 0, 0))
    for heading in ("point", "N", "U", "E", "k", "B", "S", "C=6NE", "time", "mem", "status"):
        words = heading in ("point", "status")
        table.add_column(heading, justify="left" if words else "right", no_wrap=True, min_width=4)
    rate = estimates.matmul_flops_per_second()
    waiting: list[float | None] = []
    for job in sorted(jobs, key=lambda job: job.cost):
        for run in job.runs:
            seconds, state = run.seconds(rate), _state(job, run)
            waiting += [seconds] * (state in ("waiting", NO_CORPUS))
            table.add_row(*_dry_run_cells(run, seconds), state)
    table.add_section()
    table.add_row("waiting", *[""] * 7, _total(waiting), "", "")
    for column in table.columns[1:]:  # where the screen is narrow, names are cut, not numbers
        column.min_width = max(len(str(cell)) for cell in column.cells)
    return table


def _total(seconds: Sequence[float | None]) -> str:
    known = [each for each in seconds if each is not None]
    return f"{sum(known):.0f}" if len(known) == len(seconds) else UNKNOWN


def missing_corpora(jobs: Sequence[Job | UnpreparedJob]) -> list[str]:
    """A sentence on each corpus that is not on this machine, and how to get it."""
    faults = (job.missing for job in jobs if isinstance(job, UnpreparedJob))
    return [
        f"note: planned without the corpus ({UNKNOWN}: not known without it): {fault}"
        for fault in dict.fromkeys(faults)
    ]


def _state(job: Job | UnpreparedJob, run: JobRun | UnpreparedRun) -> str:
    """The state of one run of a job."""
    status = run.directory.status()
    if isinstance(job, UnpreparedJob) and job.state == "waiting" and status not in TERMINAL:
        return NO_CORPUS
    return status if status in TERMINAL else job.state


def _dry_run_cells(run: JobRun | UnpreparedRun, seconds: float | None) -> list[str]:
    config, sizes = run.point.config, run.sizes
    n = compact(count_parameters(config.model).nonembedding)
    read = [_compact(sizes.unique_tokens), _compact(sizes.tokens), passes(sizes.epochs)]
    flops = UNKNOWN if sizes.tokens is None else f"{flops_6n(config.model) * sizes.tokens:.1e}"
    steps = [compact(config.batch_tokens), _compact(sizes.steps), flops]
    time = UNKNOWN if seconds is None else f"{seconds:.0f}"
    return [run.point.name, n, *read, *steps, time, f"{estimates.memory_bytes(config) / 2**20:.0f}"]


def _compact(count: int | None) -> str:
    return UNKNOWN if count is None else compact(count)


def passes(epochs: float | None) -> str:
    """k: 0.311, 128, 1024."""
    if epochs is None:
        return UNKNOWN
    return f"{epochs:.3g}" if epochs < 999.5 else f"{epochs:.0f}"
