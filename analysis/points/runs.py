"""One row per run: its size, its data, its compute, its last losses and its status."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl

from quarry.train.record.points_table import find_runs
from quarry.train.record.run_directory import RunDirectory

RUN_COLUMNS: dict[str, pl.DataType] = {
    "run": pl.String(),
    "trunk": pl.String(),  # the point that it is a branch of
    "status": pl.String(),
    "N": pl.Int64(),  # non-embedding parameters
    "U": pl.Int64(),
    "E": pl.Int64(),
    "k": pl.Float64(),
    "B": pl.Int64(),
    "S": pl.Int64(),
    "C": pl.Float64(),  # 6 N E
    "loss": pl.Float64(),  # validation, nats per token; null if the run diverged
    "loss_sem": pl.Float64(),
    "annealed": pl.Boolean(),
    "test_loss": pl.Float64(),
    "bits_per_byte": pl.Float64(),  # of the test text
    "gzip": pl.Float64(),  # bits per byte of the same text by gzip -9
    "xz": pl.Float64(),  # and by xz -9
    "train_loss": pl.Float64(),  # of the last logged batches
    "peak_learning_rate": pl.Float64(),
    "n_params": pl.Int64(),
    "n_head": pl.Int64(),
    "tokens_per_second": pl.Float64(),  # median of the logged steps
    "wall_seconds": pl.Float64(),
}


def run_table(runs: Path) -> pl.DataFrame:
    """One row for each run at or below `runs`, columns RUN_COLUMNS, by rising N.

    Losses are those of the run's last evaluation; `annealed` says whether the learning rate had decayed by
    then. Raises RecordError if there is no run.
    """
    rows = [_row(directory) for directory in find_runs(runs)]
    return pl.from_dicts(rows, RUN_COLUMNS).sort("N", "run", nulls_last=True)


RECORDED = {
    "N": "n_nonembedding", "U": "unique_tokens", "E": "tokens", "k": "epochs", "B": "batch_tokens",
    "S": "step", "C": "flops_6ne", "gzip": "gzip_bits_per_byte", "xz": "xz_bits_per_byte",
}  # fmt: skip
"""Columns by their names in a table of `quarry points`."""


def runs_of_record(points: pl.DataFrame) -> pl.DataFrame:
    """The same of a table of `quarry points`: each run by its last evaluation."""
    run = pl.concat_str("study", "point", separator="/").alias("run")
    table = points.with_columns(run, **{new: pl.col(old) for new, old in RECORDED.items() if old in points})
    last = [table.filter(pl.col("split") == split).sort("E") for split in ("validation", "test")]
    last = [rows.unique("run", keep="last", maintain_order=True) for rows in last]
    scored = last[1].select("run", test_loss="loss", bits_per_byte="bits_per_byte")
    return _with_run_columns(last[0].drop("bits_per_byte", strict=False).join(scored, "run", "left"))


def runs_of_points(points: pl.DataFrame) -> pl.DataFrame:
    """The same of a table of points of any trainer: each run by its last row."""
    last = points.sort("E").unique("run", keep="last", maintain_order=True)
    return _with_run_columns(last.with_columns(k=pl.col("E") / pl.col("U")))


def _with_run_columns(rows: pl.DataFrame) -> pl.DataFrame:
    """`rows` with the columns of `run_table`, null where there is none."""
    columns = {
        name: (pl.col(name) if name in rows.columns else pl.lit(None)).cast(kind, strict=False)
        for name, kind in RUN_COLUMNS.items()
    }
    annealed = columns["annealed"].fill_null(True)  # other trainers' tables are of end points
    return rows.select(**(columns | {"annealed": annealed})).sort("N", "run", nulls_last=True)


def _row(directory: RunDirectory) -> dict[str, Any]:
    metrics, evals = directory.rows(directory.metrics), directory.rows(directory.evals)
    run = directory.read_run()
    named = {"N": "n_nonembedding", "U": "unique_tokens", "B": "batch_tokens"}
    named |= {name: name for name in ("trunk", "peak_learning_rate", "n_params", "n_head")}
    row: dict[str, Any] = {"run": directory.name, "status": run.get("status")}
    row |= {symbol: run.get(name) for symbol, name in named.items()}
    row |= _cost(run, [*metrics, *evals]) | _scores(run, evals)
    speeds = [r["tokens_per_second"] for r in metrics if r.get("tokens_per_second")]
    return row | {"tokens_per_second": median(speeds) if speeds else None}


def _cost(run: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    tokens, unique, rate = _largest(rows, "tokens"), run.get("unique_tokens"), run.get("flops_6ne_per_token")
    return {
        "E": tokens,
        "k": tokens / unique if tokens and unique else None,
        "S": _largest(rows, "step"),
        "C": tokens * rate if tokens and rate else None,
        "wall_seconds": _largest(rows, "wall_seconds"),
    }


def _largest(rows: Sequence[Mapping[str, Any]], column: str) -> Any:
    return max((row[column] for row in rows if row.get(column) is not None), default=None)


def _scores(run: Mapping[str, Any], evals: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    if run.get("status") == "diverged":
        return {}
    last = {row["split"]: row for row in evals}
    validation, test, text = last.get("validation", {}), last.get("test", {}), run.get("test_text") or {}
    return {
        **{name: validation.get(name) for name in ("loss", "loss_sem", "annealed", "train_loss")},
        "test_loss": test.get("loss"),
        "bits_per_byte": test.get("bits_per_byte"),
        "gzip": text.get("gzip_bits_per_byte"),
        "xz": text.get("xz_bits_per_byte"),
    }
