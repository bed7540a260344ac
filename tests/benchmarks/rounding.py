"""How far curves part that differ by rounding: `python -m tests.benchmarks.rounding`, in two minutes.

A point of d_model 16 that trains for 1,500 steps alone, in a stack of two, and alone from parameters changed
by one rounding (a factor 1 + 2^-23): the relative distance of the training loss from the first. Training
multiplies what rounding begins, whatever begins it. Writes a dated table.
"""

import dataclasses
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

from rich.console import Console

from quarry.cache import cache_directory
from quarry.model.config import modern
from quarry.train.config.experiment import DataConfig, Duration, Experiment, OptimizerConfig
from quarry.train.config.point_files import Point
from quarry.train.hosts.platform import prepare
from quarry.train.record.files import read_jsonl
from quarry.train.record.progress import Quiet
from quarry.train.record.run_directory import RunDirectory
from tests.benchmarks.tables import write_dated

if TYPE_CHECKING:
    from collections.abc import Callable

    from jax.sharding import Mesh

    from quarry.train.run.train_state import TrainState

STEPS = (10, 100, 200, 400, 800, 1200, 1500)
CONFIG = Experiment(
    model=modern(16, 2, 2, context=32),
    duration=Duration(steps=STEPS[-1]),
    data=DataConfig(unique_tokens=2**17),
    optimizer=OptimizerConfig(learning_rate=1e-2),
    batch_tokens=256,
    micro_batch_tokens=128,
)


def losses(folder: Path) -> dict[int, float]:
    """The training loss of the point after each logged step."""
    return {row["step"]: row["loss"] for row in read_jsonl(RunDirectory(folder / "bench/point").metrics)}


def nudged(make_state: "Callable[[Experiment, Mesh], TrainState]") -> "Callable[..., TrainState]":
    """`make_state` with every parameter changed by a rounding."""

    def changed(experiment: Experiment, mesh: "Mesh") -> "TrainState":
        import jax

        state = make_state(experiment, mesh)
        return state._replace(params=jax.tree.map(lambda leaf: leaf * (1 + 2**-23), state.params))

    return changed


def main() -> None:
    """Train three times and write the table."""
    prepare(cache_directory())
    from quarry.train.launch.stack_worker import train_together
    from quarry.train.run import resume
    from quarry.train.run.loop import train

    with tempfile.TemporaryDirectory() as name:
        alone, stack, other = (Path(name) / place for place in ("alone", "stack", "nudged"))
        point = Point("bench", "point", CONFIG, Path(name))
        second = dataclasses.replace(point, name="second", config=dataclasses.replace(CONFIG, seed_init=1))
        train(point, alone, cache_directory(), Quiet())
        train_together([point, second], stack, cache_directory(), Console(quiet=True))
        with mock.patch.object(resume, "make_state", nudged(resume.make_state)):
            train(point, other, cache_directory(), Quiet())
        curves = [losses(folder) for folder in (alone, stack, other)]
    one, two, three = curves
    if one == three:
        raise RuntimeError("the changed parameters were not trained")
    distances = [(at, abs(two[at] / one[at] - 1), abs(three[at] / one[at] - 1)) for at in STEPS]
    write_dated(
        "rounding",
        [{"step": at, "in a stack": stacked, "one rounding": changed} for at, stacked, changed in distances],
    )


if __name__ == "__main__":
    main()
