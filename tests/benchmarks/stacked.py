"""Points of one shape in one program: `python -m tests.benchmarks.stacked`, in six minutes.

Whole training runs (data, step, logging) of members that differ in their seeds: tokens per second of all
together, one at a time and by `quarry sweep --stack`, on one core or one accelerator, each in its own
process. `python -m tests.benchmarks.stacked 64 2 4 128 8` is eight points of d_model 64, two layers, four
heads, 128 positions. Writes a dated table.
"""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from rich.console import Console

from quarry.cache import cache_directory
from quarry.cores import available_cores
from quarry.model.config import modern
from quarry.train.config.experiment import Experiment
from quarry.train.config.point_files import Point
from quarry.train.hosts.platform import prepare
from quarry.train.record.files import read_jsonl
from quarry.train.record.run_directory import RunDirectory
from tests.benchmarks.contenders import endless, training_rate
from tests.benchmarks.tables import write_dated

SHAPES = {"6k": (16, 2, 1, 128), "25k": (32, 2, 2, 128), "99k": (64, 2, 4, 128), "1M": (128, 5, 4, 256)}
"""Parameters -> d_model, layers, heads, context."""
MEMBERS, ROWS, SECONDS = (1, 2, 4, 8), 8, 6.0


def rate(config: Experiment, members: int, seconds: float) -> float:
    """Tokens per second of all members together, without compilation."""
    if members == 1:
        return training_rate(config, seconds)
    from quarry.train.launch.stack_worker import train_together

    with tempfile.TemporaryDirectory() as name:
        seeds = (dataclasses.replace(endless(config), seed_init=seed) for seed in range(members))
        points = [Point("bench", f"p{seed}", one, Path(name)) for seed, one in enumerate(seeds)]
        runs = [Path(name) / point.run for point in points]
        threading.Thread(target=_stop_after, args=(runs[-1], seconds), daemon=True).start()
        train_together(points, Path(name), cache_directory(), Console(quiet=True))
        return sum(map(_rate_to_the_end, runs))


def _rate_to_the_end(run: Path) -> float:
    """Tokens per second from the first to the last row of a record: the rows of a stack come in bursts."""
    first, *_, last = read_jsonl(RunDirectory(run).metrics)
    return (last["tokens"] - first["tokens"]) / (last["wall_seconds"] - first["wall_seconds"])


def _stop_after(run: Path, seconds: float) -> None:
    """Ask this process to stop once the run has trained for `seconds`."""
    metrics = RunDirectory(run).metrics
    while not metrics.exists() or not read_jsonl(metrics):
        time.sleep(0.2)
    time.sleep(seconds)
    os.kill(os.getpid(), signal.SIGTERM)


def experiment(width: int, layers: int, heads: int, context: int) -> Experiment:
    return Experiment(model=modern(width, layers, heads, context=context), batch_tokens=ROWS * context)


def row(name: str, members: int) -> dict[str, object]:
    """A measurement in its own process, on the last core."""
    words = [sys.executable, "-m", "tests.benchmarks.stacked", *map(str, SHAPES[name]), str(members)]
    pinned = ["taskset", "-c", str(available_cores()[-1]), *words]
    done = subprocess.run(
        pinned, check=True, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": "."}
    )
    row = {"parameters": name, "members": members, "tokens_per_second": json.loads(done.stdout)}
    print(row, flush=True)
    return row


def main() -> None:
    write_dated("stacked", [row(name, members) for name in SHAPES for members in MEMBERS])


if __name__ == "__main__":
    if len(sys.argv) == 1:
        main()
    else:
        *shape, count = map(int, sys.argv[1:])
        prepare(cache_directory())
        print(round(rate(experiment(*shape), count, SECONDS)))
