"""Scale points: from runs, or from anyone's table, to the columns that the laws are fitted on."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import and_
from pathlib import Path
from typing import Literal, get_args

import polars as pl

from quarry.analysis.laws.law import Law
from quarry.checks import check_choice
from quarry.errors import PointsError, RecordError
from quarry.train.record.points_table import named, on_this_machine, points_table

Count = Literal["n_nonembedding", "n_params", "n_nonembedding+n_head"]
"""Which parameters N counts. Kaplan's N is `n_nonembedding`, Chinchilla's nearly `n_params`."""

_SCALE_COLUMNS = ("N", "E", "U", "C")
_BATCH_COLUMNS = ("S", "B", "S_min", "B_crit")
_EXTERNAL_NUMBERS = ("N", "D", "E", "U", "C", "loss_sem")
_OPERATORS = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge", "=": "eq", "==": "eq", "!=": "ne"}
_COMPARISON = re.compile(r"\s*(\w+)\s*(<=|>=|!=|==|=|<|>)\s*(.*\S)\s*")


@dataclass(frozen=True)
class Exclusion:
    """Rows left out of a fit: why, and how many."""

    reason: str
    n: int


@dataclass(frozen=True)
class Points:
    """Scale points, one row each, and what was left out of them.

    `table` has at least the columns run (the unit of resampling), N (parameters, as `count` says), E (tokens
    processed), U (unique tokens), C (FLOPs, 6NE unless the file gave its own) and loss (nats per token).
    """

    table: pl.DataFrame
    excluded: tuple[Exclusion, ...]
    source: str
    count: str

    def exclude(self, conditions: Iterable[str]) -> "Points":
        """Without the rows that match any of `conditions`: `N<1e5`, `run=a/b`, `N>1e8 and loss>4`.

        A condition is one comparison, `column op value`, or several joined by `and`. Raises PointsError if
        one cannot be read, or if no point is left.
        """
        points = self
        for condition in conditions:
            points = points._without(_matches(points.table, condition), f"excluded by {condition!r}")
        if points.table.is_empty():
            raise PointsError(f"{self.source}: no point is left after --exclude")
        return points

    def hold_out(self, conditions: Iterable[str]) -> tuple["Points", pl.DataFrame]:
        """The points to fit, without the rows that match any of `conditions`, and those rows, to predict.

        Raises PointsError as `exclude` does, and if no row matches.
        """
        points, held = self, []
        for condition in conditions:
            matches = _matches(points.table, condition)
            held.append(points.table.filter(matches))
            points = points._without(matches, f"held out by {condition!r}")
        if points.table.is_empty() or (held and all(rows.is_empty() for rows in held)):
            left = "no point is left" if points.table.is_empty() else "no point matches"
            raise PointsError(f"{self.source}: {left} with --hold-out")
        return points, pl.concat(held) if held else self.table.clear()

    def _without(self, matches: pl.Series, reason: str) -> "Points":
        exclusion = Exclusion(reason, int(matches.sum()))
        return replace(self, table=self.table.filter(~matches), excluded=(*self.excluded, exclusion))


def load_points(
    path: str | Path,
    count: str = "n_nonembedding",
    split: str = "validation",
    annealed_only: bool = True,
    loss: str = "loss",
    law: Law | None = None,
) -> Points:
    """Points of a directory of runs, of a points table, or of another trainer's CSV or Parquet.

    Another trainer's table needs N, the column `loss` and one of D, E (both: tokens processed) and C; U
    defaults to E, C to 6NE, and E to C/6N. For a `law` of none of these (of the context, of the critical
    batch) it needs that law's columns instead. A table with the columns status, split or annealed is filtered
    by them: finished runs, this split, and, with `annealed_only`, only losses measured after the learning
    rate had decayed.
    Raises PointsError.
    """
    check_choice(PointsError, "count", count, get_args(Count))
    source = named(Path(path))
    raw = _with_loss(read_table(Path(path)), loss, source)
    if "N" not in raw.columns and "tokens" in raw.columns:
        points = Points(_from_record(raw, count, source), (), source, count)
    else:
        table = _from_other_trainer(raw, source, law)
        points = Points(table, (), source, "N, as the file counts it")
    return _checked(_filtered(points, split, annealed_only))


def _with_loss(raw: pl.DataFrame, loss: str, source: str) -> pl.DataFrame:
    """`raw` with the column that holds the loss called so."""
    if loss == "loss":
        return raw
    if loss not in raw.columns:
        raise PointsError(f"{source}: no column {loss!r} for the loss; found {_listed(raw.columns)}")
    return raw.drop("loss", strict=False).rename({loss: "loss"})


def read_table(path: Path) -> pl.DataFrame:
    """The rows of a runs directory (also on gs://), Parquet or CSV file; CSV cells stay text.

    Raises PointsError.
    """
    try:
        path = on_this_machine(path)
        if path.is_dir():
            return points_table(path)
        if path.suffix == ".parquet":
            return pl.read_parquet(path)
        return _trimmed(_distinct(pl.read_csv(path, infer_schema=False).rename(str.strip), path))
    except FileNotFoundError:
        raise PointsError(f"{path}: no such file or directory") from None
    except RecordError as error:
        raise PointsError(str(error)) from None
    except (pl.exceptions.PolarsError, OSError, UnicodeError) as error:
        kind = "Parquet" if path.suffix == ".parquet" else "CSV"
        detail = str(error).strip().split("\n")[0]
        raise PointsError(f"{path}: not a {kind} file that can be read ({detail})") from None


def _trimmed(table: pl.DataFrame) -> pl.DataFrame:
    """Text cells without the blanks around them, and no rows without a cell."""
    cells = table.with_columns(pl.all().str.strip_chars())
    cells = cells.with_columns(pl.when(pl.all().str.len_bytes() > 0).then(pl.all()))
    return cells.filter(~pl.all_horizontal(pl.all().is_null()))


def _distinct(table: pl.DataFrame, path: Path) -> pl.DataFrame:
    """`table`, refused if polars had to rename columns of one name."""
    for name in table.columns:
        original, renamed, _ = name.partition("_duplicated_")
        if renamed and original in table.columns:
            raise PointsError(f"{path}: has more than one column {original!r}; keep one")
    return table


def _from_record(raw: pl.DataFrame, count: str, source: str) -> pl.DataFrame:
    """N, E, U, C, run from the columns of `quarry.train.record.schema.POINT_COLUMNS`."""
    needed = [*count.split("+"), "tokens", "unique_tokens", "loss"]
    missing = [name for name in needed if name not in raw.columns]
    if missing:
        raise PointsError(f"{source}: column {missing[0]} is missing; found {_listed(raw.columns)}")
    numbers = [name for name in (*needed, "loss_sem", "flops_exact") if name in raw.columns]
    table = _with_numbers(raw.with_row_index("row", offset=1), numbers, source)
    n = sum((pl.col(name) for name in count.split("+")[1:]), start=pl.col(count.split("+")[0]))
    table = table.with_columns(n.alias("N"), E=pl.col("tokens"), U=pl.col("unique_tokens"))
    named = {"S": "step", "B": "batch_tokens"}
    table = table.with_columns(pl.col(old).alias(new) for new, old in named.items() if old in table.columns)
    return _with_run(table.with_columns(C=6 * pl.col("N") * pl.col("E")))


def _from_other_trainer(raw: pl.DataFrame, source: str, law: Law | None) -> pl.DataFrame:
    found = set(raw.columns)
    own = _own_columns(law, found)
    if own and own <= found:
        numbers = [name for name in raw.columns if name in own - {"run"}]
        used = raw.drop(
            [name for name in (*_SCALE_COLUMNS, *_BATCH_COLUMNS) if name not in own], strict=False
        )
        return _with_run(_with_numbers(used.with_row_index("row", offset=1), numbers, source))
    if own:
        raise PointsError(f"{source}: needs columns {_listed(sorted(own))}; found {_listed(raw.columns)}")
    if not {"N", "loss"} <= found or not found & {"D", "E", "C"}:
        raise PointsError(
            f"{source}: needs columns N, loss and one of D, E (tokens processed) or C (FLOPs); "
            f"found {_listed(raw.columns)}"
        )
    if {"D", "E"} <= found:
        raise PointsError(f"{source}: has both D and E, which both mean tokens processed; keep one")
    wanted = (*_EXTERNAL_NUMBERS, "loss", *(_BATCH_COLUMNS if law and "S_min" in law.inputs else ()))
    numbers = [name for name in wanted if name in found]
    table = _with_numbers(raw.with_row_index("row", offset=1), numbers, source)
    if "D" in found:
        table = table.with_columns(E=pl.col("D"))
    if "E" not in table.columns:
        table = table.with_columns(E=pl.col("C") / (6 * pl.col("N")))
        if (table["E"] < 1).any():
            raise PointsError(
                f"{source}: column C gives fewer tokens than one, E = C / 6N: C must be in FLOPs"
            )
    defaults = {"U": pl.col("E"), "C": 6 * pl.col("N") * pl.col("E")}
    missing = {name: default for name, default in defaults.items() if name not in table.columns}
    return _with_run(table.with_columns(**missing))


def _own_columns(law: Law | None, found: set[str]) -> set[str]:
    """The columns a law needs that is of neither size, tokens nor compute; none for the others.

    Critical batches are measured, if the table has none, on runs of one size at several batch sizes.
    """
    if law is None or {*_SCALE_COLUMNS, "S_min", "M"} & set(law.inputs):
        return set()
    if law.response == "B_crit" and "B_crit" not in found:
        return {"N", "B", "loss", "S" if "S" in found else "E", "run"}
    return {*law.inputs, law.response}


def _with_run(table: pl.DataFrame) -> pl.DataFrame:
    """The column run: the file's own, study/point (of a branch its trunk's), or every row its own run."""
    if "run" in table.columns:
        return table.with_columns(pl.col("run").cast(pl.String))
    if {"study", "point"} <= set(table.columns):
        # A branch has taken its trunk's steps: their losses are no independent draws.
        shared = pl.coalesce("trunk", "point") if "trunk" in table.columns else pl.col("point")
        return table.with_columns(run=pl.concat_str("study", shared, separator="/"))
    return table.with_columns(run=pl.format("row {}", "row"))


def _with_numbers(table: pl.DataFrame, names: Sequence[str], source: str) -> pl.DataFrame:
    """`names` as float64; a cell that is not a number is refused with its row."""
    cast = table.with_columns(pl.col(name).cast(pl.Float64, strict=False) for name in names)
    for name in names:
        broken = table.filter(cast[name].is_null() & table[name].is_not_null())
        if not broken.is_empty():
            row, value = broken["row"][0], broken[name][0]
            raise PointsError(f"{source}: column {name}, row {row}: {value!r} is not a number")
    return cast


def _filtered(points: Points, split: str, annealed_only: bool) -> Points:
    """Finished runs, one split, annealed losses: each rule leaves a counted reason."""
    if "status" in points.table.columns:
        for status in points.table["status"].unique().sort().to_list():
            if status != "finished":
                matches = points.table["status"].eq_missing(pl.Series([status], dtype=pl.String))
                points = points._without(matches, f"status {status}")
        unmeasured = points.table["loss"].is_null()
        points = points._without(unmeasured, "no loss measured") if unmeasured.any() else points
    if "split" in points.table.columns:
        other = ~points.table["split"].cast(pl.String).eq_missing(pl.Series([split]))
        points = points._without(other, f"not of the {split} split") if other.any() else points
    if annealed_only and "annealed" in points.table.columns:
        running = ~_truth(points.table["annealed"], points.source)
        points = points._without(running, "measured mid-schedule, not annealed") if running.any() else points
    return points


def _truth(column: pl.Series, source: str) -> pl.Series:
    """Booleans, also from the text `true` and `false` of a CSV; an empty cell is false."""
    if column.dtype == pl.Boolean:
        return column.fill_null(False)
    text = column.cast(pl.String).str.to_lowercase().fill_null("false")
    for value in text.unique():
        if value not in ("true", "false", "1", "0"):
            raise PointsError(f"{source}: column {column.name}: {value!r} is not true or false")
    return text.is_in(["true", "1"])


def _checked(points: Points) -> Points:
    """Refuse an empty table and values that are not finite and positive."""
    table = points.table
    if table.is_empty():
        reasons = "; ".join(f"{exclusion.n} {exclusion.reason}" for exclusion in points.excluded)
        raise PointsError(f"{points.source}: no points" + (f" left ({reasons})" if reasons else ""))
    for name in (name for name in (*_SCALE_COLUMNS, "loss") if name in table.columns):
        wrong = table.filter(~(pl.col(name).is_finite() & (pl.col(name) > 0)).fill_null(False))
        if not wrong.is_empty():
            value, row = wrong[name][0], wrong["row"][0]
            shown = "empty" if value is None else f"{value:g}"
            raise PointsError(f"{points.source}: column {name}, row {row}: {shown} is not a positive number")
    return replace(points, table=table.drop("row"))


def _matches(table: pl.DataFrame, condition: str) -> pl.Series:
    """Which rows meet every comparison of a condition."""
    matches = [_compared(table, comparison) for comparison in re.split(r"\s+and\s+", condition)]
    return reduce(and_, matches)


def _compared(table: pl.DataFrame, comparison: str) -> pl.Series:
    parsed = _COMPARISON.fullmatch(comparison)
    if not parsed:
        raise PointsError(
            f"cannot read {comparison!r}: write column op value, op one of {_listed(_OPERATORS)}"
        )
    name, operator, text = parsed.groups()
    if name not in table.columns:
        raise PointsError(f"{comparison!r}: no column {name}; found {_listed(table.columns)}")
    column = _as_numbers(table[name], text)
    value = _comparable(column, text, comparison)
    return getattr(column, _OPERATORS[operator])(value).fill_null(False)


def _as_numbers(column: pl.Series, text: str) -> pl.Series:
    """A CSV's text column as numbers, where it and what it is compared with hold nothing else."""
    numbers = pl.Series([text]).append(column.cast(pl.String)).cast(pl.Float64, strict=False)
    numeric = column.dtype == pl.String and numbers[1:].null_count() == column.null_count()
    return numbers[1:] if numeric and numbers[0] is not None else column


def _comparable(column: pl.Series, text: str, comparison: str) -> str | float | bool:
    if column.dtype == pl.Boolean and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if not column.dtype.is_numeric():
        return text
    try:
        return float(text)
    except ValueError:
        raise PointsError(f"{comparison!r}: {text!r} is not a number") from None


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "nothing"
