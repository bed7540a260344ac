"""Columns of a table of points read as what they are, checked, and completed from one another."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from quarry.analysis.points.schema import NUMBERS
from quarry.errors import PointsError

if TYPE_CHECKING:
    from quarry.analysis.laws.law import Law

ROW = "row of the source"
"""A column that holds the row of each point in its source, while the table is read; from 1."""


def with_numbers(table: pl.DataFrame, names: Iterable[str], source: str) -> pl.DataFrame:
    """`names` as Float64; an empty cell is null. Raises PointsError for a cell that is not a number."""
    numbers = [_numbers(table, name, source) for name in names]
    return table.with_columns(numbers)


def _numbers(table: pl.DataFrame, name: str, source: str) -> pl.Series:
    column = table[name]
    if not (column.dtype.is_numeric() or column.dtype in (pl.String, pl.Null)):
        raise PointsError(f"{source}: column {name} holds {column.dtype}, not numbers")
    numbers = column.cast(pl.Float64, strict=False)
    lost = numbers.is_null() & column.is_not_null()
    if lost.any():
        raise _error(table, lost, name, source, "is not a number")
    return numbers


def check_positive_columns(table: pl.DataFrame, names: Iterable[str], source: str) -> None:
    """Raise PointsError for the first cell of `names` (Float64) that is not finite and positive."""
    for name in names:
        wrong = ~(table[name].is_finite() & (table[name] > 0)).fill_null(False)
        if wrong.any():
            raise _error(table, wrong, name, source, "is not a positive number")


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


def with_annealed(table: pl.DataFrame, source: str) -> pl.DataFrame:
    """The column annealed, where there is one, as Boolean; a loss not known to be annealed is not.

    Booleans, `true` and `false` in any case, and 1 and 0 are read; PointsError for another value.
    """
    if "annealed" not in table.columns:
        return table
    text = table["annealed"].cast(pl.String).str.to_lowercase().fill_null("false")
    true = text.is_in(["true", "1", "1.0"])
    wrong = ~(true | text.is_in(["false", "0", "0.0"]))
    if wrong.any():
        raise _error(table, wrong, "annealed", source, "is not true or false")
    return table.with_columns(true.alias("annealed"))


def is_annealed(table: pl.DataFrame) -> pl.Series:
    """The column annealed of a table of points; without it every loss counts as annealed."""
    if "annealed" in table.columns:
        return table["annealed"]
    return pl.repeat(True, len(table), dtype=pl.Boolean, eager=True)


def with_run(table: pl.DataFrame, source: str) -> pl.DataFrame:
    """The column run, the unit of resampling: the table's own; `study/point`; or each row by itself.

    A branch has the run of its trunk: they share the steps of the trunk, so their losses are not independent.
    Raises PointsError for an empty cell.
    """
    if "run" in table.columns:
        table = table.with_columns(pl.col("run").cast(pl.String))
    elif {"study", "point"} <= set(table.columns):
        trunk = pl.coalesce("trunk", "point") if "trunk" in table.columns else pl.col("point")
        table = table.with_columns(run=pl.concat_str("study", trunk, separator="/"))
    else:
        table = table.with_columns(run=pl.concat_str(pl.lit("row "), _rows(table)))
    if table["run"].has_nulls():
        raise _error(table, table["run"].is_null(), "run", source, "is not the name of a run")
    return table


def complete(table: pl.DataFrame, source: str) -> pl.DataFrame:
    """`table` with run, with NUMBERS and annealed typed, and with what follows from N and one of D, E, C.

    E is D, else C / 6N; U is E and C is 6NE where the table has no column of its own. Raises PointsError.
    """
    table = with_numbers(table, [name for name in (*NUMBERS, "D") if name in table.columns], source)
    if "E" not in table.columns and "D" in table.columns:
        table = table.with_columns(E=pl.col("D"))
    if "E" not in table.columns and {"N", "C"} <= set(table.columns):
        table = table.with_columns(E=pl.col("C") / (6 * pl.col("N")))
        if (table["E"] < 1).any():
            raise PointsError(
                f"{source}: column C gives fewer tokens than one, E = C / 6N: C must be in FLOPs"
            )
    if "U" not in table.columns and "E" in table.columns:
        table = table.with_columns(U=pl.col("E"))
    if "C" not in table.columns and {"N", "E"} <= set(table.columns):
        table = table.with_columns(C=6 * pl.col("N") * pl.col("E"))
    return with_run(with_annealed(table, source), source)


def law_inputs(table: pl.DataFrame, law: "Law") -> dict[str, np.ndarray]:
    """The inputs of `law` as float64 arrays [rows]."""
    return {name: table[name].cast(pl.Float64).to_numpy() for name in law.inputs}


def list_names(names: Iterable[str]) -> str:
    """`names` for a message."""
    return ", ".join(names) or "nothing"


def _rows(table: pl.DataFrame) -> pl.Series:
    """The row of each point in its source."""
    return table[ROW] if ROW in table.columns else pl.int_range(1, len(table) + 1, eager=True)


def _error(table: pl.DataFrame, wrong: pl.Series, name: str, source: str, fault: str) -> PointsError:
    """The error for the first cell that is `wrong`."""
    value, row = table.filter(wrong)[name][0], _rows(table).filter(wrong)[0]
    shown = "an empty cell" if value is None else f"{value:g}" if isinstance(value, float) else repr(value)
    return PointsError(f"{source}: column {name}, row {row}: {shown} {fault}")
