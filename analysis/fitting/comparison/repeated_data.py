"""The laws of repeated data side by side: fitted to the same points, judged by the points held out.

Three tests, each by fits without what they judge: the largest N, the largest U that was repeated, and the
most passes k; see `questions.py`. Kaplan's L(N, D) is fitted to the least losses over the passes tried.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from quarry.analysis.fitting.comparison.held_out import (
    BETTER_PROBABILITY,
    FEWEST_RUNS,
    check_draws,
    measure_gap,
    refits_without,
)
from quarry.analysis.fitting.comparison.questions import CELL, Question, Refusal, make_questions
from quarry.analysis.fitting.comparison.recipes import POINT, of_best_recipe
from quarry.analysis.fitting.estimation import estimate
from quarry.analysis.fitting.settings import FitSettings
from quarry.analysis.fitting.warnings import copies_warnings
from quarry.analysis.laws.chinchilla import CHINCHILLA, SKALING
from quarry.analysis.laws.kaplan import KAPLAN_ND
from quarry.analysis.laws.repeated_data import (
    BOUNDED,
    DATA_CONSTRAINED,
    EFFECTIVE_REUSE,
    OVERFIT_EPOCHS,
    epochs,
)
from quarry.analysis.points.loading import PointsLike, as_points
from quarry.analysis.points.selection import points_for_law
from quarry.checks import check_settings
from quarry.errors import FitError
from quarry.results import Result

if TYPE_CHECKING:
    from quarry.analysis.fitting.result import Fit
    from quarry.analysis.laws.law import Law
    from quarry.analysis.points.table import Points

RIVALS: "dict[str, Law]" = {
    law.name: law
    for law in (KAPLAN_ND, CHINCHILLA, SKALING, DATA_CONSTRAINED, EFFECTIVE_REUSE, OVERFIT_EPOCHS, BOUNDED)
} | {
    f"epochs ({', '.join(terms)})": epochs(terms)
    for terms in (
        ("reuse",),
        ("coupling", "reuse"),
        ("reuse", "overfit"),
        ("coupling", "reuse", "overfit"),
    )
}
"""The laws compared, by the name to show; to chinchilla and skaling a repeated token is a fresh one."""

_WINNERS = {
    "question": pl.String,
    "column": pl.String,
    "cut": pl.Float64,
    "units": pl.Int64,
    "runs": pl.Int64,
    "winner": pl.String,
    "not_worse": pl.List(pl.String),
    "tested": pl.Boolean,
}
_VERDICTS = {
    "question": pl.String,
    "law": pl.String,
    "error": pl.Float64,
    "difference": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "probability": pl.Float64,
}
_REFUSED = {"law": pl.String, "question": pl.String, "reason": pl.String}


@dataclass(frozen=True)
class Rivals(Result):
    """Laws fitted to the same points. Errors are means of |predicted / measured - 1|.

    - `ranking`: a row for each law fitted: law, parameters, points, in_sample and its error in each question,
      null where it has no answer.
    - `verdicts`: a row for each question and law, best first: error, difference from the best, its interval
      (low, high) and the probability that the best is better, over resamples of the runs fitted and of those
      held out; null with fewer than five runs held out.
    - `winners`: a row for each question: column and cut (what is held out), units, runs, winner, the laws
      `not_worse` than it within the noise, and whether that was `tested`: with fewer than five runs held out
      all are listed.
    - `predictions`: a row for each question, law and unit: N, U, k, measured, predicted.
    - `refused`: law, question and reason of what could not be asked.
    """

    ranking: pl.DataFrame
    verdicts: pl.DataFrame
    winners: pl.DataFrame
    predictions: pl.DataFrame
    refused: pl.DataFrame
    fits: "dict[str, Fit]"
    level: float
    warnings: tuple[str, ...]

    @property
    def headline(self) -> str:
        return "laws of repeated data, by their predictions of held-out points"

    def table(self) -> pl.DataFrame:
        """The row of each law: `ranking`."""
        return self.ranking


def compare_rivals(
    points: PointsLike,
    laws: "Mapping[str, Law] | None" = None,
    *,
    least: float = 0.1,
    bootstrap: int = 200,
    level: float = 0.95,
    seed: int = 0,
) -> Rivals:
    """Fit the laws of repeated data, and judge each by its predictions of the largest N, U and k.

    Where several recipes trained a point, the best at each N, U and E counts.

    Args:
        points: A table with N (parameters), U and E (unique and processed tokens) and loss (nats per token).
        laws: The laws by the name to show; by default `RIVALS` of this module.
        least: The share of the points that each question holds out at least: those of the largest value, and
            as many of the next as are needed.
        bootstrap: Refits of each law without the points held out, at least 100.
        level: The probability of the intervals.
        seed: The seed of the resamples.

    Returns:
        Errors, winners and predictions. Laws and questions that the points do not allow are in `refused`.

    Raises:
        FitError: No law can be fitted, or no question asked.

    Examples:
        >>> import itertools, polars as pl, quarry
        >>> grid = itertools.product([1e6, 2e6, 4e6, 8e6], [1e8, 2e8, 4e8, 8e8], [1, 4])
        >>> points = pl.DataFrame([{"N": n, "U": u, "E": k * u} for n, u, k in grid])
        >>> loss = 1.7 + 400 / pl.col("N") ** 0.34 + 410 / pl.col("E") ** 0.28
        >>> result = quarry.compare_rivals(
        ...     points.with_columns(loss=loss), {"chinchilla": quarry.find_law("chinchilla")}, bootstrap=100
        ... )
        >>> result.winners["winner"][0]
        'chinchilla'
    """
    check_draws(bootstrap)
    check_settings(FitError, bootstrap, seed, level)
    if not 0 < least < 1:
        raise FitError(f"least={least:g}: must lie between 0 and 1")
    remarks = as_points(points).remarks
    points, warnings = of_best_recipe(_prepared(points))
    cells = _repeated(points)
    questions, impossible = make_questions(points.table, cells.table, least)
    fits, unfitted = _fits(points, cells, RIVALS if laws is None else laws)
    answers, unanswered = _answers(fits, questions, bootstrap, seed)
    if not answers:
        reasons = "; ".join(f"{law or 'all laws'}, {question}: {why}" for law, question, why in impossible)
        raise FitError(f"no law predicts anything held out ({reasons or 'no law could be fitted'})")
    verdicts = pl.concat([_verdicts(each, answers, level, seed) for each in questions])
    return Rivals(
        ranking=_table(fits, verdicts, questions),
        verdicts=verdicts,
        winners=pl.DataFrame([_winner(each, verdicts) for each in questions], schema=_WINNERS),
        predictions=_predictions(questions, answers),
        refused=pl.DataFrame([*impossible, *unfitted, *unanswered], schema=_REFUSED, orient="row"),
        fits=fits,
        level=level,
        warnings=(*remarks, *warnings, *_copies(points.table), *_floor_warnings(cells.table)),
    )


def _prepared(points: PointsLike) -> "Points":
    """Checked, with the column k, in the order of N, U, E."""
    checked = points_for_law(as_points(points), DATA_CONSTRAINED)
    return replace(checked, table=checked.table.with_columns(k=pl.col("E") / pl.col("U")).sort(POINT))


def _repeated(points: "Points") -> "Points":
    """The points of cells (N, U) that were trained for more than one number of passes."""
    several = pl.col("E").n_unique().over(CELL) > 1
    return replace(points, table=points.table.filter(several))


def _fits(
    points: "Points", cells: "Points", laws: "Mapping[str, Law]"
) -> "tuple[dict[str, Fit], list[Refusal]]":
    """Each law fitted, and why not the others."""
    settings = FitSettings(bootstrap=0)
    fits, unfitted = {}, []
    for name, law in laws.items():
        if law.early_stopped and cells.table.is_empty():
            unfitted.append((name, "every question", "no size saw its data for several numbers of passes"))
            continue
        try:
            fits[name] = estimate(cells if law.early_stopped else points, law, settings)
        except FitError as error:
            unfitted.append((name, "every question", str(error)))
    return fits, unfitted


@dataclass(frozen=True)
class _Answer:
    """predicted [1 + draws, units], and its errors: by the fit without them, then by its refits."""

    predicted: np.ndarray
    errors: np.ndarray


_Answers = dict[tuple[str, str], _Answer]
"""By question and law."""


def _answers(
    fits: "Mapping[str, Fit]", questions: Sequence[Question], draws: int, seed: int
) -> tuple[_Answers, list[Refusal]]:
    answers, unanswered, refits = {}, [], {}
    for name, fitted in fits.items():
        for question in questions:
            if reason := question.refusal(fitted):
                unanswered.append((name, question.name, reason))
                continue
            key = (name, question.column)
            if key not in refits:
                refits[key] = refits_without(fitted, question.held_out(fitted), draws, seed)
            predicted = question.predicted(fitted.data.law, refits[key])
            errors = np.abs(predicted / question.measured - 1)
            answers[question.name, name] = _Answer(predicted, errors)
    return answers, unanswered


def _verdicts(question: Question, answers: _Answers, level: float, seed: int) -> pl.DataFrame:
    errors = {law: answer.errors for (name, law), answer in answers.items() if name == question.name}
    ranked = sorted(errors, key=lambda law: errors[law][0].mean())
    rows = []
    for law in ranked:
        gap = measure_gap(errors[law] - errors[ranked[0]], question.runs, seed, level)
        rows.append({"question": question.name, "law": law, "error": errors[law][0].mean(), **vars(gap)})
    return pl.DataFrame(rows, schema=_VERDICTS)


def _winner(question: Question, verdicts: pl.DataFrame) -> dict:
    own = verdicts.filter(pl.col("question") == question.name)
    close = own[1:].filter(pl.col("probability").fill_null(0.0) < BETTER_PROBABILITY)
    return {
        "question": question.name,
        "column": question.column,
        "cut": float(question.rows[question.column].to_numpy().min()),
        "units": len(question.measured),
        "runs": len(np.unique(question.runs)),
        "winner": None if own.is_empty() else own["law"][0],
        "not_worse": close["law"].to_list(),
        "tested": len(np.unique(question.runs)) >= FEWEST_RUNS,
    }


def _table(fits: "Mapping[str, Fit]", verdicts: pl.DataFrame, questions: Sequence[Question]) -> pl.DataFrame:
    known = {(question, law): error for question, law, error, *_ in verdicts.iter_rows()}
    rows = [
        {
            "law": name,
            "parameters": len(fitted.data.law.parameters),
            "points": fitted.data.points,
            "in_sample": float(np.mean(np.abs(np.expm1(fitted.data.residuals(fitted.minima.params[0]))))),
        }
        | {question.name: known.get((question.name, name)) for question in questions}
        for name, fitted in fits.items()
    ]
    return pl.DataFrame(rows, schema_overrides={question.name: pl.Float64 for question in questions})


def _predictions(questions: Sequence[Question], answers: _Answers) -> pl.DataFrame:
    tables = []
    for question in questions:
        units = question.rows[question.firsts].select("N", "U", "k")
        if question.best_k:
            units = units.with_columns(k=pl.lit(None, pl.Float64))
        for (name, law), answer in answers.items():
            if name == question.name:
                labels = units.select(pl.lit(name).alias("question"), pl.lit(law).alias("law"), pl.all())
                measured, predicted = pl.Series(question.measured), pl.Series(answer.predicted[0])
                tables.append(labels.with_columns(measured=measured, predicted=predicted))
    return pl.concat(tables)


def _copies(table: pl.DataFrame) -> list[str]:
    return copies_warnings(table.select(*POINT, "loss"))


def _floor_warnings(cells: pl.DataFrame) -> tuple[str, ...]:
    """How many cells fell to their last number of passes: their least loss may lie lower."""
    mean = cells.group_by(POINT).agg(pl.col("loss").mean())
    last = mean.group_by(CELL).agg((pl.col("E").sort_by("loss").first() == pl.col("E").max()).alias("last"))
    falling = int(last["last"].sum())
    if falling == 0:
        return ()
    return (
        f"in {falling} of {len(last)} cells (N, U) the best k is the largest tried: the least loss over k, "
        "to which kaplan-nd is fitted, may lie lower",
    )
