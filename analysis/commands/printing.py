"""What several commands print and write: warnings, intervals, results as JSON."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from quarry.errors import PointsError, RecordError
from quarry.text import UNBOUNDED
from quarry.train.record.files import write_json


def assigned(words: Sequence[str]) -> dict[str, float]:
    """Parameters and their values from words such as `A=521`, each given once. Raises PointsError."""
    values = {}
    for word in words:
        name, _, text = word.partition("=")
        if name.strip() in values:
            raise PointsError(f"{name.strip()} is given twice: {word!r}")
        try:
            values[name.strip()] = float(text)
        except ValueError:
            raise PointsError(f"cannot read {word!r}: write parameter=number") from None
    return values


def print_warnings(warnings: Sequence[str], console: Console) -> None:
    """Each warning once, on its own line."""
    for warning in dict.fromkeys(warnings):
        console.print(Text("warning: ", "bold yellow") + Text(warning))


def write_result(value: Mapping, output: Path) -> None:
    """Write a result as JSON, whole or not at all. Raises RecordError if it cannot be written."""
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        write_json(output, value)
    except OSError as error:
        raise RecordError(f"cannot write {output}: {error.strerror}") from None


def between(
    ends: tuple[float | None, float | None], form: Callable[[float | None], str], unbounded: str = UNBOUNDED
) -> str:
    """An interval as `low to high`, each end written by `form`; `unbounded` if it has neither end."""
    low, high = ends
    return unbounded if low is None and high is None else f"{form(low)} to {form(high)}"
