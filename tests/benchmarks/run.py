"""`make bench`: whole training steps side by side; 60 runs of 4 s plus their starts; writes a dated table.

`python -m tests.benchmarks.run 512x8x8 768x12x12` measures other shapes of `SHAPES`.

Contenders take turns within a repeat, so that a drift of the speed of the machine affects all equally. The
table holds medians over repeats: tokens per second; model FLOPs per second (matrices, causal attention and
head), also as a share of the rate of one large fp32 matrix product on as many cores; and peak memory of a
process. It is written to runs/benchmarks/cpu-<date>.csv. PyTorch is included if `make torch-baseline` has
installed it.
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from quarry.model.config import modern
from quarry.model.counting import flops_exact
from tests.benchmarks.tables import write_dated


class Shape(NamedTuple):
    """A model and its batch: `rows` sequences of `context` tokens."""

    d_model: int
    layers: int
    heads: int
    rows: int
    context: int


SHAPES = {
    "32x2x2": Shape(32, 2, 2, 32, 256),
    "64x2x2": Shape(64, 2, 2, 16, 256),
    "128x4x4": Shape(128, 4, 4, 16, 256),
    "256x6x4": Shape(256, 6, 4, 8, 256),
    "512x8x8": Shape(512, 8, 8, 4, 512),
    "768x12x12": Shape(768, 12, 12, 4, 512),
    "16x3x1": Shape(16, 3, 1, 8, 128),
    "64x3x4": Shape(64, 3, 4, 8, 128),
    "128x3x8": Shape(128, 3, 8, 8, 128),
}
"""By d_model x layers x heads; the last three are the demo's until 2026-11-30, with heads of 16 features."""
USUAL = ("32x2x2", "64x2x2", "128x4x4", "256x6x4")
REPEATS, SECONDS = 3, 4.0
TORCH = Path(".cache/torch/bin/python")


def contenders() -> dict[str, tuple[str, list[list[int]]]]:
    """For each contender the function that runs it, and the cores of each of its processes."""
    cores = sorted(os.sched_getaffinity(0))
    apart, together = [[core] for core in cores], [cores]
    named = {
        "quarry, 1 core": ("quarry", apart[-1:]),
        "quarry, a point on each core": ("quarry", apart),
        "plain flax, all cores": ("flax", together),
    }
    if TORCH.exists():
        named |= {
            "torch.compile, 1 core": ("torch", apart[-1:]),
            "torch.compile, all cores": ("torch", together),
        }
    return named


def measure(contender: str, cores: list[list[int]], *words: object) -> tuple[float, float]:
    """Run a process on each group of cores at once: the sum of their rates, and the largest MiB of one."""
    python = TORCH if contender == "torch" else sys.executable
    command = [python, "-m", "tests.benchmarks.contenders", contender, *words, SECONDS]
    running = [
        subprocess.Popen(
            ["taskset", "-c", ",".join(map(str, group)), *map(str, command)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | {"PYTHONPATH": "."},
        )
        for group in cores
    ]
    lines = [process.communicate()[0].splitlines() for process in running]
    if any(process.returncode for process in running):
        raise RuntimeError(f"failed: {' '.join(map(str, command))}")
    found = [json.loads(output[-1]) for output in lines]
    return sum(one["rate"] for one in found), max(one["mib"] for one in found)


def rows(shapes: Sequence[str]) -> list[dict[str, object]]:
    """A row per shape and contender."""
    every = sorted(os.sched_getaffinity(0))
    ceilings = {n: measure("product", [every[-n:]])[0] for n in {1, len(every)}}
    measured = []
    for name in shapes:
        shape = SHAPES[name]
        found = {column: [] for column in contenders()}
        for _ in range(REPEATS):
            for column, (contender, cores) in contenders().items():
                found[column].append(measure(contender, cores, *shape))
        flops = flops_exact(modern(shape.d_model, shape.layers, shape.heads, context=shape.context))
        for column, (_, cores) in contenders().items():
            rate, mib = (statistics.median(values) for values in zip(*found[column], strict=True))
            measured.append(_row(name, column, rate, mib, rate * flops, ceilings[sum(map(len, cores))]))
            print(measured[-1], flush=True)
    return measured


def _row(shape: str, column: str, rate: float, mib: float, flops: float, ceiling: float) -> dict[str, object]:
    return {
        "shape": shape,
        "contender": column,
        "tokens_per_second": round(rate),
        "model_gflops_per_second": round(flops / 1e9, 1),
        "share_of_product": round(flops / ceiling, 3),
        "mib": round(mib),
    }


def main() -> None:
    write_dated("cpu", rows(sys.argv[1:] or USUAL))


if __name__ == "__main__":
    main()
