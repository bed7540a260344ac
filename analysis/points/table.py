"""Scale points: one row per measured loss, what was left out of them, and where they come from."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import polars as pl

from quarry.analysis.points.conditions import matches
from quarry.analysis.points.perplexity import perplexity_doubts
from quarry.analysis.points.run_names import run_remarks
from quarry.analysis.points.units import ranges_of, unit_doubts
from quarry.errors import PointsError


@dataclass(frozen=True)
class Exclusion:
    """Rows left out of a fit: why, and how many."""

    reason: str
    n: int


@dataclass(frozen=True)
class Points:
    """Scale points, one row each, and what was left out of them.

    `table` has the columns of `quarry.analysis.points.schema`, at least run, N (parameters, as `count` says),
    E (tokens processed), U (unique tokens), C (FLOPs) and loss (nats per token); for a law of other inputs
    its columns instead. `source` names the file or runs directory; `notes` say what was read as what.
    """

    table: pl.DataFrame
    excluded: tuple[Exclusion, ...]
    source: str
    count: str
    notes: tuple[str, ...] = ()

    @property
    def remarks(self) -> list[str]:
        """`notes`, and what is doubtful in the table: runs that it does not name, units, perplexities."""
        units = [*unit_doubts(ranges_of(self.table)), *perplexity_doubts(self.table)]
        return [*self.notes, *run_remarks(self.table), *units]

    def exclude(self, conditions: Iterable[str]) -> "Points":
        """Without the rows that match any of `conditions`: `N<1e5`, `run=a/b`, `E/N>30 or loss>4`.

        `quarry.analysis.points.conditions` has the language. Raises PointsError if a condition cannot be
        read, or if no point is left.
        """
        points = self
        for condition in conditions:
            points = points.without(matches(points.table, condition), f"excluded by {condition!r}")
        if points.table.is_empty():
            raise PointsError(f"{self.source}: no point is left after --exclude")
        return points

    def hold_out(self, conditions: Iterable[str]) -> tuple["Points", pl.DataFrame]:
        """The points to fit, without the rows that match any of `conditions`, and those rows, to predict.

        Raises PointsError as `exclude` does, and if no row matches.
        """
        points, held = self, []
        for condition in conditions:
            matching = matches(points.table, condition)
            held.append(points.table.filter(matching))
            points = points.without(matching, f"held out by {condition!r}")
        if points.table.is_empty() or (held and all(rows.is_empty() for rows in held)):
            left = "no point is left" if points.table.is_empty() else "no point matches"
            raise PointsError(f"{self.source}: {left} with --hold-out")
        return points, pl.concat(held) if held else self.table.clear()

    def without(self, rows: pl.Series, reason: str) -> "Points":
        """Without the rows that are true in `rows` [points], counted under `reason`."""
        exclusion = Exclusion(reason, int(rows.sum()))
        return replace(self, table=self.table.filter(~rows), excluded=(*self.excluded, exclusion))
