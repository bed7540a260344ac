"""The loss on other texts and by class of token, across sizes and data: Kaplan et al. 2020, figures 8, 24.

Both read the columns `loss_on_TEXT` and `loss_of_CLASS` of a points table (`quarry.train.record.schema`).
"""

from typing import Any, Literal, NamedTuple

import numpy as np
import polars as pl
import scipy.special

from quarry.analysis.fitting.intervals import mean_interval
from quarry.analysis.points.columns import with_numbers
from quarry.analysis.points.curves import RUN
from quarry.errors import PointsError

Kind = Literal["on", "of"]
_NUMBERS = ("loss", "loss_sem", "n_nonembedding", "unique_tokens", "tokens")
_FEWEST = 3
_HOW = {
    "on": "on another text: set evaluation.also or evaluation.train_tokens",
    "of": "of a class of tokens: set evaluation.token_classes",
}


class Slope(NamedTuple):
    """The slope of a line fitted by least squares, with the interval of Student's t; None where unknown."""

    value: float | None
    low: float | None = None
    high: float | None = None


def slope(x: np.ndarray, y: np.ndarray, level: float = 0.95) -> Slope:
    """The slope of y over x; of fewer than three different x there is none, of three points an interval."""
    if len(np.unique(x)) < _FEWEST:
        return Slope(None)
    across, freedom = x - x.mean(), len(x) - 2
    value = float(across @ y / (across @ across))
    rest = y - y.mean() - value * across
    error = np.sqrt(rest @ rest / freedom / (across @ across))
    half = float(scipy.special.stdtrit(freedom, (1 + level) / 2) * error)
    return Slope(value, value - half, value + half)


def slope_along(x: np.ndarray, y: np.ndarray, runs: np.ndarray, level: float = 0.95) -> Slope:
    """The slope of y over x, rows of several runs: evaluations of one run share its error.

    The interval is of a jackknife over the runs, with Student's t; of runs with one row each that of `slope`.
    """
    names = np.unique(runs)
    value = slope(x, y, level)
    if len(names) == len(runs) or value.value is None:
        return value
    left_out = [slope(x[runs != name], y[runs != name]).value for name in names]
    if len(names) < _FEWEST or None in left_out:
        return Slope(value.value)
    n, without = len(names), np.array(left_out, float)
    apart = without - without.mean()
    half = float(scipy.special.stdtrit(n - 1, (1 + level) / 2) * np.sqrt((n - 1) / n * (apart @ apart)))
    return Slope(value.value, value.value - half, value.value + half)


def other_losses(points: pl.DataFrame, kind: Kind) -> pl.DataFrame:
    """The losses `on` other texts or `of` classes in nats per token, a row each.

    `points` is a points table. Columns run, N, U, E, name, other, other_sem, tokens (of the class), and loss,
    loss_sem of the whole validation text. Raises PointsError if no run measured them.
    """
    names = [name.split(f"loss_{kind}_")[1] for name in points.columns if name.startswith(f"loss_{kind}_")]
    if not names:
        raise PointsError(f"no run logged a loss {_HOW[kind]}")
    numbers = [f"{field}_{kind}_{name}" for name in names for field in ("loss", "loss_sem")]
    numbers += [f"tokens_of_{name}" for name in names if kind == "of"]
    points = with_numbers(points, [*_NUMBERS, *numbers], "the points")
    measured = points.filter(
        pl.col("split") == "validation", pl.col("loss").is_finite(), pl.col("status") != "diverged"
    )
    tables = [
        measured.select(
            RUN, "loss", "loss_sem", pl.lit(name).alias("name"),
            N=pl.col("n_nonembedding").cast(pl.Float64), U=pl.col("unique_tokens").cast(pl.Float64),
            E=pl.col("tokens").cast(pl.Float64),
            other=pl.col(f"loss_{kind}_{name}"), other_sem=pl.col(f"loss_sem_{kind}_{name}"),
            tokens=pl.col(f"tokens_of_{name}") if kind == "of" else pl.lit(None, pl.Float64),
        )
        for name in names
    ]  # fmt: skip
    return pl.concat(tables).drop_nulls("other").sort("N", "run", "E", maintain_order=True)


def transfer_offsets(points: pl.DataFrame, level: float = 0.95) -> pl.DataFrame:
    """The offset of each other text, its loss less the validation loss, and whether it depends on size.

    A row for each text: `offset` (nats per token, mean over the ends of the runs on the commonest U) with the
    interval over sizes; `per_decade`, its change for ten times the N; `per_loss`, the slope of the loss on
    it over the validation loss along their evaluations, 1 for a constant offset, its interval over runs. Each
    with _low and _high.
    Kaplan's claim holds if the interval of per_decade includes 0. Raises PointsError.
    """
    losses, rows = other_losses(points, "on"), []
    for (name,), text in losses.group_by("name", maintain_order=True):
        ends = _commonest(_last(text), "U")
        offset = (ends["other"] - ends["loss"]).to_numpy()
        mean, (low, high) = float(offset.mean()), mean_interval(offset, level)
        of_size = slope(np.log10(ends["N"].to_numpy()), offset, level)
        along = text.filter(pl.col("run").is_in(ends["run"].to_list()))
        loss, other, runs = (along[column].to_numpy() for column in ("loss", "other", "run"))
        of_loss = slope_along(loss, other, runs, level)
        about = {"text": name, "sizes": ends["N"].n_unique(), "runs": len(ends), "offset": mean}
        about |= {"offset_low": low, "offset_high": high}
        rows.append(about | _named("per_decade", of_size) | _named("per_loss", of_loss))
    return pl.from_dicts(rows, infer_schema_length=None)


def class_exponents(points: pl.DataFrame, level: float = 0.95) -> pl.DataFrame:
    """How the loss of each class of tokens falls with N and with U.

    A row for each class: `tokens` scored, `loss` of the run with the least validation loss, `alpha_N` of
    L ~ N^-alpha over the ends of the runs on the commonest U, and `alpha_U` over the best evaluations of the
    runs of the commonest N; each alpha with _low and _high. Raises PointsError.
    """
    losses, rows = other_losses(points, "of"), []
    for (name,), group in losses.group_by("name", maintain_order=True):
        best = group.sort("loss").row(0, named=True)
        by_n, by_u = _commonest(_last(group), "U"), _commonest(_least(group), "N")
        of_n = slope(-np.log(by_n["N"].to_numpy()), np.log(by_n["other"].to_numpy()), level)
        of_u = slope(-np.log(by_u["U"].to_numpy()), np.log(by_u["other"].to_numpy()), level)
        about = {
            "class": name,
            "tokens": best["tokens"],
            "loss": best["other"],
            "loss_sem": best["other_sem"],
        }
        rows.append(about | _named("alpha_N", of_n) | _named("alpha_U", of_u))
    return pl.from_dicts(rows, infer_schema_length=None)


def _last(losses: pl.DataFrame) -> pl.DataFrame:
    return losses.sort("E").group_by("run", maintain_order=True).last().sort("N", "U")


def _least(losses: pl.DataFrame) -> pl.DataFrame:
    """The evaluation of each run with its least validation loss: with too much of its text read it rises."""
    return losses.sort("loss").group_by("run", maintain_order=True).first().sort("N", "U")


def _commonest(rows: pl.DataFrame, column: str) -> pl.DataFrame:
    """The rows with the value of `column` at which most values of the other of N and U were measured."""
    other = "N" if column == "U" else "U"
    counted = rows.group_by(column).agg(pl.col(other).n_unique()).sort(other, column, descending=True)
    return rows.filter(pl.col(column) == counted[column][0])


def _named(name: str, found: Slope) -> dict[str, Any]:
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
