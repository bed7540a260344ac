"""The loss by position in the context, and the law a + b T^-c of it: Kaplan et al. 2020, appendix D.5."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from quarry.analysis.fitting.estimation import fit
from quarry.errors import FitError, PointsError
from quarry.train.record.points_table import find_runs
from quarry.train.record.run_directory import RunDirectory

if TYPE_CHECKING:
    from quarry.analysis.fitting.result import Fit

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


@dataclass(frozen=True)
class ContextFit:
    """The law of one run, or why it has none."""

    run: str
    n: float
    tokens: float
    fit: "Fit | None" = None
    error: str = ""


def fit_context(
    positions: pl.DataFrame, *, bootstrap: int = 1000, seed: int = 0, level: float = 0.95
) -> list[ContextFit]:
    """a + b T^-c of each run, residuals counted in standard errors; intervals resample the bins of the run.

    `positions` are rows of `position_table`, one evaluation a run.
    """
    fits = []
    for (run, n, tokens), group in positions.group_by("run", "N", "E", maintain_order=True):
        about = str(run), float(n), float(tokens)  # type: ignore[arg-type]
        try:
            found = _fit(group.select("run", "T", "loss", "loss_sem"), bootstrap, seed, level)
            fits.append(ContextFit(*about, fit=found))
        except FitError as error:
            fits.append(ContextFit(*about, error=str(error)))
    return fits


def _fit(rows: pl.DataFrame, bootstrap: int, seed: int, level: float) -> "Fit":
    return fit(rows, "context", noise="loss_sem", bootstrap=bootstrap, seed=seed, level=level)
