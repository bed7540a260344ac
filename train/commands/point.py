"""The scale point that a command line names, so that its fields are the defaults of the options."""

from collections.abc import Sequence
from pathlib import Path

from quarry.checks import require
from quarry.train.config.point_files import Point, load_point_file


def find_point(words: Sequence[str]) -> Point | None:
    """The point that the words of a command line name, before they are parsed.

    None if they ask for help or name no file. Raises ConfigError for a bad file or variant.
    """
    pairs = zip(["", *words], words, strict=False)
    files = (Path(word) for before, word in pairs if word.endswith(".py") and not before.startswith("--"))
    file = next(files, None)
    if file is None:
        return None
    return find_variant(file, _value_of(words, "--variant"))


def find_variant(file: Path, variant: str | None) -> Point:
    """The point that a file defines, or its variant. Raises ConfigError for a bad file or variant."""
    points = {point.variant: point for point in load_point_file(file)}
    names = ", ".join(str(name) for name in points if name is not None) or "none"
    require(variant in points, f"{file} names no variant {variant!r}; it has: {names}")
    return points[variant]


def _value_of(words: Sequence[str], option: str) -> str | None:
    after = [words[i + 1 : i + 2] for i, word in enumerate(words) if word == option]
    joined = [[word.split("=", 1)[1]] for word in words if word.startswith(f"{option}=")]
    return next((values[0] for values in [*after, *joined] if values), None)


def require_point(point: Point | None, file: Path) -> Point:
    """The point found before parsing. Raises ConfigError if there is none."""
    require(point is not None, f"{file} is not a Python file that defines a scale point")
    assert point is not None
    return point
