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
    """a + b T^-c of each run, residuals counted in standard errors.

    Intervals are of draws of the noise about the law, as wide as the residuals: of the curve on this text. An
    error that all positions of the text share is not in them: add the error of the loss to that of `a`.
    `positions` are rows of `position_table`, one evaluation a run.
    """
    fits = []
    for (run, n, tokens), group in positions.group_by("run", "N", "E", maintain_order=True):
        about = str(run), float(n), float(tokens)  # type: ignore[arg-type]
        try:
            found = _fit(group.select("T", "loss", "loss_sem"), bootstrap, seed, level)
            fits.append(ContextFit(*about, fit=found))
        except FitError as error:
            fits.append(ContextFit(*about, error=str(error)))
    return fits


def _fit(rows: pl.DataFrame, bootstrap: int, seed: int, level: float) -> "Fit":
    return fit(
        rows, "context", noise="loss_sem", resampling="noise", bootstrap=bootstrap, seed=seed, level=level
    )


def parameter_rows(fits: list[ContextFit]) -> pl.DataFrame:
    """A row for each run: run, N, E, and a, b, c with _low and _high, null where it does not bound them."""
    rows = []
    for each in fits:
        row: dict[str, str | float | None] = {"run": each.run, "N": each.n, "E": each.tokens}
        for name, (low, high) in (each.fit.interval if each.fit else {}).items():
            row |= {f"{name}_low": low, f"{name}_high": high}
        row |= each.fit.params if each.fit else {}
        rows.append(row)
    ends = [f"{name}{end}" for name in "abc" for end in ("", "_low", "_high")]
    schema = {"run": pl.String(), **dict.fromkeys(["N", "E", *ends], pl.Float64())}
    return pl.from_dicts(rows, schema)
