"""The prior of the misfit beyond the fitted range, over published ladders.

`prior.csv` is written by `python -m tests.benchmarks.coverage.prior`, from the backtests of each ladder
(`experiments/results/bands/ladders.csv`).
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from quarry.analysis.laws.law import Law

TABLE = Path(__file__).with_name("prior.csv")

SURFACE, CURVE = "a law of several inputs", "a law of one input"
"""The rows of the laws that no ladder was fitted with."""

TOGETHER = "laws of several inputs, together"
"""The row of a mixture of laws."""


@dataclass(frozen=True)
class Prior:
    """The misfit a decade beyond the fitted range: a log-normal standard deviation of log loss.

    `median` and `spread` (of its logarithm) are over families of ladders; the misfit grows with the distance
    in decades to the power `growth`.
    """

    median: float
    spread: float
    growth: float


@cache
def _table() -> dict[str, Prior]:
    rows = pl.read_csv(TABLE).select("law", "median", "spread", "growth")
    return {law: Prior(*values) for law, *values in rows.iter_rows()}


def prior_of(law: "Law") -> Prior:
    """The prior of a law, else that of its kind."""
    kind = CURVE if len(law.inputs) == 1 else TOGETHER if len(law.options.get("members", ())) > 1 else SURFACE
    return _table().get(law.name, _table()[kind])


def prior_named(name: str) -> Prior:
    """The prior of a row of the table, such as `SURFACE`."""
    return _table()[name]
