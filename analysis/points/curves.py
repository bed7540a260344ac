"""The curves of a study: held-out loss and training loss against tokens and compute."""

from pathlib import Path

import polars as pl

from quarry.train.record.points_table import find_runs, points_table

RUN = pl.concat_str("study", "point", separator="/").alias("run")
"""The name of a run, `<study>/<point>`, from the columns of a points table."""

TRAINING_COLUMNS: dict[str, pl.DataType] = {
    "run": pl.String(),
    "step": pl.Int64(),
    "tokens": pl.Int64(),
    "loss": pl.Float64(),
    "learning_rate": pl.Float64(),
    "tokens_per_second": pl.Float64(),
    "wall_seconds": pl.Float64(),
}
"""One row per logged training step; loss in nats per token, of the batch."""


def learning_curves(points: pl.DataFrame) -> pl.DataFrame:
    """Every validation loss of every run, with the tokens and the compute spent by then.

    `points` has the columns of `quarry points` (`quarry.train.record.schema.POINT_COLUMNS`). Returns one row
    per evaluation with a finite loss: run, status, N (non-embedding parameters), U, E, k, C = 6 N E (FLOPs),
    loss (nats per token), annealed.
    """
    measured = points.filter(pl.col("split") == "validation", pl.col("loss").is_finite())
    return measured.select(
        RUN,
        "status",
        "loss",
        "annealed",
        N="n_nonembedding",
        U="unique_tokens",
        E="tokens",
        k="epochs",
        C="flops_6ne",
    ).sort("N", "run", "E")


def training_curves(runs: Path) -> pl.DataFrame:
    """The logged training steps of every run at or below `runs`, columns TRAINING_COLUMNS.

    Raises RecordError if there is no run.
    """
    rows = [{"run": run.name} | row for run in find_runs(runs) for row in run.rows(run.metrics)]
    return pl.from_dicts(
        [{name: row.get(name) for name in TRAINING_COLUMNS} for row in rows], TRAINING_COLUMNS
    )


def save_results(runs: Path, folder: Path) -> None:
    """Write a study as two tables small enough to commit: points.parquet and curves.parquet in `folder`.

    Raises RecordError if there is no run.
    """
    tables = {"points": points_table(runs), "curves": training_curves(runs)}
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.write_parquet(folder / f"{name}.parquet")


def load_results(source: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The points table and the training curves of a directory of runs, or of a folder made by `save_results`.

    Raises RecordError if `source` is neither.
    """
    if (source / "curves.parquet").exists():
        return pl.read_parquet(source / "points.parquet"), pl.read_parquet(source / "curves.parquet")
    return points_table(source), training_curves(source)
