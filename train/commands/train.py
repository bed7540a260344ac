"""`quarry train`: create or resume one run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Annotated

from rich.console import Console

from quarry.checks import require
from quarry.console import make_console
from quarry.options import Flat
from quarry.train.commands.common import EXIT_CODES, RUNS, SAVED, Cache, File, Workdir, cache_or_default
from quarry.train.commands.point import find_point, require_point
from quarry.train.config.experiment import Experiment
from quarry.train.config.point_files import Point, check_name
from quarry.train.hosts.agreement import is_first_host
from quarry.train.hosts.discovery import Hosts
from quarry.train.hosts.joining import joined
from quarry.train.hosts.platform import prepare
from quarry.train.hosts.shutdown import end_all_hosts
from quarry.train.record.bucket import bucket_address
from quarry.train.record.schema import Status
from quarry.train.run.signals import StopRequest


@dataclass(frozen=True)
class TrainOptions:
    """How and where one run trains."""

    workdir: Workdir = RUNS
    cache: Cache = None
    name: str | None = None
    """Name of the point; default the file's name."""
    variant: str | None = None
    """Train this variant, one of those that the file defines."""
    cores: int = 1
    """CPU cores to use; one is fastest for models of a few million parameters."""
    hosts: Annotated[Hosts, Flat] = field(default_factory=Hosts)


def make_command(words: Sequence[str]) -> Callable[..., int]:
    """The command, with the fields of the point that `words` name as the defaults of its options."""
    point = find_point(words)
    default = point.config if point else Experiment()

    def command(
        file: File,
        config: Annotated[Experiment, Flat] = default,
        options: Annotated[TrainOptions, Flat] = TrainOptions(),
    ) -> int:
        """Create or resume one run: <workdir>/<study>/<point>/.

        Args:
            config: Every field of the experiment can be overridden.
        """
        original = require_point(point, file)
        changed = replace(original, config=config, name=options.name or original.name)
        return EXIT_CODES[train_point(changed, options, make_console())]

    return command


def train_point(point: Point, options: TrainOptions, console: Console) -> Status:
    """Train `point` and its branches, with the other hosts if there are any.

    The first host shows a bar for each run and reports how it ended. Returns what `train_with_branches` does.
    """
    check_name("point", point.name)
    bucket_address(options.workdir)  # an invalid address is refused before anything is prepared
    require(options.cores >= 1, f"--cores must be at least 1, not {options.cores}")
    cache, hosts = cache_or_default(options.cache), options.hosts
    prepare(cache, options.cores)
    from quarry.train.record.progress import Bar, Quiet
    from quarry.train.run.programs import compiled_step
    from quarry.train.run.stacking import alone
    from quarry.train.run.trunk import train_with_branches

    with joined(hosts):
        watch = partial(Bar, console) if is_first_host() else Quiet
        stopping = partial(StopRequest, point.config.checkpoint.grace_seconds, end_all_hosts)
        runs = train_with_branches(
            point, options.workdir, cache, watch, stopping, compiled_step, hosts.heartbeat_timeout
        )
        status = alone(runs)
        if status == "preempted" and is_first_host():
            console.print(SAVED)
        return status
