"""Raw rows of a table in a file of any usual format, or of a data frame of any library."""

import gzip
import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

import polars as pl

from quarry.errors import PointsError
from quarry.train.record.files import read_jsonl

if TYPE_CHECKING:
    import narwhals


@runtime_checkable
class DataFrameLike(Protocol):
    """A data frame that narwhals reads: of pandas, pyarrow, Modin, ..."""

    @property
    def shape(self) -> Any: ...

    @property
    def columns(self) -> Any: ...


TableSource = pl.DataFrame | DataFrameLike | str | Path
"""Where rows are read from: a data frame, or the path of a table or of a runs directory."""

KINDS = {".parquet": "Parquet", ".json": "JSON", ".jsonl": "JSONL", ".ndjson": "JSONL"}
"""The formats by the ending of the name; any other file is read as CSV, or as TSV if its header has tabs."""

_TOO_LARGE = 2**63
"""Integers that a column of integers cannot hold, as JSON writes FLOPs."""

_UNREADABLE = (pl.exceptions.PolarsError, OSError, EOFError, ValueError, RecursionError, zlib.error)


def read_frame(source: pl.DataFrame | DataFrameLike) -> pl.DataFrame:
    """A data frame as one of polars; what its library counts as missing is null. Raises PointsError."""
    if isinstance(source, pl.DataFrame):
        return source
    import narwhals  # a twentieth of a second that tables in files need not wait

    try:
        frame = narwhals.from_native(cast(Any, source), eager_only=True)
    except TypeError:
        raise PointsError(
            f"points must be Points, a data frame or a path, not {type(source).__name__}"
        ) from None
    return pl.DataFrame([_read_column(column) for column in frame.iter_columns()])


def _read_column(column: "narwhals.Series") -> pl.Series:
    """By Python's values, so that pandas needs no pyarrow."""
    pairs = zip(column.to_list(), column.is_null().to_list(), strict=True)
    return _series(str(column.name), [None if missing else value for value, missing in pairs])


def _series(name: str, values: Sequence[Any]) -> pl.Series:
    """Python values as a column; of several kinds they become text, so that no date or truth is a number."""
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float} and (float in kinds or any(abs(value or 0) >= _TOO_LARGE for value in values)):
        return pl.Series(name, [None if value is None else float(value) for value in values], pl.Float64)
    if len(kinds) <= 1:
        return pl.Series(name, values, strict=False)
    return pl.Series(name, [None if value is None else str(value) for value in values], pl.String)


def read_file(path: Path) -> pl.DataFrame:
    """The rows of a Parquet, JSON, JSONL, CSV or TSV file; the last two may be compressed by gzip.

    JSON is a list of objects, one a row, or an object of columns. Cells of CSV and TSV stay text. Raises
    PointsError.
    """
    kind = KINDS.get(path.suffix.lower(), "CSV")
    readers = {
        "Parquet": pl.read_parquet,
        "JSON": _read_json,
        "JSONL": lambda file: _of_rows(read_jsonl(file)),
    }
    try:
        if kind != "CSV" and not path.exists():
            raise FileNotFoundError
        return readers.get(kind, _read_csv)(path)
    except FileNotFoundError:
        raise PointsError(f"{path}: no such file or directory") from None
    except PointsError:
        raise
    except _UNREADABLE as error:
        detail = str(error).strip().split("\n")[0]
        raise PointsError(f"{path}: not a {kind} file that can be read ({detail})") from None


def _read_csv(path: Path) -> pl.DataFrame:
    table = pl.read_csv(path, infer_schema=False, separator=_separator(path))
    return _stripped(_distinct(table.rename(str.strip), path))


def _separator(path: Path) -> str:
    """What parts the columns of the header: a tab, a semicolon where there is no comma, else a comma."""
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    with gzip.open(path) if zipped else path.open("rb") as file:
        header = file.readline(1_000_000)
    return "\t" if b"\t" in header else ";" if b";" in header and b"," not in header else ","


def _read_json(path: Path) -> pl.DataFrame:
    value = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(value, dict) and value and all(isinstance(cells, list) for cells in value.values()):
        if len({len(cells) for cells in value.values()}) > 1:
            raise ValueError("its columns differ in length")
        return pl.DataFrame([_series(name, cells) for name, cells in value.items()])
    return _of_rows(value)


def _of_rows(rows: Any) -> pl.DataFrame:
    """A table of JSON objects, one a row; a field that a row lacks is null."""
    if not (isinstance(rows, list) and all(isinstance(row, dict) for row in rows)):
        raise ValueError("it holds neither a list of objects nor an object of columns")
    names = dict.fromkeys(name for row in rows for name in row)
    return pl.DataFrame([_series(name, [row.get(name) for row in rows]) for name in names])


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
