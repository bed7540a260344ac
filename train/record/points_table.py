"""The points table: one row per evaluation of every run in a folder or on a bucket."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

from quarry.errors import RecordError
from quarry.train.record.files import read_jsonl, replacing
from quarry.train.record.run_directory import RunDirectory
from quarry.train.record.schema import FILES, POINT_COLUMNS, RUN_COLUMNS


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
    shared = {name: run.get(name) for name in RUN_COLUMNS} | run.get("test_text", {})
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
