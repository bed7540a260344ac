"""`quarry train`: from the words of the command line to a run."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from quarry.checks import require
from quarry.train.config.branches import branches
from quarry.train.config.experiment import Point, check_name, load_points
from quarry.train.hosts.platform import prepare
from quarry.train.hosts.processes import Hosts, abandon, first, together
from quarry.train.record.bucket import address
from quarry.train.record.locations import run_directory
from quarry.train.record.progress import Watcher
from quarry.train.record.schema import DONE, Status
from quarry.train.run.signals import StopRequest

if TYPE_CHECKING:
    from quarry.train.run.loop import Steps


def find_point(arguments: list[str]) -> Point | None:
    """The point named on a command line, so that its fields can be the defaults of the options.

    None if the line asks for help or names no file. Raises ConfigError for a bad file or variant.
    """
    follows = zip(["", *arguments], arguments, strict=False)
    files = (Path(word) for before, word in follows if word.endswith(".py") and not before.startswith("--"))
    file = next(files, None)
    if file is None:
        return None
    points = {point.variant: point for point in load_points(file)}
    variant = _option(arguments, "--variant")
    named = ", ".join(str(name) for name in points if name is not None) or "none"
    require(variant in points, f"{file} names no variant {variant!r}; it has: {named}")
    return points[variant]


def _option(arguments: list[str], name: str) -> str | None:
    after = [arguments[i + 1 : i + 2] for i, word in enumerate(arguments) if word == name]
    joined = [[word.split("=", 1)[1]] for word in arguments if word.startswith(f"{name}=")]
    return next((words[0] for words in [*after, *joined] if words), None)


def train_command(
    point: Point, workdir: Path, cache: Path, cores: int, hosts: Hosts, console: Console
) -> Status:
    """Train `point` and its branches, with the other hosts if there are any.

    The first host shows a bar for each run and says how it ended. Returns what `legs` does.
    """
    check_name("point", point.name)
    address(workdir)  # a place that cannot be is refused before anything is prepared
    require(cores >= 1, f"--cores must be at least 1, not {cores}")
    prepare(cache, cores)
    from quarry.train.record.progress import Bar, Quiet
    from quarry.train.run.stacking import alone
    from quarry.train.run.step import compiled_step

    with together(hosts):
        watch = partial(Bar, console) if first() else Quiet
        stopping = partial(StopRequest, point.config.checkpoint.grace_seconds, abandon)
        runs = legs(point, workdir, cache, watch, stopping, compiled_step, hosts.heartbeat_timeout)
        return alone(runs)


def legs(
    point: Point,
    workdir: Path,
    cache: Path,
    watch: Callable[[], Watcher],
    stopping: Callable[[], AbstractContextManager[StopRequest]],
    program: Callable[..., Any],
    lease_seconds: float,
) -> "Steps":
    """A point and then its branches, each to its end, as a coroutine (see train/run/stacking.py).

    The first host says how each ended. Returns `finished` if all did, else the status of the first that did
    not; after one that is to go on later no other begins.
    """
    from quarry.train.run.loop import training

    ended: list[Status] = []
    for run in (point, *branches(point)):
        watcher = watch()
        status = yield from training(run, workdir, cache, watcher, stopping(), program, lease_seconds)
        if first():
            watcher.say(f"{run.run}: {status}, in {run_directory(workdir, run.run, cache)}")
        ended.append(status)
        if status not in DONE:
            break
    unfinished: list[Status] = [status for status in ended if status != "finished"]
    return unfinished[0] if unfinished else "finished"
