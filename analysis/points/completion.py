"""The columns of a table of points completed from one another, and its cells checked once all are there."""

import polars as pl

from quarry.analysis.points.columns import ROW, with_annealed, with_numbers
from quarry.analysis.points.run_names import with_run
from quarry.analysis.points.schema import NUMBERS
from quarry.analysis.points.units import check_parameters, check_tokens


def complete(table: pl.DataFrame, source: str, *, lenient: bool = False) -> pl.DataFrame:
    """`table` with run, with NUMBERS and annealed typed, and with what follows from N and one of D, E, C.

    E is D, else C / 6N; U is E and C is 6NE where the table has no column of its own. Raises PointsError for
    a cell that cannot be read or fewer tokens than one; if `lenient` such cells wait for `check_cells`.
    """
    given = next((name for name in ("E", "D") if name in table.columns), "C")
    present = [name for name in (*NUMBERS, "D") if name in table.columns]
    table = with_numbers(table, present, source, lenient=lenient)
    if "E" not in table.columns and "D" in table.columns:
        table = table.with_columns(E=pl.col("D"))
    if "E" not in table.columns and {"N", "C"} <= set(table.columns):
        table = table.with_columns(E=pl.col("C") / (6 * pl.col("N")))
    if "N" in table.columns and not lenient:
        check_parameters(table, source)
    if "E" in table.columns and not lenient:
        check_tokens(table, source, given)
    if "U" not in table.columns and "E" in table.columns:
        table = table.with_columns(U=pl.col("E"))
    if "C" not in table.columns and {"N", "E"} <= set(table.columns):
        table = table.with_columns(C=6 * pl.col("N") * pl.col("E"))
    return with_run(with_annealed(table, source, lenient=lenient), source, lenient=lenient)


def check_cells(table: pl.DataFrame, raw: pl.DataFrame, source: str) -> None:
    """Raise PointsError for the first cell of `raw` that was read leniently, in a row that `table` kept.

    Both have the column ROW.
    """
    kept = raw.join(table.select(ROW), on=ROW, how="semi")
    read = [name for name in raw.columns if name in table.columns and name != ROW]
    numbers = [name for name in read if table[name].dtype == pl.Float64 != raw[name].dtype]
    with_run(with_annealed(with_numbers(kept, numbers, source), source), source)


def words_of(table: pl.DataFrame, raw: pl.DataFrame) -> pl.DataFrame:
    """`table` with the text of `raw` in columns of numbers that do not hold numbers alone, for conditions."""
    kept = raw.join(table.select(ROW), on=ROW, how="semi", maintain_order="left")
    words = [name for name in raw.columns if name in table.columns and raw[name].dtype == pl.String]
    lost = [name for name in words if table[name].dtype == pl.Float64 and _loses(kept[name])]
    return table.with_columns(kept[name] for name in lost)


def _loses(text: pl.Series) -> bool:
    """Whether a cell of text is neither empty nor a number."""
    return text.cast(pl.Float64, strict=False).null_count() > text.null_count()
