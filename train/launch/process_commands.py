"""The commands of a sweep's processes: one point, or several points in one program."""

from collections.abc import Sequence
from pathlib import Path

from quarry.train.config.point_files import Point, load_point_file
from quarry.train.launch.bound_processes import PYTHON


def point_command(point: Point, arguments: Sequence[str]) -> list[str]:
    """The command that trains `point`, from any working folder."""
    variant = ["--variant", point.variant] if point.variant else []
    return [*PYTHON, "quarry", "train", str(point.file.absolute()), *variant, *arguments]


def stack_command(points: Sequence[Point], arguments: Sequence[str]) -> list[str]:
    """The command that trains `points` together; see train/launch/stack_worker.py."""
    return [*PYTHON, "quarry.train.launch.stack_worker", *arguments, *map(point_argument, points)]


def point_argument(point: Point) -> str:
    """A point as FILE:VARIANT, or FILE: for the one without a variant."""
    return f"{point.file.absolute()}:{point.variant or ''}"


def point_from_argument(argument: str) -> Point:
    """The point of an argument made by `point_argument`."""
    file, _, variant = argument.rpartition(":")
    return next(point for point in load_point_file(Path(file)) if point.variant == (variant or None))
