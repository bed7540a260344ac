"""The plain files of the record: JSON, JSONL logs, and writing that never leaves half a file."""

import errno
import json
import os
import stat
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import orjson

from quarry.errors import RecordError

Schema = type | Mapping[str, "Schema"]
"""The type of a value, or the schemas of the fields that an object must have; it may have others."""


def read_json(path: Path, schema: Mapping[str, Schema]) -> dict[str, Any]:
    """The JSON object in a file of ours.

    Raises RecordError, which names the file, if it cannot be read or does not have the fields of `schema`.
    """
    try:
        value = json.loads(_read_regular(path))
    except OSError as error:
        raise RecordError(f"{path} cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError):
        raise RecordError(f"{path} is damaged: it holds no JSON") from None
    if wrong := _first_mismatch(value, schema):
        raise RecordError(f"{path} is damaged: {wrong}")
    return value


def _read_regular(path: Path) -> bytes:
    """The bytes of a regular file: a pipe would never end. Raises OSError for anything else."""
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        return file.read()


def _first_mismatch(value: Any, schema: Schema, name: str = "") -> str | None:
    """The first field that is not of its type, in words; None if there is none."""
    if isinstance(schema, Mapping):
        if not isinstance(value, dict):
            return f"{name or 'it'} is no object"
        fields = (
            _first_mismatch(value.get(key), kind, f"{name}.{key}".lstrip(".")) for key, kind in schema.items()
        )
        return next((wrong for wrong in fields if wrong), None)
    exact = isinstance(value, schema) and not (isinstance(value, bool) and schema is int)
    return None if exact else f"{name} is no {schema.__name__}"


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """Rows of a JSONL file; a torn last line (the process died while writing it) is dropped.

    Raises RecordError if any line but the last is damaged.
    """
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            rows += [json.loads(line)] if line.strip() else []
        except ValueError:
            if number < len(lines):
                raise RecordError(f"{path}, line {number} is damaged: {line[:60]!r}") from None
    return rows


def read_last_row(path: Path, tail_bytes: int = 4096) -> dict[str, Any] | None:
    """The last whole row of a log that is being written, None before the first."""
    if not path.exists():
        return None
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - tail_bytes))
        lines = file.read().split(b"\n")[:-1]
    return json.loads(lines[-1]) if lines else None


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path; it replaces `path` when the block ends without an error."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def to_json(value: Any, *, indent: bool = False) -> bytes:
    """`value` as strict JSON in UTF-8: a number that is not finite becomes null, a tuple a list.

    Takes NumPy's scalars and arrays too. Raises TypeError for a value that has no form in JSON.
    """
    options = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps(value, _standard, options | orjson.OPT_INDENT_2 if indent else options)


def json_values(value: Any) -> Any:
    """`value` as the values of strict JSON that `to_json` writes: dicts, lists, text, numbers, None."""
    return orjson.loads(to_json(value))


def _standard(value: Any) -> Any:
    """The dict or list that stands for a value orjson does not know."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple):  # a NamedTuple
        return list(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def write_json(path: Path, value: Any) -> None:
    """Replace `path` by `value` as strict JSON, atomically: a reader sees the old file or the new one."""
    with atomic_write(path) as partial, partial.open("wb") as file:
        file.write(to_json(value, indent=True))
        file.flush()
        os.fsync(file.fileno())


def drop_rows_after(path: Path, step: int) -> None:
    """Drop the rows of a log after `step`; a resumed run writes the same rows again."""
    rows = [row for row in read_jsonl(path) if row["step"] <= step]
    with atomic_write(path) as partial:
        partial.write_bytes(b"".join(map(to_json, rows)))


class JsonlLog:
    """An append-only log of rows, each flushed as it is written."""

    def __init__(self, path: Path):
        self._file = path.open("ab")

    def append(self, row: Mapping[str, Any]) -> None:
        """Write one row; a crash can damage only this line."""
        self._file.write(to_json(row))
        self._file.flush()

    def sync(self) -> None:
        """Flush the rows to the disk, or to a bucket mounted there, so that they survive a crash."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()
