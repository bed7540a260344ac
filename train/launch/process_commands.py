"""The commands of a sweep's processes: one point, several points in one program, pinned to cores."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from quarry.train.config.point_files import Point, load_point_file


def point_command(point: Point, arguments: Sequence[str]) -> list[str]:
    """The command that trains `point`, from any working folder."""
    quarry = [sys.executable, "-P", "-m", "quarry"]  # -P: nothing is imported from the working folder
    variant = ["--variant", point.variant] if point.variant else []
    return [*quarry, "train", str(point.file.absolute()), *variant, *arguments]


def stack_command(points: Sequence[Point], arguments: Sequence[str]) -> list[str]:
    """The command that trains `points` together; see train/launch/stack_worker.py."""
    return [
        sys.executable,
        "-P",
        "-m",
        "quarry.train.launch.stack_worker",
        *arguments,
        *map(point_argument, points),
    ]


def point_argument(point: Point) -> str:
    """A point as FILE:VARIANT, or FILE: for the one without a variant."""
    return f"{point.file.absolute()}:{point.variant or ''}"


def point_from_argument(argument: str) -> Point:
    """The point of an argument made by `point_argument`."""
    file, _, variant = argument.rpartition(":")
    return next(point for point in load_point_file(Path(file)) if point.variant == (variant or None))


def pin_to_cores(command: list[str], cores: list[int] | None) -> list[str]:
    """`command`, pinned to `cores` before it starts, so that all its threads are."""
    if cores is None or not hasattr(os, "sched_setaffinity"):
        return command
    pin = f"import os, sys; os.sched_setaffinity(0, {cores}); os.execv(sys.executable, sys.argv[1:])"
    return [sys.executable, "-P", "-c", pin, *command]
