"""The laws of repeated data side by side: fitted to the same points, judged by the points held out.

Three tests, each by fits without what they judge: the largest N, the largest U that was repeated, and the
most passes k. Where whole cells (N, U) are held out the laws are also asked for the least loss over the
passes tried, which is all that Kaplan's L(N, D) speaks of: it is fitted to the least losses of the others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from quarry import text
from quarry.analysis.fitting import bootstrap as uncertainty
from quarry.analysis.fitting.comparison import refits_without
from quarry.analysis.fitting.estimation import Fit, fit
from quarry.analysis.laws.chinchilla import CHINCHILLA, SKALING
from quarry.analysis.laws.kaplan import KAPLAN_ND
from quarry.analysis.laws.law import Law
from quarry.analysis.laws.repeated_data import DATA_CONSTRAINED, EFFECTIVE_REUSE, OVERFIT_EPOCHS, epochs
from quarry.analysis.points.loading import PointsLike, as_points
from quarry.analysis.points.schema import RECIPE, SAME_VALUE
from quarry.analysis.points.selection import points_for_law
from quarry.analysis.points.table import Exclusion, Points
from quarry.checks import check_settings
from quarry.errors import FitError

RIVALS: dict[str, Law] = {
    law.name: law
    for law in (KAPLAN_ND, CHINCHILLA, SKALING, DATA_CONSTRAINED, EFFECTIVE_REUSE, OVERFIT_EPOCHS)
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

_CELL, _POINT = ["N", "U"], ["N", "U", "E"]
_FEW_RUNS, _SURE = 5, 0.95


@dataclass(frozen=True)
class Question:
    """What is asked of every law: `rows` that none was fitted on, in units of which the least loss counts.

    `column` >= `cut` is held out. `firsts` [units] are the places in `rows` at which the units begin,
    `measured` and `runs` [units] their losses and what is resampled.
    """

    name: str
    column: str
    cut: float
    rows: pl.DataFrame
    firsts: np.ndarray
    measured: np.ndarray
    runs: np.ndarray
    best_k: bool

    def predicted(self, law: Law, params: np.ndarray) -> np.ndarray:
        """Of each unit by parameters [draws, parameters]: [draws, units]."""
        named = dict(zip(law.parameter_names, params.T[:, :, None], strict=True))
        inputs = {name: self.rows[name].to_numpy() for name in law.inputs}
        with np.errstate(all="ignore"):
            return np.minimum.reduceat(np.asarray(law.predict(named, inputs)), self.firsts, axis=1)


@dataclass(frozen=True)
class Rivals:
    """Laws fitted to the same points. Errors are means of |predicted / measured - 1|.

    - `table`: a row for each law fitted: law, parameters, points, in_sample and its error in each question,
      null where it has no answer.
    - `verdicts`: a row for each question and law, best first: error, difference from the best, its interval
      (low, high) and the probability that the best is better, over resamples of the runs fitted and of those
      held out; null with fewer than five runs held out.
    - `winners`: a row for each question: column and cut (what is held out), units, runs, winner, and
      the laws `not_worse` than it within the noise.
    - `predictions`: a row for each question, law and unit: N, U, k, measured, predicted.
    - `refused`: law, question and reason of what could not be asked.
    """

    table: pl.DataFrame
    verdicts: pl.DataFrame
    winners: pl.DataFrame
    predictions: pl.DataFrame
    refused: pl.DataFrame
    fits: dict[str, Fit]
    level: float
    warnings: tuple[str, ...]


def compare_rivals(
    points: PointsLike,
    laws: Mapping[str, Law] | None = None,
    *,
    least: float = 0.1,
    bootstrap: int = 200,
    level: float = 0.95,
    seed: int = 0,
) -> Rivals:
    """Fit every law to the points, and judge it by what it predicts of the largest N, U and k.

    A DataFrame needs N, U, E and loss. Of points trained by several recipes those of the best at each N, U
    and E are used (`of_best_recipe`). A test holds out the largest value, and as many of the next as make up
    `least` of the points. Laws and questions that the points do not allow are in `refused`.

    Raises FitError if no law can be fitted or no question asked.
    """
    check_settings(FitError, bootstrap or 1, seed, level)
    if not 0 < least < 1:
        raise FitError(f"least={least:g}: must lie between 0 and 1")
    points, warnings = of_best_recipe(_prepared(points))
    cells = _repeated(points)
    questions, unasked = _questions(points.table, cells.table, least)
    fits, unfitted = _fits(points, cells, RIVALS if laws is None else laws)
    answers, unanswered = _answers(fits, questions, bootstrap, seed)
    if not answers:
        reasons = "; ".join(f"{law or 'all laws'}, {question}: {reason}" for law, question, reason in unasked)
        raise FitError(f"no law predicts anything held out ({reasons or 'no law could be fitted'})")
    verdicts = pl.concat([_verdicts(each, answers, level, seed) for each in questions])
    return Rivals(
        table=_table(fits, verdicts, questions),
        verdicts=verdicts,
        winners=pl.DataFrame([_winner(each, verdicts) for each in questions], schema=_WINNERS),
        predictions=_predictions(questions, answers),
        refused=pl.DataFrame([*unasked, *unfitted, *unanswered], schema=_REFUSED, orient="row"),
        fits=fits,
        level=level,
        warnings=(*warnings, *_floor_warnings(cells.table)),
    )


_REFUSED = {"law": pl.String, "question": pl.String, "reason": pl.String}
_WINNERS = {
    "question": pl.String,
    "column": pl.String,
    "cut": pl.Float64,
    "units": pl.Int64,
    "runs": pl.Int64,
    "winner": pl.String,
    "not_worse": pl.List(pl.String),
}


def of_best_recipe(points: Points) -> tuple[Points, tuple[str, ...]]:
    """At each N, U and E the points of the recipe with the least mean loss, and what to know of the choice.

    A recipe is a combination of those columns of `RECIPE` that the points have.
    """
    recipe = [name for name in RECIPE if name in points.table.columns]
    mean = points.table.group_by(*_POINT, *recipe).agg(pl.col("loss").mean())
    tried = mean.group_by(_POINT).len()["len"]
    if tried.max() in (None, 1):
        return points, ()
    best = mean.sort("loss").group_by(_POINT).first().select(*_POINT, *recipe)
    kept = points.table.join(best, on=[*_POINT, *recipe], how="semi", nulls_equal=True, maintain_order="left")
    exclusion = Exclusion("another recipe does better", len(points.table) - len(kept))
    fewer = int((tried < tried.max()).sum())
    warnings = (
        f"the best of up to {tried.max()} recipes ({', '.join(recipe)}) at each N, U and k: "
        f"{len(kept)} of {len(points.table)} points"
        + (f"; {fewer} of {len(tried)} were trained by fewer recipes" if fewer else ""),
    )
    return replace(points, table=kept, excluded=(*points.excluded, exclusion)), warnings


def _prepared(points: PointsLike) -> Points:
    """Checked, with the column k, in the order of N, U, E."""
    checked = points_for_law(as_points(points), DATA_CONSTRAINED)
    return replace(checked, table=checked.table.with_columns(k=pl.col("E") / pl.col("U")).sort(_POINT))


def _repeated(points: Points) -> Points:
    """The points of cells (N, U) that were trained for more than one number of passes."""
    several = pl.col("E").n_unique().over(_CELL) > 1
    return replace(points, table=points.table.filter(several))


def _questions(
    table: pl.DataFrame, cells: pl.DataFrame, least: float
) -> tuple[list[Question], list[tuple[str | None, str, str]]]:
    """Those that the points allow, and (no law, name, reason) of the others."""
    asked, unasked = [], []
    for column in ("N", "U", "k"):
        name, candidates = f"largest {column}", cells if column == "U" else table
        cut = _cut(candidates[column], least * len(table))
        if cut is None:
            unasked.append(
                (None, name, f"fewer than two values of {column}, or too few points of the others")
            )
            continue
        held = pl.col(column) >= cut
        asked.append(_every_point(name, column, cut, table.filter(held)))
        if column in _CELL and not (floors := cells.filter(held)).is_empty():
            asked.append(_least_loss(f"{name}, best k", column, cut, floors))
    return asked, unasked


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
    """Of each cell, over E, of the mean loss of its runs."""
    first = rows.select(pl.struct(_CELL).is_first_distinct()).to_series().arg_true().to_numpy()
    mean = rows.select(pl.col("loss").mean().over(_POINT)).to_series().to_numpy()
    return Question(
        name, column, cut, rows, first, np.minimum.reduceat(mean, first), np.arange(len(first)), best_k=True
    )


def _fits(
    points: Points, cells: Points, laws: Mapping[str, Law]
) -> tuple[dict[str, Fit], list[tuple[str, str, str]]]:
    """Each law fitted, and (law, every question, reason) of those that cannot be."""
    fits, unfitted = {}, []
    for name, law in laws.items():
        try:
            fits[name] = fit(cells if law.early_stopped else points, law, bootstrap=0)
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
    fits: Mapping[str, Fit], questions: Sequence[Question], draws: int, seed: int
) -> tuple[_Answers, list[tuple[str, str, str]]]:
    answers, unanswered, refits = {}, [], {}
    for name, fitted in fits.items():
        for question in questions:
            if reason := _reason(fitted, question):
                unanswered.append((name, question.name, reason))
                continue
            key = (name, question.column)
            if key not in refits:
                refits[key] = refits_without(fitted, _held(fitted, question), draws, seed)
            predicted = question.predicted(fitted.data.law, refits[key])
            errors = np.abs(predicted / question.measured - 1)
            answers[question.name, name] = _Answer(predicted, errors)
    return answers, unanswered


def _held(fitted: Fit, question: Question) -> np.ndarray:
    return (fitted.points[question.column] >= question.cut).to_numpy()


def _reason(fitted: Fit, question: Question) -> str | None:
    """Why a law cannot be asked, if it cannot."""
    if fitted.law.early_stopped and not question.best_k:
        return "a law of the least loss over passes says nothing of each number of passes"
    left = fitted.points.filter(~_held(fitted, question)).select(fitted.law.inputs).n_unique()
    if left <= (needed := len(fitted.data.law.parameters)):
        return f"{text.plural(left, 'distinct point')} left to fit {needed} parameters"
    return None


_VERDICTS = {
    "question": pl.String,
    "law": pl.String,
    "error": pl.Float64,
    "difference": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "probability": pl.Float64,
}


def _verdicts(question: Question, answers: _Answers, level: float, seed: int) -> pl.DataFrame:
    errors = {law: answer.errors for (asked, law), answer in answers.items() if asked == question.name}
    ranked = sorted(errors, key=lambda law: errors[law][0].mean())
    rows = [
        (
            question.name,
            law,
            errors[law][0].mean(),
            *_gap(question, errors[law] - errors[ranked[0]], level, seed),
        )
        for law in ranked
    ]
    return pl.DataFrame(rows, schema=_VERDICTS, orient="row")


def _gap(question: Question, gap: np.ndarray, level: float, seed: int) -> tuple[float | None, ...]:
    """The mean of `gap` [1 + draws, units], its interval, and how probably it is above 0."""
    if len(np.unique(question.runs)) < _FEW_RUNS:
        return float(gap[0].mean()), None, None, None
    weights = uncertainty.resample(question.runs, len(gap) - 1, seed + 1)
    drawn = (weights * gap[1:]).sum(axis=1) / weights.sum(axis=1)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    probability = np.mean(drawn > 0) + np.mean(drawn == 0) / 2
    return float(gap[0].mean()), float(low), float(high), float(probability)


def _winner(question: Question, verdicts: pl.DataFrame) -> dict:
    own = verdicts.filter(pl.col("question") == question.name)
    close = own[1:].filter(pl.col("probability").fill_null(0.0) < _SURE)
    return {
        "question": question.name,
        "column": question.column,
        "cut": float(question.rows[question.column].to_numpy().min()),
        "units": len(question.measured),
        "runs": len(np.unique(question.runs)),
        "winner": None if own.is_empty() else own["law"][0],
        "not_worse": close["law"].to_list(),
    }


def _table(fits: Mapping[str, Fit], verdicts: pl.DataFrame, questions: Sequence[Question]) -> pl.DataFrame:
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
    numbers = {question.name: pl.Float64 for question in questions}
    return pl.DataFrame(rows, schema_overrides=numbers)


def _predictions(questions: Sequence[Question], answers: _Answers) -> pl.DataFrame:
    tables = []
    for question in questions:
        units = question.rows[question.firsts].select("N", "U", "k")
        if question.best_k:
            units = units.with_columns(k=pl.lit(None, pl.Float64))
        for (asked, law), answer in answers.items():
            if asked == question.name:
                tables.append(
                    units.select(
                        pl.lit(asked).alias("question"), pl.lit(law).alias("law"), pl.all()
                    ).with_columns(
                        measured=pl.Series(question.measured), predicted=pl.Series(answer.predicted[0])
                    )
                )
    return pl.concat(tables)


def _floor_warnings(cells: pl.DataFrame) -> tuple[str, ...]:
    """How many cells fell to their last number of passes: their least loss may lie lower."""
    mean = cells.group_by(_POINT).agg(pl.col("loss").mean())
    last = mean.group_by(_CELL).agg((pl.col("E").sort_by("loss").first() == pl.col("E").max()).alias("last"))
    falling = int(last["last"].sum())
    if falling == 0:
        return ()
    return (
        f"in {falling} of {len(last)} cells (N, U) the best k is the largest tried: the least loss over k, "
        "to which kaplan-nd is fitted, may lie lower",
    )
