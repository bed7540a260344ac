"""`quarry tune`: search the values of a point's fields that give the lowest loss."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from rich.console import Console
from rich.table import Table

from quarry.checks import require
from quarry.console import make_console
from quarry.errors import DONE, PREEMPTED
from quarry.installation import require_extra
from quarry.options import Flat
from quarry.train.commands.common import RUNS, SAVED, Cache, File, Workdir, cache_or_default
from quarry.train.commands.point import find_variant
from quarry.train.config.point_files import Point
from quarry.train.launch.local import worker_slots
from quarry.train.launch.search_space import Range, parse_range
from quarry.train.launch.tuning import Trial, Tuning
from quarry.train.record.bucket import bucket_address
from quarry.train.record.folders import make_writable

SHOWN = 5
"""Trials in the table, the best ones."""


@dataclass(frozen=True)
class TuneOptions:
    """What is searched, how long, and where the trials train."""

    over: tuple[str, ...] = ("optimizer.learning-rate=1e-4:1e-1",)
    """The fields to search, FIELD=LOW:HIGH each, on a logarithmic scale; betas by their distance from 1."""
    trials: int = 20
    """Finished trials, those of earlier calls counted."""
    variant: str | None = None
    """Tune this variant, one of those that the file defines."""
    workdir: Workdir = RUNS
    cache: Cache = None
    workers: int | None = None
    """Trials at a time; default one per core, or one on an accelerator."""
    seed: int = 0
    """Of the proposals."""


def command(file: File, options: Annotated[TuneOptions, Flat] = TuneOptions()) -> int:
    """Search the values of a point's fields that give the lowest validation loss, by Optuna; resumable.

    Each trial is a run beside the point's own. The end says which values were best, and whether one of them
    lies at the edge of its range, beyond which a better one may lie.
    """
    require_extra("quarry tune", "tune", "optuna")
    require(options.trials >= 1, f"--trials must be at least 1, not {options.trials}")
    require(0 <= options.seed < 2**31, f"--seed must be from 0 to 2^31 - 1, not {options.seed}")
    workers = options.workers
    require(workers is None or workers >= 1, f"--workers must be at least 1, not {workers}")
    require(
        bucket_address(options.workdir) is None, "quarry tune keeps its journal in a folder, not on gs://"
    )
    make_writable(options.workdir)
    return tune(find_variant(file, options.variant), options, make_console())


def tune(point: Point, options: TuneOptions, console: Console) -> int:
    """Run the search and print what it found; returns the exit code."""
    ranges = [parse_range(words) for words in options.over]
    places = ("--workdir", options.workdir), ("--cache", cache_or_default(options.cache))
    arguments = [word for name, path in places for word in (name, str(path.absolute()))]
    tuning = Tuning(point, ranges, options.workdir, arguments, options.seed)
    say = lambda words: console.print(words, highlight=False, soft_wrap=True)  # noqa: E731
    if tuning.run(options.trials, worker_slots(options.workers), say):
        say(SAVED)
        return PREEMPTED
    trials = tuning.finished()
    console.print(_table(trials[:SHOWN], ranges))
    for line in conclusions(trials, ranges):
        say(line)
    return DONE


def _table(trials: Sequence[Trial], ranges: Sequence[Range]) -> Table:
    table = Table("run", "loss", *(each.field for each in ranges), title="the best trials")
    for trial in trials:
        table.add_row(trial.name, f"{trial.loss:.4f}", *(f"{trial.values[each.field]:g}" for each in ranges))
    return table


def conclusions(trials: Sequence[Trial], ranges: Sequence[Range]) -> list[str]:
    """The best values as options, and a warning for each that lies at the edge of its range."""
    best = trials[0].values
    options = " ".join(f"{each.option} {best[each.field]:g}" for each in ranges)
    at_edge = [
        f"warning: the best {each.field}, {best[each.field]:g}, lies at the edge of "
        f"{each.low:g} to {each.high:g}: widen the range before it is called the best"
        for each in ranges
        if each.at_edge(best[each.field])
    ]
    return [f"best of {len(trials)} trials: {options}", *at_edge]
