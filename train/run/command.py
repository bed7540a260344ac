"""`quarry train`: from the words of the command line to a run."""

from functools import partial
from pathlib import Path

from rich.console import Console

from quarry.checks import require
from quarry.train.config.point_files import Point, check_name, load_point_file
from quarry.train.hosts.platform import prepare
from quarry.train.hosts.processes import Hosts, abandon, first, together
from quarry.train.record.bucket import address
from quarry.train.record.schema import Status
from quarry.train.run.signals import StopRequest


def find_point(arguments: list[str]) -> Point | None:
    """The point named on a command line, so that its fields can be the defaults of the options.

    None if the line asks for help or names no file. Raises ConfigError for a bad file or variant.
    """
    follows = zip(["", *arguments], arguments, strict=False)
    files = (Path(word) for before, word in follows if word.endswith(".py") and not before.startswith("--"))
    file = next(files, None)
    if file is None:
        return None
    points = {point.variant: point for point in load_point_file(file)}
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

    The first host shows a bar for each run and says how it ended. Returns what `train_with_branches` does.
    """
    check_name("point", point.name)
    address(workdir)  # a place that cannot be is refused before anything is prepared
    require(cores >= 1, f"--cores must be at least 1, not {cores}")
    prepare(cache, cores)
    from quarry.train.record.progress import Bar, Quiet
    from quarry.train.run.stacking import alone
    from quarry.train.run.step import compiled_step
    from quarry.train.run.trunk import train_with_branches

    with together(hosts):
        watch = partial(Bar, console) if first() else Quiet
        stopping = partial(StopRequest, point.config.checkpoint.grace_seconds, abandon)
        runs = train_with_branches(
            point, workdir, cache, watch, stopping, compiled_step, hosts.heartbeat_timeout
        )
        return alone(runs)
