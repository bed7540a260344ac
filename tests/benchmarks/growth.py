"""How run times grow with the amount of work: `python -m tests.benchmarks.growth` writes a dated table.

Seconds of one run against the rows it logs and against the size of its corpus; seconds of a sweep against its
points; seconds of `quarry points` and `quarry report` against the run directories they read, of `quarry fit`
against the rows of its table, and of `quarry data get` against the MB of its text (files of `linux-c`), with
the peak memory of the command. Each has the exponent of a power law fitted to the seconds, and that between
the last two sizes (of processor time, where it is measured): 0 means no growth, 1 proportional growth.
`--only TEXT` measures what has TEXT in its name, and puts TEXT into the name of the table.
"""

import argparse
import dataclasses
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from quarry.analysis.laws.catalog import find_law
from quarry.cache import cache_directory
from quarry.model.config import modern
from quarry.train.config.experiment import DataConfig, Duration, EvaluationConfig, Experiment
from quarry.train.config.point_files import Point
from quarry.train.hosts.platform import prepare
from quarry.train.record.points_table import points_table
from quarry.train.record.progress import Quiet
from quarry.train.record.run_directory import RunDirectory
from quarry.train.run.loop import train
from tests.analysis.synthetic_runs import write_run
from tests.benchmarks.tables import write_dated


class Cost(NamedTuple):
    """Seconds by the clock, and of a command its peak GiB and seconds of processor time."""

    seconds: float
    gib: float | None = None
    processor: float | None = None


TRUTH = {"L_inf": 1.8, "A": 480.0, "alpha": 0.35, "B": 2100.0, "beta": 0.37}

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


def with_table(rows: int, folder: Path) -> Cost:
    """A whole `quarry fit` of chinchilla, 1,000 draws, to so many runs drawn from it."""
    rng, law = np.random.default_rng(0), find_law("chinchilla")
    scale = {"N": 10 ** rng.uniform(6, 9, rows), "E": 10 ** rng.uniform(8, 11, rows)}
    loss = np.asarray(law.predict(TRUTH, scale)) * np.exp(0.005 * rng.standard_normal(rows))
    table = folder / f"{rows}.parquet"
    pl.DataFrame(scale | {"loss": loss, "run": range(rows)}).write_parquet(table)
    return command_cost("fit", str(table), "--law", "chinchilla", "--bootstrap", "1000")


def with_report(count: int, folder: Path) -> Cost:
    """A whole `quarry report` of so many runs whose losses are drawn from a law."""
    rng, root = np.random.default_rng(0), folder / f"reported{count}"
    for number in range(count):
        tokens = int(1e6 * 2 ** rng.integers(6))
        n = int(8000 * 2 ** rng.uniform(0, 8))
        write_run(root / "study" / f"p{number}", n=n, tokens=tokens, unique=tokens, seed=number)
    return command_cost("report", str(root), "-o", str(folder / "report.html"))


def with_text(megabytes: int, folder: Path, tokenizer: str = "bytes") -> Cost:
    """A whole `quarry data get` of so many MB of files of `linux-c`; when all are read, of copies."""
    texts, left = folder / f"text{megabytes}", megabytes * 1e6
    texts.mkdir()
    for number, text in enumerate(numbered_texts()):
        if (left := left - len(text.encode())) < 0:
            break
        (texts / f"{number}.c").write_text(text, encoding="utf-8")
    cache = folder / f"cache{megabytes}"
    cost = command_cost("data", "get", f"folder:{texts}", "--tokenizer", tokenizer, "--cache", str(cache))
    shutil.rmtree(texts)
    shutil.rmtree(cache)
    return cost


def numbered_texts() -> Iterator[str]:
    """The files of `linux-c` again and again, all different: those of a later round begin with its number."""
    from quarry.train.data.corpora import open_corpus

    corpus = open_corpus("linux-c", cache_directory() / "corpora")
    for round_ in itertools.count():
        for document in corpus:
            yield f"// {round_}\n{document.text}" if round_ else document.text


OF_CHILD = """import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(usage.ru_maxrss / 2**20, usage.ru_utime + usage.ru_stime)"""
"""Runs a command from a small process: a child's peak counts the memory of the process it was forked from."""


def command_cost(*words: str) -> Cost:
    """Seconds of `quarry WORDS`, its peak GiB, and its processor time."""
    command = [sys.executable, "-c", OF_CHILD, sys.executable, "-m", "quarry", *words]
    began = time.monotonic()
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds = time.monotonic() - began
    return Cost(seconds, *map(float, answer.stdout.split()))


MEASUREMENTS: dict[str, tuple[Callable[[int, Path], float | Cost], tuple[int, ...]]] = {
    "2,000 steps, by rows logged": (with_rows, (20, 200, 2000)),
    "2,000 steps, by unique tokens": (with_tokens, (2**14, 2**17, 2**20, 2**23)),
    "a sweep, by points": (with_points, (2, 8, 32, 128, 512)),
    "the points table, by runs": (with_runs, (100, 1000, 10_000)),
    "a fit, by rows": (with_table, (240, 1000, 10_000, 100_000)),
    "a report, by runs": (with_report, (10, 100, 1000, 10_000)),
    "a store of bytes, by MB": (with_text, (1, 4, 16, 64, 256, 1024, 4096, 16_384)),
    "a store of bpe:8192, by MB": (partial(with_text, tokenizer="bpe:8192"), (1, 4, 16, 64, 256, 1024)),
}


def measure(what: str, most: int) -> list[dict[str, object]]:
    """A row per size, each with the exponent over all sizes."""
    of, sizes = MEASUREMENTS[what]
    sizes = tuple(size for size in sizes if size <= most)
    with tempfile.TemporaryDirectory() as folder:
        of(sizes[0], Path(folder) / "warm") if what.startswith("2,000") else None
        costs = [_cost(what, of, size, Path(folder)) for size in sizes]
    seconds = [cost.seconds for cost in costs]
    exponent = round(float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0]), 3)
    growth = np.diff(np.log([cost.processor or cost.seconds for cost in costs])) / np.diff(np.log(sizes))
    rows: list[dict[str, object]] = [
        {
            "what": what,
            "size": size,
            "seconds": round(cost.seconds, 2),
            "gib": cost.gib and round(cost.gib, 2),
            "processor_seconds": cost.processor and round(cost.processor, 2),
            "exponent": exponent,
            "exponent_of_last": round(float(growth[-1]), 3),
        }
        for size, cost in zip(sizes, costs, strict=True)
    ]
    print(*rows, sep="\n", flush=True)
    return rows


def _cost(what: str, of: Callable[[int, Path], float | Cost], size: int, folder: Path) -> Cost:
    """One measurement, printed at once: the largest take long."""
    cost = of(size, folder)
    cost = cost if isinstance(cost, Cost) else Cost(cost)
    print(what, size, cost, flush=True)
    return cost


def main() -> None:
    parser = argparse.ArgumentParser("python -m tests.benchmarks.growth", description=__doc__)
    parser.add_argument("--only", default="", help="measure what has this in its name")
    parser.add_argument("--most", type=int, default=10**9, help="leave out larger sizes")
    options = parser.parse_args()
    chosen = [what for what in MEASUREMENTS if options.only in what]
    if any(what.startswith("2,000") for what in chosen):
        prepare(cache_directory(), 1)
    name = "-".join(["growth", *re.findall(r"\w+", options.only)])
    write_dated(name, (row for what in chosen for row in measure(what, options.most)))


if __name__ == "__main__":
    main()
