"""The jobs of a sweep: each point with its branches, its state, and the stacks that share a program."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from quarry.checks import require
from quarry.errors import BucketError, ConfigError, DataError
from quarry.train.config.branches import branches, fork_step
from quarry.train.config.experiment import same_programs
from quarry.train.config.point_files import Point, find_study, load_point_file
from quarry.train.data.corpora import find_source
from quarry.train.data.mixture import corpora_in
from quarry.train.data.store import Say, TokenStore, silent
from quarry.train.launch import estimates
from quarry.train.record.files import read_last_row
from quarry.train.record.locations import locate_run
from quarry.train.record.run_directory import RunDirectory
from quarry.train.record.schema import TERMINAL, Status
from quarry.train.run.compatibility import check_same_config
from quarry.train.run.sizes import (
    ConfiguredSizes,
    RunSizes,
    check_vocabulary,
    configured_sizes,
    prepare_store,
    resolve_sizes,
)

if TYPE_CHECKING:
    from quarry.train.launch.worker import Task

ORDERING_FLOPS_PER_SECOND = 1e11
"""A typical core; the jobs are only ordered by the times that follow from it."""


@dataclass(frozen=True)
class JobRun:
    """One run of a job. Steps first < step <= sizes.steps are trained; those before are its trunk's."""

    point: Point
    directory: RunDirectory
    sizes: RunSizes
    first: int = 0

    @property
    def tokens(self) -> int:
        """Tokens processed in the trained steps."""
        return self.sizes.tokens - self.point.config.ramp.tokens(self.first)

    def seconds(self, flops_per_second: float) -> float:
        """Estimated time on one core whose matrix products run at `flops_per_second`."""
        return estimates.seconds(self.point.config, self.tokens, flops_per_second, branch=self.first > 0)

    def trained(self) -> int:
        """The number of trained steps that are logged."""
        row = read_last_row(self.directory.metrics)
        return max(0, row["step"] - self.first) if row else 0


@dataclass
class Job:
    """A point with its branches, trained by one process.

    Its state is waiting, running, finished, diverged, preempted, failed or in progress elsewhere, or Slurm's
    word for a queued job.
    """

    runs: list[JobRun]
    cost: float
    """Estimated time; only the order of the costs matters."""
    state: str = "waiting"
    task: "Task | None" = field(default=None, repr=False)
    shared_log: Path | None = None
    """The log of its process, if that trains several jobs."""

    @property
    def point(self) -> Point:
        return self.runs[0].point

    @property
    def directory(self) -> RunDirectory:
        return self.runs[0].directory

    @property
    def program_key(self) -> object:
        """A key that is equal for two jobs if one process can train them in one program."""
        config = self.point.config
        return same_programs(config), config.batch_ramp, config.mesh

    @property
    def log(self) -> Path:
        """What the point's process prints to."""
        return self.shared_log or self.directory.path / "log.txt"

    def status(self) -> Status | None:
        """`finished` if all runs are, `diverged` if all are done and one is, else that of one not done."""
        statuses: list[Status | None] = [run.directory.status() for run in self.runs]
        done = [status in TERMINAL for status in statuses]
        if not all(done):
            return statuses[done.index(False)]
        return "diverged" if "diverged" in statuses else "finished"

    def is_intact(self) -> bool:
        """Whether the logs of its runs, unless they are on a bucket, are still those that they ended with."""
        here = (run.directory for run in self.runs if isinstance(run.directory.checkpoints, Path))
        return not any(directory.changed_logs() for directory in here)

    def is_in_use(self) -> bool:
        """Whether a process trains one of its runs."""
        return any(run.directory.is_in_use() for run in self.runs)

    def ended(self) -> float:
        """When one of its runs last ended, in seconds since 1970; 0 if none has."""
        return max(run.directory.ended() for run in self.runs)


@dataclass(frozen=True)
class UnpreparedRun:
    """One run of a point whose tokens are not on this machine."""

    point: Point
    directory: RunDirectory
    sizes: ConfiguredSizes

    def seconds(self, flops_per_second: float) -> float | None:
        """As `JobRun.seconds`, None where U must be known."""
        config, first = self.point.config, self.sizes.first
        if self.sizes.tokens is None:
            return None
        tokens = self.sizes.tokens - config.ramp.tokens(first)
        return estimates.seconds(config, tokens, flops_per_second, branch=first > 0)


@dataclass
class UnpreparedJob:
    """A point with its branches whose tokens are not on this machine; `missing` says how to get them."""

    runs: list[UnpreparedRun]
    missing: str
    state: str = "waiting"

    @property
    def point(self) -> Point:
        return self.runs[0].point

    @property
    def cost(self) -> float:
        """As that of a `Job`, of the runs whose length is known."""
        return sum(run.seconds(ORDERING_FLOPS_PER_SECOND) or 0.0 for run in self.runs)


def collect_points(studies: Sequence[str], places: Sequence[Path]) -> list[Point]:
    """The points of studies, looked for in `places`, and of files, with their variants.

    Raises ConfigError for a bad study or file, or if none is named.
    """
    require(len(studies) > 0, "name a study or a scale-point file to sweep")
    listed = [[Path(name)] if name.endswith(".py") else find_study(name, places) for name in studies]
    points = [point for files in listed for file in files for point in load_point_file(file)]
    names = [run.run for point in points for run in (point, *branches(point))]
    duplicate = next((name for name in names if names.count(name) > 1), None)
    require(duplicate is None, f"two of the points are named {duplicate}")
    return points


def make_jobs(points: Sequence[Point], workdir: Path, cache: Path, say: Say = silent) -> list[Job]:
    """A job for each point and its branches; those already finished or diverged are marked so.

    `say` is told of the steps that prepare the tokens; their files are verified by the runs that read them.
    """
    for point in points:
        check_vocabulary(point.config)
    return [_make_job(point, workdir, cache, say) for point in points]


def plan_jobs(
    points: Sequence[Point], workdir: Path, cache: Path, say: Say = silent
) -> list[Job | UnpreparedJob]:
    """As `make_jobs`, but nothing is downloaded, and only what takes seconds is prepared."""
    for point in points:
        check_vocabulary(point.config)
        for corpus in corpora_in(point.config.data.corpus):
            find_source(corpus)  # a wrong name is no missing corpus
    return [_plan_job(point, workdir, cache, say) for point in points]


def _plan_job(point: Point, workdir: Path, cache: Path, say: Say) -> Job | UnpreparedJob:
    try:
        store = prepare_store(point.config, cache, verify=False, quick=True, say=say)
    except (ConfigError, DataError, BucketError) as missing:
        runs = [_unprepared_run(run, workdir, cache) for run in (point, *branches(point))]
        return UnpreparedJob(runs, str(missing))
    return _job_on(store, point, workdir, cache)


def _unprepared_run(point: Point, workdir: Path, cache: Path) -> UnpreparedRun:
    sizes = configured_sizes(point.config, is_branch=point.trunk is not None)
    return UnpreparedRun(point, _directory(point, workdir, cache), sizes)


def _make_job(point: Point, workdir: Path, cache: Path, say: Say) -> Job:
    return _job_on(prepare_store(point.config, cache, verify=False, say=say), point, workdir, cache)


def _job_on(store: TokenStore, point: Point, workdir: Path, cache: Path) -> Job:
    runs = [_make_run(run, workdir, cache, store) for run in (point, *branches(point))]
    job = Job(runs, sum(run.seconds(ORDERING_FLOPS_PER_SECOND) for run in runs))
    status = job.status()
    job.state = status if status in TERMINAL and job.is_intact() else "waiting"
    return job


def _make_run(point: Point, workdir: Path, cache: Path, store: TokenStore) -> JobRun:
    sizes = resolve_sizes(point.config, store)
    directory = _directory(point, workdir, cache)
    first = fork_step(point.config, sizes.unique_tokens) if point.trunk else 0
    return JobRun(point, directory, sizes, first)


def _directory(point: Point, workdir: Path, cache: Path) -> RunDirectory:
    """That of a run. Raises ConfigError if it holds one of another configuration."""
    directory = locate_run(workdir, point.run, cache)
    directory.fetch(("config.json", "run.json"))
    check_same_config(directory, point.config)
    return directory


def group_into_stacks(jobs: Sequence[Job], most: int, slots: int) -> list[list[Job]]:
    """The waiting jobs in stacks that share a program, the longest first.

    A stack has up to `most` jobs, or fewer if a slot would otherwise stay empty.
    """
    groups: dict[object, list[Job]] = {}
    for job in sorted((job for job in jobs if job.state == "waiting"), key=lambda job: -job.cost):
        groups.setdefault(job.program_key if most > 1 else job.point.run, []).append(job)
    stacks = []
    for group in groups.values():
        size = min(most, math.ceil(len(group) / slots))
        stacks += [group[first : first + size] for first in range(0, len(group), size)]
    return sorted(stacks, key=lambda stack: -sum(job.cost for job in stack))
