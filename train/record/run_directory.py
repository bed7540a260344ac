"""The run record: what a run leaves on disk, and the one table every analysis reads.

A run directory `runs/<study>/<point>/` holds

    config.json     the resolved experiment
    metrics.jsonl   append-only, a row per logged training step
    evals.jsonl     append-only, a row per evaluation
    events.jsonl    append-only: what went wrong and what was done about it
    run.json        status, counts, versions, device, seeds, data manifest
    checkpoints/    Orbax

This module knows the files and their columns, and nothing of models or arrays, so that the analysis can
import it without importing JAX.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import polars as pl

from quarry.errors import RecordError

Status = Literal["running", "finished", "diverged", "preempted", "failed"]

DONE: tuple[Status, ...] = ("finished", "diverged")
"""A run that is not gone on with: a diverged one is a result."""

FILES = (
    "config.json",
    "metrics.jsonl",
    "evals.jsonl",
    "events.jsonl",
    "metrics.parquet",
    "evals.parquet",
    "run.json",
)
"""The record of a run, its status last."""

LOCK = ".lock"
"""Held by the process that trains the run."""

WALL_CLOCK_COLUMNS = ("tokens_per_second", "wall_seconds")
"""The only columns that may differ between a run and the same run killed and resumed."""

POINT_COLUMNS: dict[str, pl.DataType] = {
    "study": pl.String(),
    "point": pl.String(),
    "trunk": pl.String(),  # the point that this one is a branch of
    "status": pl.String(),
    "split": pl.String(),  # validation | test
    "annealed": pl.Boolean(),  # the learning rate had decayed when the loss was measured
    "step": pl.Int64(),
    "tokens": pl.Int64(),  # E, processed
    "unique_tokens": pl.Int64(),  # U, available
    "epochs": pl.Float64(),  # E / U
    "batch_tokens": pl.Int64(),  # B
    "n_params": pl.Int64(),
    "n_nonembedding": pl.Int64(),
    "n_head": pl.Int64(),
    "n_embedding": pl.Int64(),
    "flops_6ne": pl.Float64(),  # 6 * n_nonembedding * tokens
    "flops_exact": pl.Float64(),  # head and causal attention counted
    "flops_xla": pl.Float64(),  # what XLA counted for the training step
    "loss": pl.Float64(),  # nats per token, fp32
    "loss_sem": pl.Float64(),  # standard error over sequences
    "unigram_entropy": pl.Float64(),  # L_0: of the same text under the training split's token counts, nats
    "bits_per_byte": pl.Float64(),
    "learning_rate": pl.Float64(),  # of the step before the measurement
    "peak_learning_rate": pl.Float64(),
    "weight_decay": pl.Float64(),
    "dropout": pl.Float64(),
    "train_loss": pl.Float64(),  # of the last logged step
    "d_model": pl.Int64(),
    "n_layers": pl.Int64(),
    "context": pl.Int64(),
    "vocab_size": pl.Int64(),
    "seed_init": pl.Int64(),
    "seed_order": pl.Int64(),
    "draw": pl.Int64(),  # which U tokens of the corpus
    "corpus": pl.String(),
    "tokenizer": pl.String(),
    "gzip_bits_per_byte": pl.Float64(),  # of gzip -9 on the scored test text
    "xz_bits_per_byte": pl.Float64(),
    "device": pl.String(),
    "wall_seconds": pl.Float64(),
}
"""One row per evaluation; units: tokens, parameters, FLOPs, nats per token."""

_RUN_COLUMNS = (
    "trunk",
    "unique_tokens",
    "batch_tokens",
    "peak_learning_rate",
    "weight_decay",
    "dropout",
    "n_params",
    "n_nonembedding",
    "n_head",
    "n_embedding",
    "d_model",
    "n_layers",
    "context",
    "vocab_size",
    "seed_init",
    "seed_order",
    "draw",
    "device",
)


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """Rows of a JSONL file; a torn last line (the process died while writing it) is dropped.

    Raises RecordError if any line but the last is damaged.
    """
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            rows += [json.loads(line)] if line.strip() else []
        except ValueError:
            if number < len(lines):
                raise RecordError(f"{path}, line {number} is damaged: {line[:60]!r}") from None
    return rows


def read_last_row(path: Path, tail_bytes: int = 4096) -> dict[str, Any] | None:
    """The last whole row of a log that is being written, None before the first."""
    if not path.exists():
        return None
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - tail_bytes))
        lines = file.read().split(b"\n")[:-1]
    return json.loads(lines[-1]) if lines else None


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A place to write what is to become `path`: once the block ends well it takes its place whole."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Replace `path` by `value` atomically: a reader sees the old file or the new one, never half."""
    with replacing(path) as partial, partial.open("w", encoding="utf-8") as file:
        json.dump(value, file, indent=2, allow_nan=True)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())


def keep_rows(path: Path, through_step: int) -> None:
    """Drop the rows after `through_step`: a resumed run will write them again, the same."""
    rows = [row for row in read_jsonl(path) if row["step"] <= through_step]
    with replacing(path) as partial:
        partial.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


class JsonlLog:
    """An append-only log of rows, each flushed as it is written."""

    def __init__(self, path: Path):
        self._file = path.open("a", encoding="utf-8")

    def append(self, row: Mapping[str, Any]) -> None:
        """Write one row; a crash can tear only this line."""
        self._file.write(json.dumps(dict(row)) + "\n")
        self._file.flush()

    def sync(self) -> None:
        """Put the rows where they outlive the machine: on the disk, or in the bucket behind a mounted one."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


@dataclass(frozen=True)
class RunDirectory:
    """The files of one run. `path` is `runs/<study>/<point>`."""

    path: Path

    def __str__(self) -> str:
        """Where the run is, as its user knows it."""
        return str(self.path)

    @property
    def config(self) -> Path:
        return self.path / "config.json"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def evals(self) -> Path:
        return self.path / "evals.jsonl"

    @property
    def events(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def run(self) -> Path:
        return self.path / "run.json"

    @property
    def checkpoints(self) -> Path | str:
        """A folder, or its address on a bucket."""
        return self.path / "checkpoints"

    @property
    def name(self) -> str:
        """`<study>/<point>`."""
        return f"{self.path.parent.name}/{self.path.name}"

    def seal(self) -> str | None:
        """What the process that trains it has written into it; None if no process has."""
        lock = self.path / LOCK
        return lock.read_text(encoding="utf-8") if lock.exists() else None

    def fetch(self, names: Sequence[str] = FILES) -> None:
        """Make files of the record what they are where the run is kept; here that is `path`."""

    def send(self) -> None:
        """Put the record where the run is kept; here that is `path`."""

    def read_run(self) -> dict[str, Any]:
        """`run.json`, or {} before the run has begun. Raises RecordError if it is damaged."""
        if not self.run.exists():
            return {}
        try:
            return dict(json.loads(self.run.read_text(encoding="utf-8")))
        except (ValueError, TypeError):
            raise RecordError(f"{self.run} is damaged; delete it and train again to rebuild it") from None

    def status(self) -> Status | None:
        """The status of the run, None before it has begun."""
        status = self.read_run().get("status")
        return status if status in get_args(Status) else None

    def write_run(self, **fields: Any) -> None:
        """Set `fields` in run.json, keeping the others."""
        write_json(self.run, self.read_run() | fields)

    def add_event(self, event: str, step: int, sentence: str) -> None:
        """Record that something happened; a line that a crash has torn is dropped first."""
        keep_rows(self.events, sys.maxsize)
        log = JsonlLog(self.events)
        log.append({"time": time.time(), "step": step, "event": event, "sentence": sentence})
        log.close()

    def finish(self, status: Status) -> None:
        """Record the end of the run, then write both logs as Parquet too."""
        self.write_run(status=status, ended=time.time())
        for log in (self.metrics, self.evals):
            rows = read_jsonl(log)
            if rows:
                pl.from_dicts(rows, infer_schema_length=None).write_parquet(log.with_suffix(".parquet"))


class Onlooker(RunDirectory):
    """A run directory as a process sees it that does not write: of several hosts, all but the first."""

    def write_run(self, **fields: Any) -> None:
        """The first host writes it."""

    def add_event(self, event: str, step: int, sentence: str) -> None:
        """The first host records it."""

    def finish(self, status: Status) -> None:
        """The first host does it."""


def best_step(evals: Iterable[Mapping[str, Any]]) -> int | None:
    """The step of the lowest validation loss, the first of equals; None before any was measured."""
    losses = [(row["loss"], row["step"]) for row in evals if row["split"] == "validation"]
    return min(((loss, step) for loss, step in losses if loss is not None), default=(None, None))[1]


def find_runs(root: Path) -> list[RunDirectory]:
    """Every run directory at or below `root`, a folder or `gs://...`, by name.

    Raises RecordError if there is none.
    """
    root = on_this_machine(root)
    if not root.is_dir():
        raise RecordError(f"no such directory of runs: {root}")
    found = []
    for folder, below, files in os.walk(root):
        if "run.json" in files:
            found.append(Path(folder))
            below.clear()  # checkpoints: many folders, on a network disk slow to list
    if not found:
        raise RecordError(f"no run below {root}: a run directory holds a run.json")
    return [RunDirectory(path) for path in sorted(found)]


def named(root: Path) -> str:
    """`root` as its user wrote it: pathlib takes one slash of gs:// away."""
    from quarry.train.record.bucket import address

    return address(root) or str(root)


def on_this_machine(root: Path) -> Path:
    """`root`, or if it is on a bucket a folder with the records of the runs below it as they are now.

    Raises RecordError if there is none.
    """
    from quarry.train.record.bucket import Folder, address, copies

    bucket = address(root)
    if bucket is None:
        return root
    folder = copies() / bucket.removeprefix("gs://")
    if not Folder(bucket).fetch_below(FILES, folder):
        raise RecordError(f"no run below {bucket}: a run directory holds a run.json")
    return folder


def points_table(root: Path) -> pl.DataFrame:
    """The points of every run at or below `root`: one row per evaluation, columns POINT_COLUMNS.

    A run with no evaluation (it diverged or failed first) still gives one row, its losses null: a diverged
    run is a row with a status, never a missing row.
    """
    rows = [row for directory in find_runs(root) for row in _point_rows(directory)]
    try:
        return pl.from_dicts(rows, schema=POINT_COLUMNS)
    except (pl.exceptions.PolarsError, TypeError) as error:
        raise RecordError(f"a run below {root} records a value of the wrong type: {error}") from None


def write_table(table: pl.DataFrame, path: Path) -> None:
    """Write a table as CSV or Parquet, by the ending of `path`, whole or not at all.

    Raises RecordError for another ending or a place that cannot be written.
    """
    writers = {".csv": table.write_csv, ".parquet": table.write_parquet}
    if path.suffix not in writers:
        raise RecordError(f"{path} must end in .csv or .parquet")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as partial:
            writers[path.suffix](partial)
    except OSError as error:
        raise RecordError(f"cannot write {path}: {error.strerror or error}") from None


def _point_rows(directory: RunDirectory) -> Iterable[dict[str, Any]]:
    run = directory.read_run()
    shared = {name: run.get(name) for name in _RUN_COLUMNS} | run.get("test_text", {})
    shared |= {name: run.get("data", {}).get(name) for name in ("corpus", "tokenizer")}
    shared |= {"study": directory.path.parent.name, "point": directory.path.name, "status": run.get("status")}
    per_token = {name: run.get(f"{name}_per_token") for name in ("flops_6ne", "flops_exact", "flops_xla")}
    for row in read_jsonl(directory.evals) or [{}]:
        tokens = row.get("tokens")
        counted = {
            name: None if tokens is None or rate is None else rate * tokens
            for name, rate in per_token.items()
        }
        yield {name: (shared | counted | row).get(name) for name in POINT_COLUMNS}
