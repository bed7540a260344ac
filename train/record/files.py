"""The plain files of the record: JSON, rows of JSONL, and writing that never leaves half a file."""

import errno
import json
import os
import shutil
import stat
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import UnionType
from typing import Any, BinaryIO, NamedTuple

import orjson

from quarry.errors import RecordError

Schema = type | UnionType | Mapping[str, "Schema"]
"""The type of a value, or the schemas of the fields that an object must have; it may have others."""


def read_json(path: Path, schema: Mapping[str, Schema]) -> dict[str, Any]:
    """The JSON object in a file of ours.

    Raises RecordError, which names the file, if it cannot be read or does not have the fields of `schema`.
    """
    try:
        value = json.loads(read_regular(path))
    except OSError as error:
        raise RecordError(f"{path} cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError):
        raise RecordError(f"{path} is damaged: it holds no JSON") from None
    if wrong := _first_mismatch(value, schema):
        raise RecordError(f"{path} is damaged: {wrong}")
    return value


def read_regular(path: Path) -> bytes:
    """The bytes of a regular file. Raises OSError for anything else."""
    with _open_regular(path) as file:
        return file.read()


def _open_regular(path: Path) -> BinaryIO:
    """A regular file, to be read: a pipe would never end. Raises OSError for anything else."""
    file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))  # noqa: SIM115
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "it is no regular file")
    return file


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
    return None if exact else f"{name} is no {getattr(schema, '__name__', schema)}"


class Log(NamedTuple):
    """The rows of a JSONL file and their bytes, up to its first damaged line; `fault` names that one."""

    rows: list[dict[str, Any]]
    lines: list[bytes]
    fault: str | None


ROW: Schema = {}
"""Any object."""
STEP: Schema = {"step": int}


def read_log(path: Path, schema: Schema = ROW) -> Log:
    """The whole lines of a JSONL file; a torn last line (the process died while writing it) is dropped.

    A line is damaged if it holds no object with the fields of `schema`; so is a file that cannot be read.
    """
    try:
        lines = read_regular(path).split(b"\n") if os.path.exists(path) else []
    except OSError as error:
        return Log([], [], f"{path} cannot be read ({error.strerror})")
    log = Log([], [], None)
    for number, line in enumerate(lines, 1):
        try:
            row = _parsed(line) if line.strip() else None
        except (ValueError, RecursionError):
            if number == len(lines):
                break
            return log._replace(fault=f"{path}, line {number} is damaged: {line[:60]!r}")
        if row is None:
            continue
        if _first_mismatch(row, schema):
            return log._replace(fault=f"{path}, line {number} is damaged: {line[:60]!r}")
        log.rows.append(row)
        log.lines.append(line + b"\n")
    return log


def _parsed(line: bytes) -> Any:
    """The JSON of a line, also with NaN, which Python's reader takes. Raises ValueError."""
    try:
        return orjson.loads(line)
    except ValueError:
        return json.loads(line)


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """Rows of a JSONL file; see `read_log`. Raises RecordError if any line but the last is damaged."""
    log = read_log(path)
    if log.fault:
        raise RecordError(log.fault)
    return log.rows


def read_last_row(path: Path, tail_bytes: int = 4096) -> dict[str, Any] | None:
    """The last whole row of a log that is being written; None before the first, and if it is damaged."""
    try:
        with _open_regular(path) as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - tail_bytes))
            lines = file.read().split(b"\n")[:-1]
        row = json.loads(lines[-1]) if lines else None
    except (OSError, ValueError, RecursionError):
        return None
    return None if _first_mismatch(row, STEP) else row


def check_ending(path: Path, *endings: str) -> None:
    """Raise RecordError unless the name of a file to be written has one of these endings.

    Commands that take long ask before they begin.
    """
    if path.suffix not in endings:
        raise RecordError(f"{path} must end in {' or '.join(endings)}")


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


@contextmanager
def writing_whole(path: Path) -> Iterator[Path]:
    """As `atomic_write`, in a folder that is made first. Raises RecordError if it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as partial:
            yield partial
    except OSError as error:
        raise RecordError(f"cannot write {path}: {error.strerror or error}") from None


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
    write_bytes(path, to_json(value, indent=True))


def write_bytes(path: Path, content: bytes | bytearray) -> None:
    """Replace `path` by a file of `content`, atomically and durably."""
    clear_unless_regular(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as partial, partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def holds(path: Path, content: bytes | bytearray) -> bool:
    """Whether a regular file of just this content is at `path`."""
    try:
        return path.stat().st_size == len(content) and read_regular(path) == content
    except OSError:
        return False


def is_at(path: os.PathLike, descriptor: int) -> bool:
    """Whether an open file or folder is still what is found at `path`."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except OSError:
        return False


def clear_unless_regular(path: Path) -> None:
    """Take away what stands in the place of a file of ours: a folder, which is kept, a pipe, a dead link."""
    if path.is_dir() and not path.is_symlink():
        set_aside(path)
    elif os.path.lexists(path) and not path.is_file():
        path.unlink()


def set_aside(path: Path) -> Path:
    """Rename a file or folder to `damaged-<name>`, in place of a former one; returns the new path."""
    aside = path.with_name(f"damaged-{path.name}")
    if aside.is_dir() and not aside.is_symlink():
        shutil.rmtree(aside)
    aside.unlink(missing_ok=True)
    return path.rename(aside)


def drop_rows_after(path: Path, step: int) -> None:
    """Drop the rows of a log after `step` or a damaged line; a resumed run writes the same rows again."""
    log = read_log(path, STEP)
    kept = (line for row, line in zip(log.rows, log.lines, strict=True) if row["step"] <= step)
    write_bytes(path, b"".join(kept))
