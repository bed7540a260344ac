"""Columns of a table of points read as what they are, and checked."""

import math
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from quarry.errors import PointsError

if TYPE_CHECKING:
    from quarry.analysis.laws.law import Law

ROW = "row of the source"
"""A column that holds the row of each point in its source, while the table is read; from 1."""
_GROUPED = re.compile(r"[+-]?\d{1,3}([,' ]\d{3})+(\.\d*)?")
"""A number with separators of thousands."""


def with_numbers(
    table: pl.DataFrame, names: Iterable[str], source: str, *, lenient: bool = False
) -> pl.DataFrame:
    """`names` as Float64; an empty cell is null. Raises PointsError for a cell that is not a number.

    If `lenient` such a cell is NaN, so that its row can still be left out; `check_cells` then names it.
    """
    numbers = [_numbers(table, name, source, lenient) for name in names]
    return table.with_columns(numbers)


def _numbers(table: pl.DataFrame, name: str, source: str, lenient: bool) -> pl.Series:
    column = table[name]
    if not (column.dtype.is_numeric() or column.dtype in (pl.String, pl.Null)):
        raise PointsError(f"{source}: column {name} holds {column.dtype}, not numbers")
    numbers = column.cast(pl.Float64, strict=False)
    lost = numbers.is_null() & column.is_not_null()
    if lenient or not lost.any():
        return numbers.set(lost, math.nan) if lost.any() else numbers
    grouped = _GROUPED.fullmatch(str(column.filter(lost)[0])) is not None
    remedy = ": write it without separators of thousands" if grouped else ""
    raise cell_error(table, lost, name, source, f"is not a number, such as 3.75 or 5e7{remedy}")


def as_text(table: pl.DataFrame, name: str, source: str) -> pl.Series:
    """A column as String. Raises PointsError for lists, structs, bytes and objects."""
    column = table[name]
    if not has_text(column):
        raise PointsError(f"{source}: column {name} holds {column.dtype}, not text or numbers")
    return column.cast(pl.String)


def has_text(column: pl.Series) -> bool:
    """Whether each cell of a column can be written as text: no list, struct, bytes, time span or object."""
    return not (column.dtype.is_nested() or column.dtype in (pl.Binary, pl.Object, pl.Duration))


def check_positive_columns(table: pl.DataFrame, names: Iterable[str], source: str, remedy: str = "") -> None:
    """Raise PointsError for the first cell of `names` (Float64) that is not finite and positive.

    `remedy` ends its message.
    """
    for name in names:
        wrong = ~(table[name].is_finite() & (table[name] > 0)).fill_null(False)
        if wrong.any():
            raise cell_error(table, wrong, name, source, f"is not a positive number{remedy}")


def check_columns(table: pl.DataFrame, names: Iterable[str], source: str, needed_by: str) -> None:
    """Raise PointsError for the first of `names` that `table` lacks."""
    for name in names:
        if name not in table.columns:
            raise PointsError(
                f"{source}: {needed_by} needs the column {name}; found {list_names(table.columns)}"
            )


def positive_numbers(table: pl.DataFrame, names: Sequence[str], source: str, needed_by: str) -> pl.DataFrame:
    """`table` with `names` as positive Float64. Raises PointsError for a column or cell that is not."""
    check_columns(table, names, source, needed_by)
    table = with_numbers(table, names, source)
    check_positive_columns(table, names, source)
    return table


def with_annealed(table: pl.DataFrame, source: str, *, lenient: bool = False) -> pl.DataFrame:
    """The column annealed, where there is one, as Boolean; a loss not known to be annealed is not.

    Booleans, `true` and `false` in any case, and 1 and 0 are read; PointsError for another value. If
    `lenient` such a value counts as true, so that its row is kept until `check_cells` names it.
    """
    if "annealed" not in table.columns:
        return table
    text = as_text(table, "annealed", source).str.to_lowercase().fill_null("false")
    true = text.is_in(["true", "1", "1.0"])
    wrong = ~(true | text.is_in(["false", "0", "0.0"]))
    if lenient:
        return table.with_columns((true | wrong).alias("annealed"))
    if wrong.any():
        raise cell_error(table, wrong, "annealed", source, "is not true or false")
    return table.with_columns(true.alias("annealed"))


def is_annealed(table: pl.DataFrame) -> pl.Series:
    """The column annealed of a table of points; without it every loss counts as annealed."""
    if "annealed" in table.columns:
        return table["annealed"]
    return pl.repeat(True, len(table), dtype=pl.Boolean, eager=True)


def law_inputs(table: pl.DataFrame, law: "Law") -> dict[str, np.ndarray]:
    """The inputs of `law` as float64 arrays [rows]."""
    return {name: table[name].cast(pl.Float64).to_numpy() for name in law.inputs}


def list_names(names: Iterable[str]) -> str:
    """`names` for a message."""
    return ", ".join(names) or "nothing"


def source_rows(table: pl.DataFrame) -> pl.Series:
    """The row of each point in its source."""
    own = ROW in table.columns and table[ROW].dtype.is_integer()
    return table[ROW] if own else pl.int_range(1, len(table) + 1, eager=True)


def cell_error(table: pl.DataFrame, wrong: pl.Series, name: str, source: str, fault: str) -> PointsError:
    """The error for the first cell that is `wrong`."""
    value, row = table.filter(wrong)[name][0], source_rows(table).filter(wrong)[0]
    shown = "an empty cell" if value is None else f"{value:g}" if isinstance(value, float) else repr(value)
    return PointsError(f"{source}: column {name}, row {row}: {shown} {fault}")
