"""One process of a sweep with --stack: it trains several points of one shape, their steps in one program.

Run by the sweep as `python -P -m quarry.train.launch.stack_worker --workdir W --cache C FILE:VARIANT ...`.
A point that fails does not stop the others. Exit code: 75 after a request to stop, 1 if a point failed or
diverged, else 0.
"""

import argparse
import sys
import traceback
from contextlib import nullcontext
from functools import partial
from pathlib import Path

from rich.console import Console

from quarry.console import make_console
from quarry.errors import PREEMPTED, QuarryError
from quarry.train.config.point_files import Point
from quarry.train.hosts.platform import prepare
from quarry.train.hosts.shutdown import end_all_hosts
from quarry.train.launch.process_commands import point_from_argument
from quarry.train.record.progress import Sentences
from quarry.train.run.signals import StopRequest


def main(words: list[str]) -> int:
    """Train the points named in `words`; returns the exit code."""
    parser = argparse.ArgumentParser(prog="quarry.train.launch.stack_worker")
    parser.add_argument("--workdir", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("points", nargs="+")
    options = parser.parse_args(words)
    prepare(options.cache)
    statuses = train_together(
        list(map(point_from_argument, options.points)), options.workdir, options.cache, make_console()
    )
    return PREEMPTED if "preempted" in statuses else int(set(statuses) != {"finished"})


def train_together(points: list[Point], workdir: Path, cache: Path, console: Console) -> list[str]:
    """Train `points` with their branches; returns the status of each."""
    from quarry.train.run.loop import LEASE_SECONDS
    from quarry.train.run.stacking import Stack
    from quarry.train.run.trunk import train_with_branches

    stack, watcher = Stack(), Sentences(console)

    def failed(number: int, error: Exception) -> None:
        known = isinstance(error, QuarryError)
        message = str(error) if known else "".join(traceback.format_exception(error))
        watcher.say(f"{points[number].run}: {message}")

    graces = [point.config.checkpoint.grace_seconds for point in points]
    grace = min((seconds for seconds in graces if seconds is not None), default=None)
    with StopRequest(grace, end_all_hosts) as stop:
        runs = {
            number: train_with_branches(
                point,
                workdir,
                cache,
                lambda: watcher,
                partial(nullcontext, stop),
                stack.program,
                LEASE_SECONDS,
            )
            for number, point in enumerate(points)
        }
        ended = stack.run(runs, failed)
    return [ended.get(number, "failed") for number in range(len(points))]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
