"""The points table: one row per evaluation of every run in a folder or on a bucket."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

from quarry.errors import RecordError
from quarry.train.record.files import check_ending, writing_whole
from quarry.train.record.run_directory import REMEDY, RunDirectory
from quarry.train.record.schema import BEFORE_RECORDED, FILES, OTHER_LOSS, POINT_COLUMNS, RUN_COLUMNS


def find_runs(root: Path) -> list[RunDirectory]:
    """Every run directory at or below `root`, a folder or `gs://...`, sorted by path.

    Raises RecordError if there is none.
    """
    root = local_copy(root)
    if root.is_file():
        raise RecordError(f"{root} is a file: give a directory of runs, which hold a run.json")
    if not root.is_dir():
        raise RecordError(f"no such {'file' if root.suffix else 'directory of runs'}: {root}")
    paths = []
    for folder, subfolders, files in os.walk(root):
        lost = "metrics.jsonl" in files and "run.json" not in files
        if lost or "run.json" in subfolders:
            raise RecordError(f"{folder} holds a run without its run.json; {REMEDY}")
        if "run.json" in files:
            paths.append(Path(folder))
            subfolders.clear()  # checkpoints: many folders, slow to list on a network disk
    if not paths:
        raise RecordError(f"no run below {root}: a run directory holds a run.json")
    return [RunDirectory(path) for path in sorted(paths)]


def display_path(root: Path) -> str:
    """`root` as the user wrote it: pathlib removes one slash of gs://."""
    from quarry.train.record.bucket import bucket_address

    return bucket_address(root) or str(root)


def local_copy(root: Path) -> Path:
    """`root`, or if it is on a bucket a local folder with the records of the runs below it as they are now.

    Raises RecordError if there is none.
    """
    from quarry.train.record.bucket import Folder, bucket_address, copies_folder

    bucket = bucket_address(root)
    if bucket is None:
        return root
    folder = copies_folder() / bucket.removeprefix("gs://")
    if not Folder(bucket).fetch_below(FILES, folder):
        raise RecordError(f"no run below {bucket}: a run directory holds a run.json")
    return folder


def points_table(root: Path) -> pl.DataFrame:
    """The points of every run at or below `root`: one row per evaluation, columns POINT_COLUMNS and, where a
    run has any, those of OTHER_LOSS, null in other rows.

    A run without an evaluation (it diverged or failed first) still gives one row with null losses: a diverged
    run is a row with a status, never a missing row. Raises RecordError for a value of the wrong type.
    """
    rows = [row for directory in find_runs(root) for row in _point_rows(directory)]
    others = {name: pl.Float64() for row in rows for name in row if name not in POINT_COLUMNS}
    try:
        return pl.from_dicts(rows, schema=POINT_COLUMNS | others)
    except (pl.exceptions.PolarsError, TypeError, OverflowError) as error:
        raise RecordError(f"a run below {root} records a value of the wrong type: {error}") from None


def write_table(table: pl.DataFrame, path: Path) -> None:
    """Write a table as CSV or Parquet, by the ending of `path`, whole or not at all.

    In CSV text that a spreadsheet would run as a formula has a quote before it.

    Raises RecordError for another ending or a place that cannot be written.
    """
    check_ending(path, ".csv", ".parquet")
    writers = {".csv": without_formulas(table).write_csv, ".parquet": table.write_parquet}
    with writing_whole(path) as partial:
        writers[path.suffix](partial)


def without_formulas(table: pl.DataFrame) -> pl.DataFrame:
    """`table` with `'` before text that begins as a formula (=, +, -, @, tab, return) and is no number."""
    formula = (
        pl.col(pl.String).str.contains(r"^[=+\-@\t\r]")
        & pl.col(pl.String).cast(pl.Float64, strict=False).is_null()
    )
    return table.with_columns(
        pl.when(formula).then("'" + pl.col(pl.String)).otherwise(pl.col(pl.String)).name.keep()
    )


def _point_rows(directory: RunDirectory) -> Iterable[dict[str, Any]]:
    run = directory.read_run()
    per_run = {name: run.get(name, BEFORE_RECORDED.get(name)) for name in RUN_COLUMNS} | run.get(
        "test_text", {}
    )
    per_run |= {name: run.get("data", {}).get(name) for name in ("corpus", "tokenizer")}
    per_run |= {
        "study": directory.path.parent.name,
        "point": directory.path.name,
        "status": run.get("status"),
    }
    per_token = {name: run.get(f"{name}_per_token") for name in ("flops_6ne", "flops_exact", "flops_xla")}
    choosing = run.get("flops_selection_per_token", 0.0)
    for row in directory.rows(directory.evals) or [{}]:
        tokens = row.get("tokens")
        flops = {
            name: None if tokens is None or rate is None else rate * tokens
            for name, rate in per_token.items()
        }
        if choosing and tokens is not None:
            flops["flops_selection"] = per_run["flops_selection"] + choosing * tokens
        others = {name: value for name, value in row.items() if OTHER_LOSS.fullmatch(name)}
        known = per_run | flops | row
        yield {name: known.get(name) for name in POINT_COLUMNS} | others
