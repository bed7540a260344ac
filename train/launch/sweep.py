"""A study as a person sees it: the table before it runs, the display while it does."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from quarry.checks import require
from quarry.model.counting import count_parameters, flops_6n
from quarry.train.config.branches import branches, fork_step
from quarry.train.config.point_files import Point, find_study, load_point_file
from quarry.train.data.store import TokenStore
from quarry.train.launch import estimates as estimate
from quarry.train.launch.compile_ahead import compiling_ahead
from quarry.train.launch.local import Job, Leg, run_sweep, stacks, worker_slots
from quarry.train.launch.slurm import submit
from quarry.train.launch.slurm_options import SlurmOptions
from quarry.train.record.files import read_last_row
from quarry.train.record.locations import locate_run
from quarry.train.record.schema import TERMINAL
from quarry.train.run.compatibility import check_same_config
from quarry.train.run.sizes import prepare_store, resolve_sizes


def collect(studies: Sequence[str], places: Sequence[Path]) -> list[Point]:
    """The points of studies, looked for in `places`, and of files, with their variants.

    Raises ConfigError for a bad one, or if none is named.
    """
    require(len(studies) > 0, "name a study or a scale-point file to sweep")
    listed = [[Path(name)] if name.endswith(".py") else find_study(name, places) for name in studies]
    points = [point for files in listed for file in files for point in load_point_file(file)]
    runs = [run.run for point in points for run in (point, *branches(point))]
    twice = next((run for run in runs if runs.count(run) > 1), None)
    require(twice is None, f"two of the points are named {twice}")
    return points


def make_jobs(points: Sequence[Point], workdir: Path, cache: Path) -> list[Job]:
    """A job per point with its branches, those already finished or diverged marked so."""
    return [_job(point, workdir, cache) for point in points]


def _job(point: Point, workdir: Path, cache: Path) -> Job:
    store = prepare_store(point.config, cache)
    legs = [_leg(run, workdir, cache, store) for run in (point, *branches(point))]
    job = Job(legs, sum(_seconds(leg, 1e11) for leg in legs))
    status = job.status()
    job.state = status if status in TERMINAL else "waiting"
    return job


def _leg(point: Point, workdir: Path, cache: Path, store: TokenStore) -> Leg:
    plan = resolve_sizes(point.config, store)
    directory = locate_run(workdir, point.run, cache)
    directory.fetch(("config.json", "run.json"))
    check_same_config(directory, point.config)
    first = fork_step(point.config, plan.unique_tokens) if point.trunk else 0
    return Leg(point, directory, plan, first)


def dry_run_table(jobs: Sequence[Job]) -> Table:
    """N, U, E, k, B, S, C of each run as it would be trained, with estimated time and memory."""
    caption = "time (s) and memory (MiB) are estimates, for one core; a branch trains only its cooldown"
    table = Table(title="what would be trained", caption=caption, box=None, padding=(0, 1, 0, 0))
    for heading in ("point", "N", "U", "E", "k", "B", "S", "C=6NE", "time", "mem", "status"):
        words = heading in ("point", "status")
        table.add_column(heading, justify="left" if words else "right", no_wrap=True, min_width=4)
    rate, total = estimate.matmul_flops_per_second(), 0.0
    for job in sorted(jobs, key=lambda job: job.cost):
        for leg in job.legs:
            seconds = _seconds(leg, rate)
            state = _state(job, leg)
            total += seconds * (state == "waiting")
            table.add_row(*_dry_run_cells(leg, seconds), state)
    table.add_section()
    table.add_row("waiting", *[""] * 7, f"{total:.0f}", "", "")
    return table


def _seconds(leg: Leg, flops_per_second: float) -> float:
    return estimate.seconds(leg.point.config, leg.tokens, flops_per_second, branch=leg.first > 0)


def _state(job: Job, leg: Leg) -> str:
    """How one run of a job stands."""
    status = leg.directory.status()
    return status if status in TERMINAL else job.state


def _dry_run_cells(leg: Leg, seconds: float) -> list[str]:
    config, plan = leg.point.config, leg.plan
    n = count_parameters(config.model).nonembedding
    counts = [compact(n), compact(plan.unique_tokens), compact(plan.tokens), f"{plan.epochs:.2g}"]
    steps = [compact(config.batch_tokens), compact(plan.steps), f"{flops_6n(config.model) * plan.tokens:.1e}"]
    memory = f"{estimate.memory_bytes(config) / 2**20:.0f}"
    return [leg.point.name, *counts, *steps, f"{seconds:.0f}", memory]


def compact(count: int) -> str:
    """A count with three digits and its scale: 98.7k, 1.05M."""
    scale = next((scale for scale in (1e12, 1e9, 1e6, 1e3) if count >= scale), 1.0)
    suffix = {1e12: "T", 1e9: "B", 1e6: "M", 1e3: "k", 1.0: ""}[scale]
    return f"{count / scale:.3g}{suffix}"


def sweep(
    jobs: Sequence[Job], arguments: list[str], workers: int | None, stack: int, cache: Path, console: Console
) -> bool:
    """Run the jobs with one display for all of them; returns whether it was asked to stop."""
    slots = worker_slots(workers)
    queue = stacks(jobs, stack, len(slots))
    with SweepDisplay(jobs, console) as display, compiling_ahead(queue, slots, cache):
        return run_sweep(queue, slots, arguments, display.refresh)


class SweepDisplay:
    """One bar for the whole sweep, weighted by cost, and one for each running point."""

    def __init__(self, jobs: Sequence[Job], console: Console):
        self._jobs, self._bars = jobs, dict[str, TaskID]()
        self._progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=console,
        )
        self._all = self._progress.add_task("sweep", total=sum(job.cost for job in jobs), note="")

    def __enter__(self) -> "SweepDisplay":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def refresh(self) -> None:
        """Read how far each point has come and redraw."""
        done = 0.0
        for job in self._jobs:
            share, row = _progress(job) if job.state == "running" else (float(_ended(job)), None)
            done += share * job.cost
            self._refresh_bar(job, share, row)
        finished = sum(job.state in TERMINAL for job in self._jobs)
        self._progress.update(self._all, completed=done, note=f"{finished} of {len(self._jobs)} points")

    def _refresh_bar(self, job: Job, share: float, row: dict | None) -> None:
        name = job.point.run
        if job.state == "running" and name not in self._bars:
            self._bars[name] = self._progress.add_task(f"  {name}", total=1.0, note="starting")
        if name in self._bars and row is not None:
            loss = "diverged" if row["loss"] is None else f"loss {row['loss']:.3f}"
            note = f"{loss}, {row['tokens_per_second']:,.0f} tokens/s"
            self._progress.update(self._bars[name], completed=share, note=note)
        if name in self._bars and job.state != "running":
            self._progress.remove_task(self._bars.pop(name))
            self._progress.console.print(f"{job.point.run}: {job.state}{_reason(job)}", highlight=False)


def _ended(job: Job) -> bool:
    return job.state in (*TERMINAL, "failed")


def _progress(job: Job) -> tuple[float, dict | None]:
    """The share of a running job's steps that are trained, and the newest row of its newest log."""
    steps = sum(leg.plan.steps - leg.first for leg in job.legs)
    begun = [leg for leg in job.legs if leg.directory.metrics.exists()]
    row = read_last_row(begun[-1].directory.metrics) if begun else None
    return sum(leg.trained() for leg in begun) / steps, row


def _reason(job: Job) -> str:
    """Where to look, for a point that failed."""
    return f", see {job.log}" if job.state == "failed" else ""


def submit_waiting(
    jobs: Sequence[Job], options: SlurmOptions, workdir: Path, arguments: list[str], console: Console
) -> None:
    """Submit the points that are neither done nor queued, and say how each point stands."""
    waiting = [job for job in jobs if job.state == "waiting"]
    array = submit(waiting, options, workdir, arguments) if waiting else None
    for index, job in enumerate(waiting):
        job.state = f"submitted {array}_{index}"
    for job in jobs:
        console.print(f"{job.point.run}: {job.state}", highlight=False)
    if array:
        console.print(
            f"submitted {len(waiting)} as job {array}; each prints into {workdir}/<study>/<point>/log.txt. "
            f"The same command with --dry-run says how they stand; scancel {array} ends them.",
            highlight=False,
            soft_wrap=True,
        )
