"""From a runs directory, anyone's table or a data frame to the one table of points."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import polars as pl

from quarry.analysis.points.choices import Count
from quarry.analysis.points.columns import (
    ROW,
    list_names,
    with_annealed,
    with_numbers,
)
from quarry.analysis.points.completion import complete
from quarry.analysis.points.filtering import checked_points, excluded_points, selected_points
from quarry.analysis.points.names import SYNONYMS, suggestions, with_columns_named, with_synonyms
from quarry.analysis.points.perplexity import named_perplexity
from quarry.analysis.points.reading import DataFrameLike, TableSource, read_file, read_frame
from quarry.analysis.points.run_names import with_run
from quarry.analysis.points.schema import SCALE
from quarry.analysis.points.table import Points
from quarry.checks import check_choice
from quarry.errors import PointsError, RecordError
from quarry.train.record.points_table import display_path, local_copy, points_table

if TYPE_CHECKING:
    from quarry.analysis.laws.law import Law


PointsLike = Points | pl.DataFrame | DataFrameLike | str | Path
"""What every function of points takes: Points, a data frame, or the path of a file or a runs directory."""

_AS_COUNTED = "N, as the {} counts it"
_BATCH_INPUTS = ("S", "B", "S_min", "B_crit")


def as_points(points: PointsLike, law: "Law | None" = None, *, annealed_only: bool = True) -> Points:
    """`points` as Points with typed columns, whichever way they are given. Raises PointsError.

    A path is read by `load_points`, and so is a data frame with the columns of a run's record (`tokens`,
    `n_nonembedding`, ...). The rows of any other data frame are used as they are: it needs N, loss and one of
    D, E (both: tokens processed) and C, or the columns of `law`; U defaults to E, C to 6NE, E to C/6N.
    """
    if isinstance(points, Points):
        return replace(points, table=complete(points.table, points.source))
    if isinstance(points, str | Path):
        return load_points(points, annealed_only=annealed_only, law=law)
    table, source = read_rows(points)
    if _is_record(table):
        return load_points(table, annealed_only=annealed_only, law=law)
    table, notes = with_synonyms(table, _missing(law, table))
    return Points(complete(table, source), (), source, _AS_COUNTED.format("table"), tuple(notes))


def load_points(
    source: TableSource,
    count: str = "n_nonembedding",
    split: str = "validation",
    annealed_only: bool = True,
    loss: str = "loss",
    law: "Law | None" = None,
    *,
    columns: Mapping[str, str] | None = None,
    exclude: Iterable[str] = (),
) -> Points:
    """Points of a directory of runs, of a points table, or of another trainer's table.

    Another trainer's table needs N, loss and one of D, E (both: tokens processed) and C; U defaults to E, C
    to 6NE, and E to C/6N. For a `law` of none of these (of the context, of the critical batch) it needs that
    law's columns instead. The usual synonyms are understood (params, tokens, flops, val_loss, ...) and noted.
    A table with the columns status, split or annealed is filtered by them: finished runs, this split, and,
    with `annealed_only`, only losses measured after the learning rate had decayed.

    Args:
        source: The path of a runs directory (also gs://...) or of a CSV, TSV, JSON, JSONL or Parquet file; or
            a data frame of polars, pandas or another library.
        count: Which parameters N counts, in the table of a run: `n_nonembedding`, `n_params` or
            `n_nonembedding+n_head`.
        split: The split on which losses were measured: `validation` or `test`.
        annealed_only: Leave out losses measured before the learning rate had decayed.
        loss: The column that holds the loss, in nats per token.
        law: The law to be fitted, where it needs other columns.
        columns: The table's own names of columns, such as `{"N": "num_params", "D": "1e9*tokens"}`; an empty
            name leaves the column out.
        exclude: Conditions on rows to leave out before values are checked: `loss > 9 or state=crashed`.

    Returns:
        The points, and what was left out of them with the reasons.

    Raises:
        PointsError: The table cannot be read, lacks a column, has no points left, or holds a value that is
            not a positive number; the message names source, column, row and value.

    Examples:
        >>> import polars as pl
        >>> import quarry
        >>> table = pl.DataFrame({"N": [1e6, 2e6], "D": [2e7, 4e7], "loss": [3.5, 3.2]})
        >>> quarry.load_points(table).table["C"].to_list()
        [120000000000000.0, 480000000000000.0]
    """
    check_choice(PointsError, "count", count, get_args(Count))
    raw, name = read_rows(source)
    raw = _with_loss(with_columns_named(raw, columns or {}, name), loss, name)
    notes: list[str] = []
    if not _is_record(raw):
        raw, notes = with_synonyms(raw, _missing(law, raw))
    notes += named_perplexity([loss, (columns or {}).get("loss", "")])
    raw = raw.drop(ROW, strict=False).with_row_index(ROW, offset=1)
    if _is_record(raw):
        points = Points(_from_record(raw, count, name), (), name, count, tuple(notes))
    else:
        kind = "file" if isinstance(source, str | Path) else "table"
        points = Points(_from_table(raw, name, law), (), name, _AS_COUNTED.format(kind), tuple(notes))
    return checked_points(excluded_points(selected_points(points, split, annealed_only), raw, exclude), raw)


def read_rows(source: TableSource) -> tuple[pl.DataFrame, str]:
    """The raw rows of `source`, and what messages call it. Raises PointsError."""
    if isinstance(source, str | Path):
        return read_table(Path(source)), display_path(Path(source))
    return read_frame(source), "a table"


def read_table(path: Path) -> pl.DataFrame:
    """The raw rows of a runs directory (also on gs://) or of the file of a table. Raises PointsError."""
    try:
        path = local_copy(path)
        return points_table(path) if path.is_dir() else read_file(path)
    except RecordError as error:
        raise PointsError(str(error)) from None
    except OSError as error:
        raise PointsError(f"{path}: cannot be read ({error})") from None


def _is_record(table: pl.DataFrame) -> bool:
    """Whether the columns are those of `quarry points`."""
    own = {"unique_tokens", "n_nonembedding"} & set(table.columns)
    return "N" not in table.columns and "tokens" in table.columns and bool(own)


def _missing(law: "Law | None", table: pl.DataFrame) -> set[str]:
    """The columns with synonyms that a table of another trainer lacks; those of no use to the law aside."""
    if own := _own_columns(law, set(table.columns)):
        return {"loss"} & own
    return set(SYNONYMS) - set(table.columns)


def _with_loss(raw: pl.DataFrame, loss: str, source: str) -> pl.DataFrame:
    """`raw` with the column that holds the loss called `loss`, and that of its error `loss_sem`."""
    if loss == "loss":
        return raw
    if loss not in raw.columns:
        raise PointsError(f"{source}: no column {loss!r} for the loss; found {list_names(raw.columns)}")
    error = loss.replace("loss_", "loss_sem_", 1)
    own = {loss: "loss"} | ({error: "loss_sem"} if error != loss and error in raw.columns else {})
    return raw.drop(own.values(), strict=False).rename(own)


def _from_record(raw: pl.DataFrame, count: str, source: str) -> pl.DataFrame:
    """The table of points from the columns of `quarry points`."""
    counted = count.split("+")
    needed = [*counted, "tokens", "unique_tokens", "loss"]
    if missing := [name for name in needed if name not in raw.columns]:
        raise PointsError(f"{source}: column {missing[0]} is missing; found {_names(raw)}")
    numbers = [name for name in (*needed, "flops_exact") if name in raw.columns]
    table = with_numbers(raw, numbers, source, lenient=True)
    table = table.with_columns(N=pl.sum_horizontal(counted, ignore_nulls=False))
    renamed = {"E": "tokens", "U": "unique_tokens", "S": "step", "B": "batch_tokens"}
    table = table.with_columns(pl.col(old).alias(new) for new, old in renamed.items() if old in table.columns)
    return complete(table.with_columns(C=6 * pl.col("N") * pl.col("E")), source, lenient=True)


def _from_table(raw: pl.DataFrame, source: str, law: "Law | None") -> pl.DataFrame:
    """The table of points from another trainer's columns."""
    columns = set(raw.columns)
    own = _own_columns(law, columns)
    if own:
        return _of_law(raw, own, source)
    if not {"N", "loss"} <= columns or not columns & {"D", "E", "C"}:
        missing = [name for name in ("N", "loss") if name not in columns]
        missing += [] if columns & {"D", "E", "C"} else ["D", "C"]
        raise PointsError(
            f"{source}: needs columns N, loss and one of D, E (tokens processed) or C (FLOPs); "
            f"found {_names(raw)}{suggestions(columns, missing)}"
        )
    if {"D", "E"} <= columns:
        raise PointsError(f"{source}: has both D and E, which both mean tokens processed; keep one")
    if law and "S_min" in law.inputs:
        used = [name for name in _BATCH_INPUTS if name in columns]
        raw = with_numbers(raw, used, source, lenient=True)
    return complete(raw, source, lenient=True)


def _own_columns(law: "Law | None", columns: set[str]) -> set[str]:
    """The columns that a law of neither size, tokens nor compute needs; none for the others.

    Critical batches are measured, if the table has none, on runs of one size at several batch sizes.
    """
    if law is None or {*SCALE, "S_min", "M"} & set(law.inputs):
        return set()
    if law.response == "B_crit" and "B_crit" not in columns:
        return {"N", "B", "loss", "S" if "S" in columns else "E", "run"}
    return {*law.inputs, law.response}


def _of_law(raw: pl.DataFrame, own: set[str], source: str) -> pl.DataFrame:
    """The table of a law's `own` columns, without the sizes and batches that it does not use."""
    if not own <= set(raw.columns):
        raise PointsError(f"{source}: needs columns {list_names(sorted(own))}; found {_names(raw)}")
    unused = [name for name in (*SCALE, *_BATCH_INPUTS) if name not in own]
    numbers = [name for name in raw.columns if name in own - {"run"}]
    table = with_numbers(raw.drop(unused, strict=False), numbers, source, lenient=True)
    return with_run(with_annealed(table, source, lenient=True), source, lenient=True)


def _names(raw: pl.DataFrame) -> str:
    return list_names(name for name in raw.columns if name != ROW)
