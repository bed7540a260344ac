"""Files with a document per row: JSON Lines and Parquet."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import polars as pl

from quarry.errors import DataError
from quarry.train.data.documents import Document, Rows, reading, to_utf8

TEXT = "text"


def open_json_lines(path: Path) -> Rows:
    """A document per line: an object with its text in the field `text`, or in its only field of text.

    Raises DataError, here or on reading, for a file or line that is something else.
    """
    with reading(path), path.open("rb") as file:
        starts = np.fromiter(_line_starts(file), np.int64)

    def row(index: int) -> Mapping[str, Any]:
        with reading(path), path.open("rb") as file:
            file.seek(starts[index])
            line = file.readline()
        try:
            value = json.loads(line)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise DataError(f"{path}, byte {starts[index]:,} is no line of JSON Lines: {line[:40]!r}")
        return value

    first = row(0) if len(starts) else {}
    name = _text_column(path, {key: isinstance(value, str) for key, value in first.items()})
    return Rows(len(starts), lambda index: _document(path, index, row(index).get(name), name))


def _line_starts(file: BinaryIO) -> Iterator[int]:
    """The offset of every line that is not blank."""
    offset = 0
    for line in file:
        if not line.isspace():
            yield offset
        offset += len(line)


def open_parquet(path: Path) -> Rows:
    """A document per row, in the column `text` or the only column of text; the column is held in memory.

    Raises DataError, here or on reading, for a file or row that is something else.
    """
    try:
        with reading(path):
            schema = pl.read_parquet_schema(path)
            name = _text_column(path, {key: kind == pl.String for key, kind in schema.items()})
            texts = pl.read_parquet(path, columns=[name])[name]
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{path} cannot be read as Parquet: {str(error).splitlines()[0]}") from None
    return Rows(len(texts), lambda index: _document(path, index, texts[index], name))


READERS: dict[str, Callable[[Path], Rows]] = {".jsonl": open_json_lines, ".parquet": open_parquet}
"""For each ending in lower case what opens such a file."""


def _text_column(path: Path, is_text: Mapping[str, bool]) -> str:
    names = [name for name, text in is_text.items() if text]
    if TEXT in names or len(names) == 1:
        return TEXT if TEXT in names else names[0]
    raise DataError(
        f"{path} has no one column of text: it needs {TEXT!r} among its columns, "
        f"which are {', '.join(is_text) or 'none'}"
    )


def _document(path: Path, index: int, text: Any, column: str) -> Document:
    name = f"{path}, row {index + 1}"
    if not isinstance(text, str):
        raise DataError(f"{name}: {column!r} is no text but {text!r}")
    try:
        to_utf8(text)
    except DataError as error:
        raise DataError(f"{name}: {error}") from None
    return Document(name, text)
