"""Raw rows of a CSV or Parquet file, or of a data frame of any library."""

from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

import narwhals
import polars as pl

from quarry.errors import PointsError


@runtime_checkable
class DataFrameLike(Protocol):
    """A data frame that narwhals reads: of pandas, pyarrow, Modin, ..."""

    @property
    def shape(self) -> Any: ...

    @property
    def columns(self) -> Any: ...


TableSource = pl.DataFrame | DataFrameLike | str | Path
"""Where rows are read from: a data frame, or the path of a CSV or Parquet file or of a runs directory."""


def read_frame(source: pl.DataFrame | DataFrameLike) -> pl.DataFrame:
    """A data frame as one of polars; what its library counts as missing is null. Raises PointsError."""
    if isinstance(source, pl.DataFrame):
        return source
    try:
        frame = narwhals.from_native(cast(Any, source), eager_only=True)
    except TypeError:
        raise PointsError(
            f"points must be Points, a data frame or a path, not {type(source).__name__}"
        ) from None
    return pl.DataFrame([_read_column(column) for column in frame.iter_columns()])


def _read_column(column: narwhals.Series) -> pl.Series:
    """By Python's values, so that pandas needs no pyarrow."""
    pairs = zip(column.to_list(), column.is_null().to_list(), strict=True)
    return pl.Series(str(column.name), [None if missing else value for value, missing in pairs], strict=False)


def read_file(path: Path) -> pl.DataFrame:
    """The rows of a Parquet or a CSV file; cells of a CSV stay text. Raises PointsError."""
    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path)
        return _stripped(_distinct(pl.read_csv(path, infer_schema=False).rename(str.strip), path))
    except FileNotFoundError:
        raise PointsError(f"{path}: no such file or directory") from None
    except (pl.exceptions.PolarsError, OSError, UnicodeError) as error:
        kind = "Parquet" if path.suffix == ".parquet" else "CSV"
        detail = str(error).strip().split("\n")[0]
        raise PointsError(f"{path}: not a {kind} file that can be read ({detail})") from None


def _stripped(table: pl.DataFrame) -> pl.DataFrame:
    """Cells without the blanks around them; empty cells are null, and empty rows are dropped."""
    cells = table.with_columns(pl.all().str.strip_chars())
    cells = cells.with_columns(pl.when(pl.all().str.len_bytes() > 0).then(pl.all()))
    return cells.filter(~pl.all_horizontal(pl.all().is_null()))


def _distinct(table: pl.DataFrame, path: Path) -> pl.DataFrame:
    """`table`; PointsError if polars had to rename columns of one name."""
    for name in table.columns:
        original, renamed, _ = name.partition("_duplicated_")
        if renamed and original in table.columns:
            raise PointsError(f"{path}: has more than one column {original!r}; keep one")
    return table
