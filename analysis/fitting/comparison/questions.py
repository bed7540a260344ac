"""The questions that the laws of repeated data are asked: the losses of points that none was fitted on.

Three tests hold out the largest N, the largest U that was repeated, and the most passes k. Where whole cells
(N, U) are held out the laws are also asked for the least loss over the passes tried, which is all that
Kaplan's L(N, D) speaks of.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from quarry import text
from quarry.analysis.fitting.comparison.recipes import POINT
from quarry.analysis.points.schema import SAME_VALUE

if TYPE_CHECKING:
    from quarry.analysis.fitting.result import Fit
    from quarry.analysis.laws.law import Law

CELL = ["N", "U"]
"""The columns of a cell: runs that differ in their passes alone."""

Refusal = tuple[str | None, str, str]
"""Law (None: every law), question, and the reason why it is not asked."""


@dataclass(frozen=True)
class Question:
    """The losses to predict: `rows` that no law was fitted on, grouped into units.

    A unit is a row, or the rows of a cell, whose least loss counts (`best_k`). `column` >= `cut` is held out.
    `firsts` [units] are the places in `rows` at which the units begin, `measured` [units] their losses,
    `runs` [units] what is resampled.
    """

    name: str
    column: str
    cut: float
    rows: pl.DataFrame
    firsts: np.ndarray
    measured: np.ndarray
    runs: np.ndarray
    best_k: bool

    def predicted(self, law: "Law", params: np.ndarray) -> np.ndarray:
        """The loss of each unit by parameters [draws, parameters]: [draws, units]."""
        named = dict(zip(law.parameter_names, params.T[:, :, None], strict=True))
        inputs = {name: self.rows[name].to_numpy() for name in law.inputs}
        with np.errstate(all="ignore"):
            return np.minimum.reduceat(np.asarray(law.predict(named, inputs)), self.firsts, axis=1)

    def held_out(self, fitted: "Fit") -> np.ndarray:
        """Which points of a fit the question holds out [points]."""
        return (fitted.points[self.column] >= self.cut).to_numpy()

    def refusal(self, fitted: "Fit") -> str | None:
        """Why a law cannot be asked, or None."""
        if fitted.law.early_stopped and not self.best_k:
            return "a law of the least loss over passes says nothing of each number of passes"
        left = fitted.points.filter(~self.held_out(fitted)).select(fitted.law.inputs).n_unique()
        if left <= (needed := len(fitted.data.law.parameters)):
            return f"{text.plural(left, 'distinct point')} left to fit {needed} parameters"
        return None


def make_questions(
    table: pl.DataFrame, cells: pl.DataFrame, least: float
) -> tuple[list[Question], list[Refusal]]:
    """The questions that the points allow, and why not the others.

    `cells` are the rows of `table` from cells of several numbers of passes. A question holds out at least
    the share `least` of the points.
    """
    questions: list[Question] = []
    refused: list[Refusal] = []
    for column in ("N", "U", "k"):
        name, candidates = f"largest {column}", cells if column == "U" else table
        cut = _cut(candidates[column], least * len(table))
        if cut is None:
            refused.append(
                (None, name, f"fewer than two values of {column}, or too few points of the others")
            )
            continue
        held = pl.col(column) >= cut
        questions.append(_every_point(name, column, cut, table.filter(held)))
        if column in CELL and not (repeated := cells.filter(held)).is_empty():
            questions.append(_least_loss(f"{name}, best k", column, cut, repeated))
    return questions, refused


def _cut(values: pl.Series, wanted: float) -> float | None:
    """The largest cut with `wanted` of the values at or above it; None if nothing is left below."""
    for value in values.unique().sort(descending=True):
        cut = value / (1 + SAME_VALUE)
        if (values >= cut).sum() >= wanted:
            return cut if (values < cut).any() else None
    return None


def _every_point(name: str, column: str, cut: float, rows: pl.DataFrame) -> Question:
    losses, runs = rows["loss"].to_numpy(), rows["run"].to_numpy()
    return Question(name, column, cut, rows, np.arange(len(rows)), losses, runs, best_k=False)


def _least_loss(name: str, column: str, cut: float, rows: pl.DataFrame) -> Question:
    """For each cell the least, over its passes, of the mean loss of its runs."""
    first = rows.select(pl.struct(CELL).is_first_distinct()).to_series().arg_true().to_numpy()
    mean = rows.select(pl.col("loss").mean().over(POINT)).to_series().to_numpy()
    return Question(
        name, column, cut, rows, first, np.minimum.reduceat(mean, first), np.arange(len(first)), best_k=True
    )
