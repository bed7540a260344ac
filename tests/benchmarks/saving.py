"""Seconds that training loses to saving: `python -m tests.benchmarks.saving` writes a dated table.

The state is the parameters and two moments. Each size is trained by the real loop, in its own process on one
core, with a checkpoint every 2 * WINDOW seconds. The steps in the window after a save are compared with as
many steps before the save and after that window, when nothing is saved. The difference is the cost of a save:
the pause of the loop, and the slowdown of the steps while the checkpoint is written. `stopped` is the pause
alone.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from quarry.train.record.progress import Quiet
from tests.benchmarks.tables import write_dated

SHAPES = {"64x2x2": (64, 2, 2, 16), "256x6x4": (256, 6, 4, 4), "512x8x8": (512, 8, 8, 2)}
"""d_model x layers x heads: d_model, layers, heads, rows of 256 tokens in a batch."""
WINDOW, SECONDS, MINUTE = 5.0, 180.0, 60.0


@dataclass
class Timeline(Quiet):
    """Records when each step was done and which were saved; stops the run after SECONDS."""

    done_at: dict[int, float] = field(default_factory=dict)
    saved: list[int] = field(default_factory=list)
    stopped: list[float] = field(default_factory=list)

    def update(self, step: int, loss: float, tokens_per_second: float) -> None:
        self.done_at[step] = time.monotonic()
        if self.done_at[step] - next(iter(self.done_at.values())) > SECONDS:
            os.kill(os.getpid(), signal.SIGTERM)

    def note_saves(self) -> None:
        """Record the saves of this process from now on."""
        from quarry.train.run.checkpoints import Checkpoints

        save = Checkpoints.save

        def noted(checkpoints: Checkpoints, *state: Any) -> None:
            began = time.monotonic()
            save(checkpoints, *state)
            self.saved.append(max(self.done_at))
            self.stopped.append(time.monotonic() - began)

        Checkpoints.save = noted  # type: ignore[method-assign]

    def lost(self) -> np.ndarray:
        """Seconds lost to each save except the first and the last."""
        saved = np.array(self.saved[:-1])
        width = int(np.diff(saved).min()) // 2
        at = np.array([[self.done_at[step + i * width] for i in (-1, 0, 1, 2)] for step in saved[1:-1]])
        before, after, later = np.diff(at).T
        return after - (before + later) / 2


def point(shape: str):
    from quarry.model.config import modern
    from quarry.train.config.experiment import CheckpointConfig, Duration, EvaluationConfig, Experiment
    from quarry.train.config.point_files import Point

    width, layers, heads, rows = SHAPES[shape]
    config = Experiment(
        model=modern(width, layers, heads, context=256),
        duration=Duration(steps=10**6),
        evaluation=EvaluationConfig(count=1),
        checkpoint=CheckpointConfig(every_seconds=2 * WINDOW),
        batch_tokens=256 * rows,
        log_every=1,
    )
    return Point("saving", shape, config, Path(__file__))


def child(shape: str) -> None:
    """Train one size; print its row as JSON."""
    from quarry.cache import cache_directory
    from quarry.train.hosts.platform import prepare

    prepare(cache_directory())
    from quarry.model.counting import count_parameters
    from quarry.train.run.loop import train
    from quarry.train.run.step import state_bytes

    chosen, timeline = point(shape), Timeline()
    timeline.note_saves()
    with tempfile.TemporaryDirectory(dir=".") as folder:
        train(chosen, Path(folder), cache_directory(), timeline)
    lost = timeline.lost()
    row = {
        "shape": shape,
        "parameters": count_parameters(chosen.config.model).total,
        "MiB": round(state_bytes(chosen.config) / 2**20, 1),
        "seconds_per_step": round(float(np.median(np.diff(list(timeline.done_at.values())))), 4),
        "saves": len(lost),
        "stopped": round(float(np.median(timeline.stopped)), 4),
        "lost": round(float(lost.mean()), 4),
        "lost_sem": round(float(lost.std(ddof=1) / len(lost) ** 0.5), 4),
        "percent_at_one_a_minute": round(float(100 * lost.mean() / MINUTE), 3),
    }
    print(pl.DataFrame([row]).write_json())


def measure(shape: str) -> pl.DataFrame:
    words = [sys.executable, "-m", "tests.benchmarks.saving", shape]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    return pl.read_json(done.stdout.splitlines()[-1].encode())


def main() -> None:
    write_dated("saving", pl.concat([measure(shape) for shape in SHAPES]).to_dicts())


if __name__ == "__main__":
    child(sys.argv[1]) if len(sys.argv) > 1 else main()
