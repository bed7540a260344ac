"""The loss of runs by position in the context, as a table; `context_law` fits it."""

from pathlib import Path
from typing import Any

import polars as pl

from quarry.errors import PointsError
from quarry.train.record.points_table import find_runs
from quarry.train.record.run_directory import RunDirectory

POSITION_COLUMNS: dict[str, pl.DataType] = {
    "run": pl.String(),
    "N": pl.Float64(),  # non-embedding parameters
    "E": pl.Float64(),
    "T": pl.Float64(),  # geometric mean of the positions of a bin
    "loss": pl.Float64(),  # held-out loss there, nats per token
    "loss_sem": pl.Float64(),  # standard error over sequences
}


def position_table(runs: Path, *, every: bool = False) -> pl.DataFrame:
    """The validation loss by position of each run, after its last evaluation or after `every` one.

    Columns POSITION_COLUMNS, a row for each bin. Raises PointsError if no run logged it.
    """
    rows = [row for run in find_runs(runs) for row in _rows(run, every)]
    if not rows:
        raise PointsError(f"{runs}: no run logged its loss by position, as those of earlier versions did not")
    return pl.from_dicts(rows, POSITION_COLUMNS).sort("N", "run", "E", "T")


def _rows(run: RunDirectory, every: bool) -> list[dict[str, Any]]:
    evals = [row for row in run.rows(run.evals) if row["split"] == "validation" and row.get("position_loss")]
    size = {"run": run.name, "N": run.read_run().get("n_nonembedding")}
    return [
        size | {"E": row["tokens"], "T": place, "loss": loss, "loss_sem": sem}
        for row in (evals if every else evals[-1:])
        for place, loss, sem in zip(
            row["positions"], row["position_loss"], row["position_loss_sem"], strict=True
        )
        if loss is not None and sem is not None
    ]
