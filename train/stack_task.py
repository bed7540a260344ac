"""What one process of a stacked sweep does: train several points of one shape, their steps in one program.

Run by the sweep as `python -P -m train.stack_task --workdir W --cache C FILE:VARIANT ...`. A point that fails
leaves the others alone. Exit code 75 if one was asked to stop, 1 if one failed or diverged, else 0.
"""

import argparse
import sys
import traceback
from contextlib import nullcontext
from functools import partial
from pathlib import Path

from rich.console import Console

from train.command import legs
from train.experiment import Point
from train.hosts import abandon
from train.interrupt import EXIT_PREEMPTED, StopRequest
from train.launch import point_of
from train.platform import prepare
from train.progress import Sentences


def main(words: list[str]) -> int:
    """Train the points that `words` name; returns the exit code."""
    parser = argparse.ArgumentParser(prog="train.stack_task")
    parser.add_argument("--workdir", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("points", nargs="+")
    options = parser.parse_args(words)
    prepare(options.cache)
    statuses = train_together(list(map(point_of, options.points)), options.workdir, options.cache, Console())
    return EXIT_PREEMPTED if "preempted" in statuses else int(set(statuses) != {"finished"})


def train_together(points: list[Point], workdir: Path, cache: Path, console: Console) -> list[str]:
    """Train `points` with their branches; the status of each."""
    from train.loop import LEASE_SECONDS
    from train.stack import Stack

    stack, watcher = Stack(), Sentences(console)

    def failed(number: int, error: Exception) -> None:
        ours = type(error).__module__.split(".")[0] in ("model", "train")
        said = str(error) if ours else "".join(traceback.format_exception(error))
        watcher.say(f"{points[number].run}: {said}")

    graces = [point.config.checkpoint.grace_seconds for point in points]
    grace = min((seconds for seconds in graces if seconds is not None), default=None)
    with StopRequest(grace, abandon) as stop:
        runs = {
            number: legs(
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
