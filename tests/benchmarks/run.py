"""`make bench`: tokens per second of whole training steps, side by side, as a dated table.

Contenders take turns within a repeat, so that a machine whose speed drifts treats them alike; the table
holds the median over repeats. It is written to runs/benchmarks/<date>.csv. PyTorch is measured where it is
installed (pip install torch).
"""

import datetime
import importlib.util
import os
import statistics
import subprocess
import sys
from pathlib import Path

import polars as pl

from train.record import write_table

SHAPES = {
    "32x2x2": (32, 2, 2, 32),
    "64x2x2": (64, 2, 2, 16),
    "128x4x4": (128, 4, 4, 16),
    "256x6x4": (256, 6, 4, 8),
}
"""d_model x layers x heads: d_model, layers, heads, rows of 256 tokens in a batch."""
REPEATS, SECONDS = 3, 8.0


def contenders() -> dict[str, tuple[str, int]]:
    """Name of a column -> contender and the cores it is given."""
    cores = len(os.sched_getaffinity(0))
    named = {"quarry, 1 core": ("quarry", 1), "plain flax, all cores": ("flax", cores)}
    if importlib.util.find_spec("torch") is not None:
        named |= {"torch.compile, 1 core": ("torch", 1), "torch.compile, all cores": ("torch", cores)}
    return named


def measure(contender: str, cores: int, shape: tuple[int, ...]) -> float:
    """Tokens per second of one run in a process of its own."""
    allowed = sorted(os.sched_getaffinity(0))[-cores:]
    words = [sys.executable, "-m", "tests.benchmarks.contenders", contender, *map(str, shape), str(SECONDS)]
    pinned = ["taskset", "-c", ",".join(map(str, allowed)), *words]
    done = subprocess.run(
        pinned, capture_output=True, text=True, check=True, env=os.environ | {"PYTHONPATH": "."}
    )
    return float(done.stdout.split()[-1])


def table() -> pl.DataFrame:
    """A row per shape, a column per contender, in tokens per second."""
    rows = []
    for name, shape in SHAPES.items():
        rates = {column: [] for column in contenders()}
        for _ in range(REPEATS):
            for column, (contender, cores) in contenders().items():
                rates[column].append(measure(contender, cores, shape))
        rows.append(
            {"shape": name} | {column: round(statistics.median(found)) for column, found in rates.items()}
        )
        print(rows[-1], flush=True)
    return pl.DataFrame(rows)


def main() -> None:
    result = table()
    output = Path("runs/benchmarks") / f"{datetime.date.today()}.csv"
    write_table(result, output)
    print(result, f"-> {output}", sep="\n")


if __name__ == "__main__":
    main()
