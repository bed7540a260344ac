"""What a page is made from: a directory of runs, or a table of points of any trainer."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from quarry import text
from quarry.analysis.points.columns import with_annealed
from quarry.analysis.points.curves import learning_curves, training_curves
from quarry.analysis.points.loading import load_points, read_table
from quarry.analysis.points.runs import run_table, runs_of_points, runs_of_record
from quarry.analysis.report.configuration import Configuration, read_configuration
from quarry.analysis.report.provenance import describe_provenance, describe_table
from quarry.train.record.points_table import display_path, points_table
from quarry.train.record.schema import POINT_COLUMNS

if TYPE_CHECKING:
    from quarry.analysis.points.table import Points

_OF_CURVES = {
    "study", "point", "status", "split", "annealed", "step", "tokens", "unique_tokens", "epochs",
    "n_nonembedding", "flops_6ne", "loss", "bits_per_byte",
}  # fmt: skip
"""What the page needs of a table of `quarry points`; one with less is read as another trainer's."""


@dataclass(frozen=True)
class Source:
    """The tables of a page.

    `runs` has the columns of `run_table`, `curves` those of `learning_curves`, `training` a row per logged
    step (columns TRAINING_COLUMNS), none for a table of points. `record` is the points table where it has
    the columns of `quarry points`, else None. `made` is where all of it comes from, by heading;
    `says_annealed` whether the losses measured after the learning rate had decayed are told from others.
    """

    path: Path
    title: str
    runs: pl.DataFrame
    curves: pl.DataFrame
    record: pl.DataFrame | None
    training: pl.DataFrame | None = None
    configuration: Configuration | None = None
    made: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    says_annealed: bool = True

    @cached_property
    def ended(self) -> "Points":
        """The annealed points, which laws are fitted to. Raises PointsError."""
        return self._points(annealed_only=True)

    @cached_property
    def every(self) -> "Points":
        """All points, those measured mid-schedule too. Raises PointsError."""
        return self._points(annealed_only=False)

    def _points(self, *, annealed_only: bool) -> "Points":
        """The points of the runs, whose record has been read, or of the file."""
        if self.training is None or self.record is None:
            return load_points(self.path, annealed_only=annealed_only)
        points = load_points(self.record, annealed_only=annealed_only)
        return replace(points, source=display_path(self.path))


def read_source(path: Path) -> Source:
    """The runs at or below `path`, or the table in that file. Raises RecordError, PointsError."""
    return _from_table(path) if path.is_file() else _from_runs(path)


def _from_runs(path: Path) -> Source:
    runs, points = run_table(path), points_table(path)
    return Source(
        path, _title(runs), runs, learning_curves(points), points, training_curves(path),
        read_configuration(path), describe_provenance(path),
    )  # fmt: skip


def _from_table(path: Path) -> Source:
    raw = read_table(path)
    if set(raw.columns) >= _OF_CURVES:
        record = _typed(with_annealed(raw, str(path)))
        runs, made = runs_of_record(record), describe_table(path, raw)
        return Source(path, _title(runs), runs, learning_curves(record), record, made=made)
    points = load_points(path, annealed_only=False)
    runs = runs_of_points(points.table)
    said = "annealed" in points.table.columns
    remarks = (*points.remarks, *([] if said else [_unsaid(points.table)]))
    return Source(
        path, path.stem, runs, _curves(points.table), None, made=describe_table(path, raw), remarks=remarks,
        says_annealed=said,
    )  # fmt: skip


def _unsaid(table: pl.DataFrame) -> str:
    """What a table without the column annealed leaves open."""
    several = int((table.group_by("run").len()["len"] > 1).sum())
    along = f", also where a run has several rows ({text.plural(several, 'run')})" if several else ""
    return (
        "no column annealed says which losses were measured after the learning rate had decayed: all count "
        f"as such{along}"
    )


def _typed(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of `quarry points` with its types: a CSV's are text."""
    numbers = [
        pl.col(name).cast(pl.Float64, strict=False).cast(kind, strict=False)
        for name, kind in POINT_COLUMNS.items()
        if name in rows.columns and kind.is_numeric()
    ]
    return rows.with_columns(numbers)


def _curves(table: pl.DataFrame) -> pl.DataFrame:
    """The columns of `learning_curves` of another trainer's points."""
    missing = {"status": pl.lit(None, pl.String), "annealed": pl.lit(None, pl.Boolean)}
    table = table.with_columns(**{name: e for name, e in missing.items() if name not in table.columns})
    numbers = pl.col("N", "U", "E", "C", "loss").cast(pl.Float64)
    table = table.with_columns(numbers).filter(pl.col("loss").is_finite())
    known = pl.col("annealed").fill_null(True)
    return table.select(
        "run", "status", "loss", "N", "U", "E", "C", k=pl.col("E") / pl.col("U"), annealed=known
    ).sort("N", "run", "E")


def _title(runs: pl.DataFrame) -> str:
    studies = runs["run"].str.split("/").list.first().unique(maintain_order=True)
    return ", ".join(studies[:3]) + (" and others" if len(studies) > 3 else "")
