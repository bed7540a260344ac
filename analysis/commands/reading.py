"""The points that a command was given, read as its options say."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from quarry.analysis.commands.options import ReadingOptions
from quarry.analysis.fitting.comparison.recipes import of_best_recipe
from quarry.analysis.points.loading import load_points
from quarry.analysis.points.names import read_mapping

if TYPE_CHECKING:
    from quarry.analysis.laws.law import Law
    from quarry.analysis.points.table import Points


def read_points(
    path: Path,
    reading: ReadingOptions,
    *,
    loss: str = "loss",
    mid_schedule: bool = False,
    law: "Law | None" = None,
) -> "Points":
    """The points at `path` without those that the options leave out. Raises PointsError."""
    points = load_points(
        path,
        reading.count,
        reading.split,
        not mid_schedule,
        loss,
        law,
        columns=read_mapping(reading.columns),
        exclude=reading.exclude,
    )
    if not reading.best_recipe:
        return points
    points, said = of_best_recipe(points)
    return replace(points, notes=(*points.notes, *said))
