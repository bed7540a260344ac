"""Which rows belong to one run, the unit of resampling: by a column, or by the look of learning curves.

Rows of one run share its seed and its data, so their losses are no independent observations. A table that
does not name its runs holds end points of separate runs, a few at each size, or whole learning curves. A
curve is told from end points by its tokens: it is logged at equal steps, or at far more tokens than anyone
trains separate runs to.
"""

import re

import numpy as np
import polars as pl

from quarry.analysis.points.columns import as_text, cell_error, has_text, source_rows
from quarry.text import count, plural

RUN_NAMES = ("runname", "runid", "jobname", "name")
"""Columns of other trackers that may name the run, without case and signs, the surest first."""

_CURVE = "curve of "
"""What the names of runs that are recognised as learning curves begin with."""

_ROW = "row "
"""What the names of rows that are their own run begin with."""

_FEWEST_ON_CURVE, _EQUAL_STEPS, _SAME_STEP = 8, 0.8, 0.02
"""Token counts of one size of which this share of the steps are equal, to this relative difference. In
published tables learning curves have 0.96 and more, end points of separate runs 0.2 and less."""

_MANY_ON_CURVE, _SEVERAL_CURVES = 20, 2
"""So many token counts at each of several sizes are curves however they are spaced. The largest number in
published tables of end points is 14."""


def with_run(table: pl.DataFrame, source: str, *, lenient: bool = False) -> pl.DataFrame:
    """The column run: the table's own; `study/point`; another tracker's name; a curve; or each row by itself.

    A branch has the run of its trunk: they share the steps of the trunk, so their losses are not independent.
    Raises PointsError for an empty cell; if `lenient` it is kept until `check_cells` names it.
    """
    if "run" in table.columns:
        run = as_text(table, "run", source)
    elif {"study", "point"} <= set(table.columns):
        run = _study_and_trunk(table, source)
    else:
        run = _named(table)
        run = _by_curves(table) if run is None else run
    table = table.with_columns(run.alias("run"))
    if run.has_nulls() and not lenient:
        raise cell_error(table, run.is_null(), "run", source, "is not the name of a run")
    return table


def _study_and_trunk(table: pl.DataFrame, source: str) -> pl.Series:
    names = [name for name in ("study", "point", "trunk") if name in table.columns]
    text = pl.DataFrame([as_text(table, name, source) for name in names])
    trunk = pl.coalesce("trunk", "point") if "trunk" in names else pl.col("point")
    return text.select(pl.concat_str("study", trunk, separator="/")).to_series()


def _each_row(table: pl.DataFrame) -> pl.Series:
    return pl.select(pl.concat_str(pl.lit(_ROW), source_rows(table))).to_series()


def names_no_run(table: pl.DataFrame) -> bool:
    """Whether the table names no run: each row counts as its own."""
    return bool(table["run"].str.starts_with(_ROW).all()) and not name_columns(table)


def name_columns(table: pl.DataFrame) -> list[str]:
    """The columns that may name the run, the surest first."""
    plain = {re.sub(r"[\W_]", "", name.lower()): name for name in reversed(table.columns)}
    return [plain[name] for name in RUN_NAMES if name in plain]


def _named(table: pl.DataFrame) -> pl.Series | None:
    """The run by the first column that can name it: text or whole numbers, never empty, of one N each."""
    for name in name_columns(table):
        column = table[name]
        if not has_text(column) or column.has_nulls():
            continue
        run = column.cast(pl.String)
        if run.n_unique() == len(run):
            return _each_row(table)
        if (
            "N" not in table.columns
            or table.group_by(run.alias("run")).agg(pl.col("N").n_unique())["N"].max() == 1
        ):
            return run
    return None


def _by_curves(table: pl.DataFrame) -> pl.Series:
    """Each row its own run, but the rows of a learning curve one run: those of one N, and one U if given."""
    own = _each_row(table)
    if not {"N", "E"} <= set(table.columns):
        return own
    keys = ["N"] if "U" not in table.columns or (table["U"] == table["E"]).all() else ["N", "U"]
    groups = table.group_by(keys).agg(pl.col("E").unique())
    curves = groups.filter(pl.Series([_equal_steps(tokens) for tokens in groups["E"]], dtype=pl.Boolean))
    many = groups.filter(pl.col("E").list.len() >= _MANY_ON_CURVE)
    if curves.is_empty() and len(many) < _SEVERAL_CURVES:
        return own
    chosen = many if curves.is_empty() else curves
    shown = [
        part for key in keys for part in (pl.lit(f"{key} = "), pl.col(key).cast(pl.String), pl.lit(", "))
    ]
    names = chosen.select(*keys, name=pl.concat_str(pl.lit(_CURVE), *shown[:-1]))
    return table.select(keys).join(names, on=keys, how="left", maintain_order="left")["name"].fill_null(own)


def _equal_steps(tokens: pl.Series) -> bool:
    """Whether the distinct token counts of one size are those of a log written at equal steps."""
    steps = np.diff(np.sort(tokens.to_numpy().astype(np.float64)))
    if len(steps) + 1 < _FEWEST_ON_CURVE or not np.isfinite(steps).all():
        return False
    return bool(np.mean(np.abs(steps / np.median(steps) - 1) <= _SAME_STEP) >= _EQUAL_STEPS)


def run_remarks(table: pl.DataFrame) -> list[str]:
    """What was taken for a run, where the table does not say: a sentence, or none."""
    curves = table.filter(pl.col("run").str.starts_with(_CURVE))
    if len(curves):
        sizes = curves["N"].unique().sort()
        return [
            f"no column names the runs, and the {len(curves)} rows of {plural(len(sizes), 'size')} (N "
            f"{count(sizes[0])} to {count(sizes[-1])}) are those of learning curves: all rows of a size "
            f"are taken as one run, {plural(curves['run'].n_unique(), 'run')}; if they are end points of "
            "separate runs, name each in a column run"
        ]
    for name in name_columns(table):
        column = table[name]
        same = has_text(column) and (column.cast(pl.String) == table["run"]).all()
        if same and table["run"].n_unique() < len(table):
            return [
                f"column {name} is taken as the name of the run: {plural(table['run'].n_unique(), 'run')}"
            ]
    return []
