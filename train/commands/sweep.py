"""`quarry sweep`: train every point of a study, here or on a cluster."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from rich.console import Console
from tyro.conf import UseAppendAction

from quarry.checks import require
from quarry.console import make_console
from quarry.options import Flat, Studies
from quarry.train.commands.common import (
    EXIT_CODES,
    RUNS,
    SAVED,
    Cache,
    Workdir,
    cache_or_default,
    study_folders,
)
from quarry.train.config.point_files import Point
from quarry.train.hosts.platform import accelerator_present
from quarry.train.launch.dry_run import dry_run_table, missing_corpora
from quarry.train.launch.jobs import Job, collect_points, make_jobs, plan_jobs
from quarry.train.launch.launch_files import Engine, texts_left_here, write_launch_files
from quarry.train.launch.slurm import mark_queued, slurm_is_here
from quarry.train.launch.slurm_options import SlurmOptions
from quarry.train.launch.sweep import run_here, submit_waiting
from quarry.train.launch.tpu_slices import TpuOptions
from quarry.train.record.bucket import bucket_address
from quarry.train.record.folders import make_writable
from quarry.train.record.progress import Sentences
from quarry.train.record.schema import TERMINAL, Status


@dataclass(frozen=True)
class SweepOptions:
    """Where and how the points of a sweep train."""

    workdir: Workdir = RUNS
    cache: Cache = None
    workers: int | None = None
    """Points at a time; default one per core, each pinned to its own, or one on an accelerator."""
    stack: int = 1
    """Points of one shape (seeds, rates, decays, U) that train in one program, for small models on an
    accelerator."""
    dry_run: bool = False
    """Only print what would be trained: N, U, E, k, B, S, C, estimated time and memory. Nothing is
    downloaded; what must be known of a corpus that is not here is shown as –."""
    on: Literal["local", "slurm"] = "local"
    """Train on this machine, or submit the points to Slurm as one job array; points that are queued already
    are not submitted again."""
    slurm: UseAppendAction[SlurmOptions] = field(default_factory=SlurmOptions)
    """For --on slurm: what each point requests from the cluster."""
    emit: Engine | None = None
    """Train nothing; write a launch file for Cloud TPU per point: SkyPilot tasks or GKE JobSets."""
    emit_to: Path = Path("launch")
    """The folder for these launch files."""
    tpu: TpuOptions = field(default_factory=TpuOptions)
    """For --emit: what each point requests from Cloud TPU."""

    def check(self) -> None:
        """Raise ConfigError for options that do not go together."""
        local = self.on == "local"
        require(self.emit is not None or self.tpu == TpuOptions(), "--tpu options need --emit")
        require(self.emit is None or local, "--emit and --on slurm exclude each other")
        require(not local or self.slurm == SlurmOptions(), "--slurm options need --on slurm")
        require(local or self.workers is None, "--workers is for this machine; on Slurm, use --slurm.at-once")
        require(local or self.stack == 1, "--stack is for this machine: on Slurm each point is a task")
        require(
            self.workers is None or self.workers >= 1, f"--workers must be at least 1, not {self.workers}"
        )
        require(self.stack >= 1, f"--stack must be at least 1, not {self.stack}")
        bucket = bucket_address(self.workdir)
        require(
            local or bucket is None,
            f"--on slurm keeps its submissions in --workdir: a folder that all nodes see, not {bucket}",
        )


def command(studies: Studies, options: Annotated[SweepOptions, Flat] = SweepOptions()) -> int:
    """Train every point of a study (its name, its folder, or files); finished points are skipped.

    Args:
        studies: Names of studies in experiments/, folders, or files.
    """
    return EXIT_CODES[train_studies(studies, options, make_console())]


def train_studies(studies: Sequence[str], options: SweepOptions, console: Console) -> Status:
    """Train the points of `studies`, submit them to Slurm, write their launch files, or print the dry run.

    Returns `finished` if every point finished or diverged (a diverged point is a result) or was submitted,
    else `failed`, or `preempted` if it was told to stop. Raises ConfigError.
    """
    options.check()
    if options.emit:
        points = collect_points(studies, study_folders())
        for line in write_launch_files(points, options.emit, options.tpu, options.emit_to):
            console.print(line, highlight=False, soft_wrap=True)
        _tell_of_texts_left_here(points)
        return "finished"
    cache = cache_or_default(options.cache)
    points = collect_points(studies, study_folders())
    if options.dry_run:
        _print_dry_run(points, options, cache, console)
        return "finished"
    jobs = make_jobs(points, options.workdir, cache, Sentences(console).say)
    if options.on == "slurm":
        mark_queued(jobs, options.workdir)
    return _start(jobs, options, cache, console)


def _print_dry_run(points: Sequence[Point], options: SweepOptions, cache: Path, console: Console) -> None:
    jobs = plan_jobs(points, options.workdir, cache, Sentences(console).say)
    if options.on == "slurm" and slurm_is_here():
        mark_queued(jobs, options.workdir)
    elif options.on == "slurm":
        console.print("note: no Slurm here, so this does not say which points are queued")
    console.print(dry_run_table(jobs))
    for sentence in missing_corpora(jobs):
        console.print(sentence, highlight=False, soft_wrap=True)


def _tell_of_texts_left_here(points: Sequence[Point]) -> None:
    """On standard error, as the commands that launch are on standard output."""
    console = make_console(stderr=True)
    for corpus in texts_left_here(points):
        console.print(
            f"note: {corpus} is on this machine: unless the hosts have it at the same place, copy its tokens "
            "by `quarry data put` to gs://BUCKET/FOLDER, and set data.corpus = store:gs://BUCKET/FOLDER",
            highlight=False,
            soft_wrap=True,
        )


def _start(jobs: Sequence[Job], options: SweepOptions, cache: Path, console: Console) -> Status:
    bucket = bucket_address(options.workdir)
    arguments = ["--workdir", bucket or str(options.workdir.absolute()), "--cache", str(cache.absolute())]
    if bucket is None:
        make_writable(options.workdir)
    if options.on == "slurm":
        submit_waiting(jobs, options.slurm, options.workdir, arguments, console)
        return "finished"
    if options.stack > 1 and not accelerator_present():
        console.print("note: on a CPU stacked points train slower than one by one (docs/speed.md)")
    if run_here(jobs, arguments, options.workers, options.stack, cache, console):
        console.print(SAVED)
        return "preempted"
    return _status(jobs, console)


def _status(jobs: Sequence[Job], console: Console) -> Status:
    counts = {state: sum(job.state == state for job in jobs) for state in (*TERMINAL, "failed")}
    console.print(", ".join(f"{count} {state}" for state, count in counts.items() if count), highlight=False)
    if all(job.state in TERMINAL for job in jobs):
        return "finished"
    return "preempted" if {job.state for job in jobs} <= {*TERMINAL, "preempted"} else "failed"
