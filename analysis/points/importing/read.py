"""Points of any log, table or TensorBoard directory, with N, E and loss completed from what the user says."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from quarry.analysis.points.columns import list_names, with_numbers
from quarry.analysis.points.importing import logs, tensorboard, wandb
from quarry.analysis.points.loading import read_table
from quarry.analysis.points.names import did_you_mean, with_synonyms
from quarry.errors import PointsError

_LARGEST_LOG = 500_000_000
"""Bytes of a printed log that are read."""

_LOG_CALLS = ("Step", "_step")
"""The steps of W&B: they count calls of its `log`, unless the trainer gave its own steps there."""
_STEPS = ("step", "global_step", "train/global_step", "trainer/global_step", "iter", *_LOG_CALLS)


@dataclass(frozen=True)
class Import:
    """What files do not say themselves: parameters, tokens of one step, and the column that is the loss."""

    params: float | None = None
    tokens_per_step: float | None = None
    loss: str | None = None


def import_points(path: Path, given: Import = Import()) -> tuple[pl.DataFrame, list[str]]:
    """The points of a log, a table or a TensorBoard directory, and notes of what was read as what.

    Columns run, N, E, loss and whatever else was logged; rows without a loss are left out. Raises
    PointsError, which says what is missing and how to give it.
    """
    try:
        table, notes = _raw(path)
    except PointsError:
        raise
    except (pl.exceptions.PolarsError, ValueError, OverflowError, OSError) as error:
        detail = str(error).strip().split("\n")[0]
        raise PointsError(f"{path}: is no log or table that can be read ({detail})") from None
    if table.is_empty():
        raise PointsError(f"{path}: no loss is logged")
    if given.loss is not None:
        table = _with_loss(table, given.loss, path)
    table, taken = with_synonyms(
        table, {name for name in ("N", "D", "C", "loss") if name not in table.columns}
    )
    table, counted = _completed(table, given, path)
    table = with_numbers(table, ["N", "E", "loss"], str(path)).drop_nulls("loss")
    if table.is_empty():
        raise PointsError(f"{path}: no row has a loss")
    return table, [*notes, *taken, *counted]


def _raw(path: Path) -> tuple[pl.DataFrame, list[str]]:
    """The rows of `path` by its format, and a note of it."""
    if path.is_dir() and any(path.rglob(tensorboard.EVENTS)):
        return tensorboard.read_tensorboard(path), [f"{path}: read as TensorBoard events"]
    text = _text(path)
    if logs.MAXTEXT.search(text):
        return _told(logs.read_maxtext(text, path.stem), f"{path}: read as a log of MaxText")
    if logs.NANOCHAT.search(text):
        return _told(logs.read_nanochat(text, path.stem), f"{path}: read as a log of nanochat")
    table = read_table(path)
    if wandb.is_panel(table):
        return wandb.read_panel(table), [f"{path}: read as the curves of a W&B panel"]
    if wandb.is_runs(table):
        return wandb.read_runs(table), [f"{path}: read as a W&B table of runs"]
    return table, []


def _told(table: pl.DataFrame, note: str) -> tuple[pl.DataFrame, list[str]]:
    """A log with its unit, and whether its losses are those of training."""
    if table.is_empty():
        return table, [note]
    what = "training losses" if "loss_of" in table.columns else "held-out losses"
    return table, [f"{note}: {what} in {table['loss_unit'][0]}"]


def _text(path: Path) -> str:
    """The text of a log; empty for tables of other formats, folders and what is no text."""
    known = path.suffix.lower() in (".parquet", ".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".gz")
    if known or not path.is_file() or path.stat().st_size > _LARGEST_LOG:
        return ""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise PointsError(f"{path}: cannot be read ({error.strerror})") from None


def _with_loss(table: pl.DataFrame, loss: str, path: Path) -> pl.DataFrame:
    if loss not in table.columns:
        raise PointsError(
            f"{path}: no column {loss!r} for the loss{did_you_mean(loss, table.columns)}; "
            f"found {list_names(table.columns)}"
        )
    return table.with_columns(pl.col(loss).alias("loss"))


def _completed(table: pl.DataFrame, given: Import, path: Path) -> tuple[pl.DataFrame, list[str]]:
    """With N and E of every row, as logged or as given, and a note of what counted the steps.

    Raises PointsError for one that is neither.
    """
    notes = []
    if "loss" not in table.columns:
        raise PointsError(f"{path}: no column is a loss (--loss NAME); found {list_names(table.columns)}")
    if given.params is not None:
        table = table.with_columns(N=pl.lit(float(given.params)))
    if "N" not in table.columns or table["N"].null_count() == len(table):
        raise PointsError(f"{path}: does not say how many parameters its models have (--params N)")
    step = next((name for name in _STEPS if name in table.columns), None)
    if given.tokens_per_step is not None and step is not None:
        steps = with_numbers(table, [step], str(path))[step]
        table = table.with_columns(E=steps * given.tokens_per_step)
        calls = ", which counts calls of wandb.log" if step in _LOG_CALLS else ""
        notes = [f"{path}: read {step} as the steps{calls}"]
    if "E" not in table.columns and "D" in table.columns:
        table = table.rename({"D": "E"})
    if "E" not in table.columns or table["E"].null_count() == len(table):
        raise PointsError(f"{path}: does not say how many tokens were processed (--tokens-per-step B)")
    return table, notes


def combined(tables: list[pl.DataFrame]) -> pl.DataFrame:
    """All tables as one; a column that one lacks is null there, and rows before the first step are left out.

    Raises PointsError if their losses differ in unit, or if some are of training and some held out.
    """
    table = pl.concat(tables, how="diagonal_relaxed").filter(pl.col("E") > 0)
    for name in ("loss_unit", "loss_of"):
        if name in table.columns and table[name].n_unique() > 1:
            words = list_names(sorted(table[name].fill_null("held out").unique()))
            raise PointsError(f"the losses of these files differ in {name} ({words}): import them apart")
    if table.is_empty():
        raise PointsError("no loss was logged after the first step")
    return table
