"""One GPU: `python -m tests.benchmarks.gpu -o gpu.parquet`, at most eight minutes; asks no network.

Whole training runs (data, step, logging) at three sizes, bf16, context 2,048: tokens per second, model FLOPs
per second (matrices, causal attention and head) as a share of the rate of 8,192 x 8,192 products in bf16, and
peak memory; small steps, which wait for the launch of their kernels; points of a million parameters, one
alone and several in one program; and whether a run stopped and resumed on the device equals one left alone.
Where the time of a step goes, by kernel, is in a second table beside the first, `gpu-kernels.csv`.

Each part runs in a process of its own, so that all memory is free, and within a time of its own. The table is
written anew after each part, also after one that failed, which has its error there; then the exit code is 1.
`--tiny` is a dry run of everything, of sizes for a CPU.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from quarry.cache import cache_directory
from quarry.model.config import ModelConfig, modern
from quarry.model.counting import flops_exact
from quarry.train.config.experiment import DataConfig, Duration, Experiment, OptimizerConfig
from quarry.train.config.point_files import Point
from quarry.train.data.store_building import prepare_tokens
from quarry.train.hosts.platform import prepare
from quarry.train.record.files import read_jsonl
from quarry.train.record.points_table import write_table
from quarry.train.record.progress import Quiet
from quarry.train.record.run_directory import RunDirectory
from quarry.train.record.schema import WALL_CLOCK_COLUMNS
from tests.benchmarks.contenders import endless, product, training_rate
from tests.benchmarks.profile import profile
from tests.benchmarks.stacked import rate
from tests.benchmarks.tables import dated, table_of

BUDGET_SECONDS, PART_SECONDS = 480.0, 150.0
"""Of all parts and of one; what would begin after the first is left out, and says so."""

KERNELS = "kernels of "
ONE_BY_ONE = "--xla_gpu_enable_command_buffer="
"""Kernels that XLA launches as one CUDA graph are one event of a profile."""

Row = dict[str, Any]
COLUMNS = (
    "part", "tokens_per_second", "flops_per_second", "share_of_product", "tokens", "equal", "gib", "seconds",
    "error",
)  # fmt: skip


@dataclass(frozen=True)
class Scale:
    """Sizes by name: d_model, layers, heads, rows of a micro-batch; a step is two micro-batches.

    `small` has steps of few tokens: d_model, layers, heads, rows of a step, in bytes of context 128.
    Of those `profiled` the time of each kernel is in a second table.
    """

    sizes: Mapping[str, tuple[int, int, int, int]]
    small: Mapping[str, tuple[int, int, int, int]]
    profiled: tuple[str, ...]
    context: int
    tokenizer: str
    vocabulary: int
    member: ModelConfig
    members: tuple[int, ...]
    matrix: int
    seconds: float

    def parts(self) -> list[str]:
        """The most informative first."""
        return [
            "product",
            "corpus",
            *self.sizes,
            "resumed",
            *(f"{count} in one program" for count in self.members),
            *self.small,
            *(f"{KERNELS}{name}" for name in self.profiled),
        ]

    def experiment(self, name: str, corpus: str) -> Experiment:
        if name in self.small:
            width, layers, heads, rows = self.small[name]
            model = modern(width, layers, heads, context=128, compute_dtype="bfloat16")
            return Experiment(model=model, data=DataConfig(corpus), batch_tokens=rows * model.context)
        width, layers, heads, rows = self.sizes[name]
        shape = {"context": self.context, "vocab_size": self.vocabulary, "compute_dtype": "bfloat16"}
        return Experiment(
            model=modern(width, layers, heads, **shape),
            data=DataConfig(corpus, self.tokenizer),
            optimizer=OptimizerConfig(learning_rate=0.6 / width, beta2=0.95),
            batch_tokens=2 * rows * self.context,
            micro_batch_tokens=rows * self.context,
        )


REAL = Scale(
    sizes={"124M": (768, 12, 12, 32), "350M": (1024, 24, 16, 16), "1.3B": (2048, 24, 16, 8)},
    small={"25M, steps of 2,048": (512, 8, 32, 16), "85M, steps of 2,048": (768, 12, 48, 16)},
    profiled=("124M", "85M, steps of 2,048"),
    context=2048,
    tokenizer="bpe:32768",
    vocabulary=32_768,
    member=modern(128, 5, 4, context=256, compute_dtype="bfloat16"),
    members=(1, 8, 32),
    matrix=8192,
    seconds=8.0,
)
TINY = Scale(
    sizes={"3k": (16, 1, 1, 4)},
    small={"3k, steps of 256": (16, 1, 1, 2)},
    profiled=("3k",),
    context=64,
    tokenizer="bytes",
    vocabulary=256,
    member=modern(16, 1, 1, context=64, compute_dtype="bfloat16"),
    members=(1, 2),
    matrix=128,
    seconds=0.2,
)


def measure(part: str, scale: Scale, corpus: str) -> Row:
    """The figures of one part, measured in this process."""
    if part == "product":
        return {"flops_per_second": product(scale.seconds, scale.matrix, "bfloat16")}
    if part in (*scale.sizes, *scale.small):
        config = scale.experiment(part, corpus)
        tokens = training_rate(config, scale.seconds)
        return {"tokens_per_second": tokens, "flops_per_second": tokens * flops_exact(config.model)}
    if part == "corpus":
        store = prepare_tokens(corpus, scale.tokenizer, cache_directory())
        return {"tokens": store.n_tokens("train")}
    context = scale.member.context
    small = Experiment(model=scale.member, data=DataConfig(corpus), batch_tokens=8 * context)
    if part == "resumed":
        return {"equal": resumed_equals_whole(small)}
    return {"tokens_per_second": rate(small, int(part.split()[0]), scale.seconds)}


def resumed_equals_whole(config: Experiment, steps: int = 40) -> bool:
    """Whether a run that broke off after half of its steps and goes on has the curve of one left alone."""
    from quarry.train.run.loop import train

    class Interrupted(Quiet):
        def update(self, step: int, loss: float, tokens_per_second: float) -> None:
            if step >= steps * 3 // 4:
                raise KeyboardInterrupt

    half = replace(config.checkpoint, at_tokens=(steps // 2 * config.batch_tokens,))
    config = replace(endless(config), duration=Duration(steps=steps), log_every=1, checkpoint=half)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        point = Point("bench", "point", config, folder)
        try:
            train(point, folder / "twice", cache_directory(), Interrupted())
        except KeyboardInterrupt:
            train(point, folder / "twice", cache_directory(), Quiet())
        train(point, folder / "once", cache_directory(), Quiet())
        twice, once = (_curve(folder / way / point.run) for way in ("twice", "once"))
    return twice == once and len(once) == steps


def _curve(run: Path) -> list[Row]:
    """The logged steps of a run without their times."""
    logged = read_jsonl(RunDirectory(run).metrics)
    return [{name: row[name] for name in row if name not in WALL_CLOCK_COLUMNS} for row in logged]


@dataclass(frozen=True)
class OwnProcess:
    """Measures a part in a process of its own."""

    corpus: str
    output: Path

    def __call__(self, part: str, scale: Scale, seconds: float) -> Row:
        """The figures of a part and the peak GiB of the device. Raises RuntimeError with what it said."""
        words = [sys.executable, "-m", "tests.benchmarks.gpu", "--part", part]
        words += ["--corpus", self.corpus, "-o", str(self.output)] + ["--tiny"] * (scale is TINY)
        flags = f"{os.environ.get('XLA_FLAGS', '')} {ONE_BY_ONE if part.startswith(KERNELS) else ''}".strip()
        environment = os.environ | {"XLA_FLAGS": flags}
        try:
            done = subprocess.run(words, env=environment, text=True, capture_output=True, timeout=seconds)
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"took more than {seconds:.0f} s") from None
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        return json.loads(done.stdout.splitlines()[-1])


def rows(
    scale: Scale, run: Callable[[str, Scale, float], Row], budget: float = BUDGET_SECONDS
) -> Iterator[Row]:
    """A row for each part: its figures, or why there are none; all of one kind for the same columns."""
    ceiling, until = None, time.monotonic() + budget
    for part in scale.parts():
        row: Row = dict.fromkeys(COLUMNS) | {"part": part}
        left = until - time.monotonic()
        try:
            if left <= 0:
                raise RuntimeError(f"left out: the {budget:.0f} s of all parts were over")
            began = time.monotonic()
            row |= run(part, scale, min(left, PART_SECONDS))
            row["seconds"] = round(time.monotonic() - began, 1)
        except Exception as error:
            row["error"] = str(error) or type(error).__name__
        ceiling = row["flops_per_second"] if part == "product" else ceiling
        if ceiling and row["flops_per_second"]:
            row["share_of_product"] = round(row["flops_per_second"] / ceiling, 3)
        yield row


def run_part(part: str, scale: Scale, corpus: str, kernels: Path) -> None:
    """Measure one part here, and print its figures as JSON, or add the kernels of its step to their table."""
    prepare(cache_directory())
    if part.startswith(KERNELS):
        found: Row = {}
        add_kernels(part, profile(scale.experiment(part.removeprefix(KERNELS), corpus)), kernels)
    else:
        found = measure(part, scale, corpus)
    import jax

    taken = (jax.local_devices()[0].memory_stats() or {}).get("peak_bytes_in_use", 0)
    print(json.dumps(found | {"gib": round(taken / 2**30, 2)}))


def add_kernels(part: str, found: pl.DataFrame, output: Path) -> None:
    """Add the kernels of a part to the table, in the place of those it had."""
    known = [pl.read_csv(output).filter(pl.col("part") != part)] if output.exists() else []
    write_table(pl.concat([*known, found.select(pl.lit(part).alias("part"), pl.all())]), output)


def main(words: Sequence[str] | None = None) -> int:
    """Run the parts one after the other; returns the exit code."""
    parser = argparse.ArgumentParser(
        "python -m tests.benchmarks.gpu", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("-o", "--output", type=Path, default=dated("gpu"), help="a .csv or .parquet file")
    parser.add_argument("--tiny", action="store_true", help="a dry run of sizes for a CPU")
    parser.add_argument("--corpus", default=DataConfig().corpus, help="the text (default: %(default)s)")
    parser.add_argument("--part", help="only this one, printed as JSON")
    options = parser.parse_args(words)
    scale = TINY if options.tiny else REAL
    kernels = options.output.with_name(f"{options.output.stem}-kernels.csv")
    if options.part:
        run_part(options.part, scale, options.corpus, kernels)
        return 0
    return write_rows(rows(scale, OwnProcess(options.corpus, options.output)), options.output)


def write_rows(found: Iterator[Row], output: Path) -> int:
    """Write the table anew after each row; returns the exit code, 1 if a part failed."""
    known: list[Row] = []
    for row in found:
        known.append(row)
        print({name: value for name, value in row.items() if value is not None}, flush=True)
        write_table(table_of(known), output)
    return int(any(row["error"] for row in known) or any(row["equal"] is False for row in known))


if __name__ == "__main__":
    raise SystemExit(main())
