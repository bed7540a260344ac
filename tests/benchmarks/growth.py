"""How run times grow with the amount of work: `python -m tests.benchmarks.growth` writes a dated table.

Seconds of one run against the rows it logs and against the size of its corpus; seconds of a sweep against its
points; seconds of `quarry points` against the run directories it reads. Each has the exponent of a power law
fitted to the measurements: 0 means no growth, 1 proportional growth.
"""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from quarry.cache import cache_directory
from quarry.model.config import modern
from quarry.train.config.experiment import DataConfig, Duration, EvaluationConfig, Experiment
from quarry.train.config.point_files import Point
from quarry.train.hosts.platform import prepare
from quarry.train.record.points_table import points_table
from quarry.train.record.progress import Quiet
from quarry.train.record.run_directory import RunDirectory
from quarry.train.run.loop import train
from tests.benchmarks.tables import write_dated

BASE = Experiment(
    model=modern(32, 2, 2, context=128),
    duration=Duration(steps=2000),
    evaluation=EvaluationConfig(validation_tokens=4096, test_tokens=4096, count=1),
    batch_tokens=1024,
    log_every=10,
)
POINT_FILE = """from quarry.model.config import modern
from quarry.train.config.experiment import DataConfig, Duration, EvaluationConfig, Experiment

config = Experiment(
    model=modern(16, 1, 1, context=32),
    duration=Duration(steps=10),
    evaluation=EvaluationConfig(validation_tokens=512, test_tokens=512, count=1),
    batch_tokens=256,
    seed_init={seed},
)
"""


def run_seconds(config: Experiment, folder: Path) -> float:
    """Seconds of the steps of one run by its own record, without start and compilation."""
    point = Point("growth", f"point-{time.monotonic_ns()}", config, Path("point.py"))
    train(point, folder, cache_directory(), Quiet())
    rows = [json.loads(row) for row in (folder / point.run / "metrics.jsonl").open()]
    return rows[-1]["wall_seconds"] - rows[0]["wall_seconds"]


def with_rows(rows: int, folder: Path) -> float:
    """Seconds of 2,000 steps that log so many rows."""
    return run_seconds(dataclasses.replace(BASE, log_every=2000 // rows), folder)


def with_tokens(tokens: int, folder: Path) -> float:
    """Seconds of 2,000 steps on so many unique tokens."""
    return run_seconds(dataclasses.replace(BASE, data=DataConfig(unique_tokens=tokens)), folder)


def with_points(count: int, folder: Path) -> float:
    """Seconds of a sweep of so many points that train for a moment, on all cores."""
    study = folder / f"sweep{count}"
    study.mkdir()
    for seed in range(count):
        (study / f"p{seed}.py").write_text(POINT_FILE.format(seed=seed), encoding="utf-8")
    words = ["-m", "quarry", "sweep", str(study), "--workdir", str(folder / f"runs{count}")]
    began = time.monotonic()
    subprocess.run([sys.executable, *words], check=True, capture_output=True)
    return time.monotonic() - began


def with_runs(count: int, folder: Path) -> float:
    """Seconds of reading so many run directories into the points table."""
    point = Point("growth", "read", dataclasses.replace(BASE, duration=Duration(steps=10)), Path("point.py"))
    train(point, folder / "one", cache_directory(), Quiet())
    one, root = RunDirectory(folder / "one" / point.run), folder / f"many{count}"
    for number in range(count):
        copy = root / f"study{number // 100}" / f"p{number}"
        shutil.copytree(one.path, copy, copy_function=os.link)
    began = time.monotonic()
    assert len(points_table(root)) == 2 * count
    seconds = time.monotonic() - began
    shutil.rmtree(root)
    return seconds


MEASUREMENTS: dict[str, tuple[Callable[[int, Path], float], tuple[int, ...]]] = {
    "2,000 steps, by rows logged": (with_rows, (20, 200, 2000)),
    "2,000 steps, by unique tokens": (with_tokens, (2**14, 2**17, 2**20, 2**23)),
    "a sweep, by points": (with_points, (2, 8, 32, 128, 512)),
    "the points table, by runs": (with_runs, (100, 1000, 10_000)),
}


def measure(what: str) -> list[dict[str, object]]:
    """A row per size, each with the exponent over all sizes."""
    of, sizes = MEASUREMENTS[what]
    with tempfile.TemporaryDirectory() as folder:
        of(sizes[0], Path(folder) / "warm") if what.startswith("2,000") else None
        seconds = [of(size, Path(folder)) for size in sizes]
    exponent = round(float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0]), 3)
    rows: list[dict[str, object]] = [
        {"what": what, "size": size, "seconds": round(taken, 2), "exponent": exponent}
        for size, taken in zip(sizes, seconds, strict=True)
    ]
    print(*rows, sep="\n", flush=True)
    return rows


def main() -> None:
    prepare(cache_directory(), 1)
    write_dated("growth", (row for what in MEASUREMENTS for row in measure(what)))


if __name__ == "__main__":
    main()
