"""`quarry train`: from the words of the command line to a run."""

from pathlib import Path

from rich.console import Console

from model.config import require
from train.experiment import Point, check_name, load_points
from train.hosts import Hosts, first, together
from train.platform import prepare
from train.record import Status


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
    """Train `point`, with the other hosts if there are any; the first shows a bar and says how it ended."""
    check_name("point", point.name)
    require(cores >= 1, f"--cores must be at least 1, not {cores}")
    prepare(cache, cores)
    with together(hosts):
        from train.loop import train
        from train.progress import Bar, Quiet

        status = train(point, workdir, cache, Bar(console) if first() else Quiet())
        if first():
            console.print(f"{point.run}: {status}, in {workdir / point.study / point.name}", highlight=False)
        return status
