"""Which rows of a table are points: its own filters, the conditions given, and a check of what is left."""

from collections.abc import Iterable
from dataclasses import replace
from typing import get_args

import polars as pl

from quarry.analysis.points.choices import Split
from quarry.analysis.points.columns import ROW, as_text, check_positive_columns, list_names
from quarry.analysis.points.completion import check_cells, words_of
from quarry.analysis.points.conditions import matches
from quarry.analysis.points.schema import SCALE
from quarry.analysis.points.table import Points
from quarry.analysis.points.units import check_compute, check_parameters, check_tokens
from quarry.errors import PointsError
from quarry.train.record.schema import Status


def selected_points(points: Points, split: str, annealed_only: bool) -> Points:
    """Finished runs, one split, annealed losses; each rule counts the rows it leaves out.

    A column status of empty cells alone says nothing.
    """
    table, source = points.table, points.source
    if "status" in table.columns and table["status"].null_count() < table.height:
        points = replace(points, table=table.with_columns(as_text(table, "status", source)))
        for status in points.table["status"].unique().sort().to_list():
            if status != "finished":
                matching = points.table["status"].eq_missing(pl.Series([status], dtype=pl.String))
                points = points.without(matching, _status_reason(status))
        points = _without_any(points, points.table["loss"].is_null(), "no loss measured")
    if "split" in points.table.columns:
        found = as_text(points.table, "split", source)
        points = _without_any(points, ~found.eq_missing(pl.Series([split])), _split_reason(split, found))
    if annealed_only and "annealed" in points.table.columns:
        running = ~points.table["annealed"]
        points = _without_any(points, running, "measured mid-schedule, not annealed")
    return points


def _status_reason(status: str | None) -> str:
    """Why runs of a status are left out; a word that is no status is told from those that are."""
    known = get_args(Status)
    unknown = f", which is none of {', '.join(known)}: --columns status= reads the table without it"
    if status is None:
        return "no status"
    return f"status {status}{'' if status in known else unknown}"


def _split_reason(split: str, found: pl.Series) -> str:
    """Why losses of other splits are left out; words that name none are told."""
    known = get_args(Split)
    unknown = sorted(set(found.drop_nulls()) - set(known))
    told = f": column split holds {list_names(unknown[:5])}, known are {', '.join(known)}"
    return (
        f"not of the {split} split{told}; --columns split= reads the table without it"
        if unknown
        else (f"not of the {split} split")
    )


def excluded_points(points: Points, raw: pl.DataFrame, conditions: Iterable[str]) -> Points:
    """Without the rows that meet a condition, in columns of the points or of the file."""
    for condition in conditions:
        met = matches(words_of(points.table, raw).drop(ROW), condition)
        points = points.without(met, f"excluded by {condition!r}")
        if points.table.is_empty():
            raise PointsError(f"{points.source}: no point is left after --exclude")
    return points


def _without_any(points: Points, rows: pl.Series, reason: str) -> Points:
    return points.without(rows, reason) if rows.any() else points


def checked_points(points: Points, raw: pl.DataFrame) -> Points:
    """Without the column ROW. Raises PointsError for an empty table or a value that cannot be used."""
    table, source = points.table, points.source
    if table.is_empty():
        reasons = "; ".join(f"{exclusion.n} {exclusion.reason}" for exclusion in points.excluded)
        raise PointsError(f"{source}: no points" + (f" left ({reasons})" if reasons else ""))
    check_cells(table, raw, source)
    used = [name for name in (*SCALE, "loss") if name in table.columns]
    given = next((name for name in ("E", "D", "tokens") if name in raw.columns), "C")
    if given != "C" and {"N", "C"} <= set(table.columns):
        check_compute(table, source, given)
    own = list_names([name for name in raw.columns if name != ROW][:12])
    remedy = f" (--exclude leaves rows out by any of {own}; 'loss = nan' is a condition)"
    check_positive_columns(table, used, source, remedy)
    if "N" in table.columns:
        check_parameters(table, source)
    if "E" in table.columns:
        check_tokens(table, source, given)
    return replace(points, table=table.drop(ROW))
