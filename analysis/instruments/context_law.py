"""The law a + b T^-c of the loss by position in the context of each run: Kaplan et al. 2020, appendix D.5."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from quarry.analysis.fitting.estimation import fit
from quarry.errors import FitError

if TYPE_CHECKING:
    from quarry.analysis.fitting.result import Fit


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
