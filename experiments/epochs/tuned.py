"""Tuned per cell: batch, learning rate and weight decay searched at every N, U and k.

Claim: the committed recipe (batch 1,024, rate 0.3 / d_model, weight decay 0.1) is far from the best where a
pass has few steps, so that first passes at small U lie too high.
Expected: the best batch is below the critical one, 1,100 tokens at a loss of 2.3; decay grows with k.

Each trial is a run of its own of k passes; the search moves by one step of one coordinate of the grid below
until no neighbour of the best trial is better. Trials keep their record, so that a search goes on where it
stopped. The least batch is one sequence of 128 tokens. All trials of a cell share their seeds, which makes
their differences smaller than the noise between seeds; the least of several noisy losses is biased low.

The search trains in one process, so that trials which differ in rate and decay share a compiled program. Stop
it at any time (Ctrl-C or SIGTERM): the run saves, and the same command goes on.

Command: python -m quarry.experiments.epochs.tuned --workdir runs --cache CACHE, where the novels are
"""

import argparse
import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

from quarry.console import make_console
from quarry.errors import PREEMPTED
from quarry.experiments.epochs import SMALL, optimized, recipe
from quarry.experiments.epochs.cpu import CORPUS
from quarry.train.commands.train import TrainOptions, train_point
from quarry.train.config.experiment import Duration, Experiment
from quarry.train.config.point_files import Point
from quarry.train.record.locations import locate_run
from quarry.train.record.schema import TERMINAL

STUDY = "tuned"

WIDTHS = {"n6k": 16, "n25k": 32, "n98k": 64, "n393k": 128}
UNIQUE = {"u65k": 2**16, "u16k": 2**14, "u262k": 2**18}
PASSES = (1, 4, 16)
BATCHES = (128, 256, 512, 1024)
RATES = (0.025, 0.05, 0.1, 0.2, 0.4, 0.8)
"""The learning rate times d_model."""
DECAYS = (0.1, 0.4, 1.6, 3.2, 6.4)
FEWEST_STEPS = 64
"""Of the shortest trial: 20 of them are warm-up."""


@dataclass(frozen=True)
class Cell:
    """A size, its U and k, by the names of `WIDTHS` and `UNIQUE`."""

    size: str
    unique: str
    k: int

    @property
    def cost(self) -> int:
        """Roughly proportional to the time of a trial."""
        return WIDTHS[self.size] ** 2 * UNIQUE[self.unique] * self.k


@dataclass(frozen=True)
class Trial:
    """A place on the grid: indices of `BATCHES`, `RATES` and `DECAYS`."""

    batch: int
    rate: int
    decay: int

    def neighbours(self) -> "list[Trial]":
        """The trials one step away in one coordinate, inside the grid or not."""
        fields = ("batch", "rate", "decay")
        return [
            dataclasses.replace(self, **{name: getattr(self, name) + step})
            for name, step in product(fields, (-1, 1))
        ]

    def fits(self, cell: Cell) -> bool:
        """Whether it is on the grid and long enough."""
        places = ((self.batch, BATCHES), (self.rate, RATES), (self.decay, DECAYS))
        on_grid = all(0 <= place < len(values) for place, values in places)
        return on_grid and UNIQUE[cell.unique] * cell.k >= FEWEST_STEPS * BATCHES[self.batch]


START = Trial(batch=1, rate=2, decay=1)
CELLS = sorted(
    (Cell(size, unique, k) for size in WIDTHS for unique in UNIQUE for k in PASSES),
    key=lambda cell: (list(UNIQUE).index(cell.unique), cell.cost),
)
"""In the order of the search: by U as listed, the cheapest first."""


def trial_name(cell: Cell, trial: Trial) -> str:
    batch, rate, decay = BATCHES[trial.batch], RATES[trial.rate], DECAYS[trial.decay]
    return f"{cell.size}_{cell.unique}-p{cell.k}-b{batch}-r{rate:g}-wd{decay:g}"


def trial_config(cell: Cell, trial: Trial) -> Experiment:
    """The run of a trial, measured once."""
    scale = dataclasses.replace(SMALL, batch_tokens=BATCHES[trial.batch], rate=RATES[trial.rate])
    config = recipe(
        WIDTHS[cell.size],
        CORPUS,
        scale,
        unique_tokens=UNIQUE[cell.unique],
        duration=Duration(epochs=cell.k),
    )
    config = optimized(config, weight_decay=DECAYS[trial.decay])
    evaluation = dataclasses.replace(config.evaluation, test_tokens=2**14, count=1)
    return dataclasses.replace(config, evaluation=evaluation)


class Stopped(Exception):
    """A run was told to save and end."""


def find_best(cell: Cell, measure: Callable[[Trial], float]) -> Trial:
    """The trial none of whose neighbours has a lower loss; from `START`, by steps to the first better one.

    `measure` gives the loss of a trial, and is called once for each.
    """
    losses: dict[Trial, float] = {START: measure(START)}
    while True:
        best = min(losses, key=losses.__getitem__)
        fresh = [trial for trial in best.neighbours() if trial.fits(cell) and trial not in losses]
        if not fresh:
            return best
        for trial in fresh:
            losses[trial] = measure(trial)
            if losses[trial] < losses[best]:
                break


def train(workdir: Path, cache: Path, cell: Cell, trial: Trial) -> float:
    """The validation loss of a trial, trained unless its record has it; infinite if it diverged."""
    point = Point(STUDY, trial_name(cell, trial), trial_config(cell, trial), Path(__file__))
    directory = locate_run(workdir, point.run, cache)
    if directory.status() not in TERMINAL:
        train_point(point, TrainOptions(workdir=workdir, cache=cache), make_console())
    status = directory.status()
    if status not in TERMINAL:
        raise Stopped(f"{point.run}: {status}")
    rows = [row for row in directory.rows(directory.evals) if row.get("split") == "validation"]
    return float(rows[-1]["loss"]) if rows and status == "finished" else math.inf


def main() -> None:
    """Search every cell in order, or those whose names begin as asked; prints the best trial of each."""
    parser = argparse.ArgumentParser(prog="quarry.experiments.epochs.tuned")
    parser.add_argument("--workdir", type=Path, default=Path("runs"))
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--cells", nargs="*", default=[""], help="beginnings of names, such as n6k_u65k")
    options = parser.parse_args()
    for cell in CELLS:
        if any(f"{cell.size}_{cell.unique}-p{cell.k}".startswith(name) for name in options.cells):
            best = find_best(cell, partial(train, options.workdir, options.cache, cell))
            print(f"best: {trial_name(cell, best)}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except Stopped as stopped:
        print(stopped)
        raise SystemExit(PREEMPTED) from None
