"""The table of `quarry sweep --dry-run`: what would be trained, with estimated time and memory."""

from collections.abc import Sequence

from rich.table import Table

from quarry.console import TitledTable
from quarry.model.counting import count_parameters, flops_6n
from quarry.text import compact
from quarry.train.launch import estimates
from quarry.train.launch.jobs import Job, JobRun
from quarry.train.record.schema import TERMINAL


def dry_run_table(jobs: Sequence[Job]) -> Table:
    """N, U, E, k, B, S, C of each run as it would be trained, with estimated time and memory."""
    caption = "time (s) and memory (MiB) are estimates, for one core; a branch trains only its cooldown"
    table = TitledTable(title="what would be trained", caption=caption, padding=(0, 1, 0, 0))
    for heading in ("point", "N", "U", "E", "k", "B", "S", "C=6NE", "time", "mem", "status"):
        words = heading in ("point", "status")
        table.add_column(heading, justify="left" if words else "right", no_wrap=True, min_width=4)
    rate, total = estimates.matmul_flops_per_second(), 0.0
    for job in sorted(jobs, key=lambda job: job.cost):
        for run in job.runs:
            seconds = run.seconds(rate)
            state = _state(job, run)
            total += seconds * (state == "waiting")
            table.add_row(*_dry_run_cells(run, seconds), state)
    table.add_section()
    table.add_row("waiting", *[""] * 7, f"{total:.0f}", "", "")
    return table


def _state(job: Job, run: JobRun) -> str:
    """The state of one run of a job."""
    status = run.directory.status()
    return status if status in TERMINAL else job.state


def _dry_run_cells(run: JobRun, seconds: float) -> list[str]:
    config, sizes = run.point.config, run.sizes
    n = count_parameters(config.model).nonembedding
    counts = [compact(n), compact(sizes.unique_tokens), compact(sizes.tokens), passes(sizes.epochs)]
    flops = f"{flops_6n(config.model) * sizes.tokens:.1e}"
    steps = [compact(config.batch_tokens), compact(sizes.steps), flops]
    memory = f"{estimates.memory_bytes(config) / 2**20:.0f}"
    return [run.point.name, *counts, *steps, f"{seconds:.0f}", memory]


def passes(epochs: float) -> str:
    """k: 0.311, 128, 1024."""
    return f"{epochs:.3g}" if epochs < 999.5 else f"{epochs:.0f}"
