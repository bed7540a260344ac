"""The rows that a page was made from, as its button saves them and `quarry fit` reads them."""

from typing import TYPE_CHECKING, Any

import polars as pl

from quarry.analysis.points.run_names import names_no_run, with_run
from quarry.analysis.points.runs import RECORDED
from quarry.train.record.points_table import without_formulas

if TYPE_CHECKING:
    from quarry.analysis.report.source import Source

FIRST = ("run", "N", "E", "loss")
"""The columns that the saved table begins with."""


def saved_columns(source: "Source") -> dict[str, list[Any]]:
    """The columns of the table that the page saves; those without a value are left out.

    Of the project's own runs each evaluation on the validation text, those of diverged runs too; of another
    trainer's table the rows read. The column run names the unit of resampling: a branch has its trunk's.
    """
    rows = _of_record(source.record) if source.record is not None else _of_table(source.every.table)
    known = [name for name in rows.columns if rows[name].null_count() < rows.height]
    order = [*(name for name in FIRST if name in known), *(name for name in known if name not in FIRST)]
    return without_formulas(rows.select(order)).to_dict(as_series=False)


def _of_record(record: pl.DataFrame) -> pl.DataFrame:
    """Rows of `quarry points` under the letters that laws are written in."""
    rows = record.filter(pl.col("split").is_null() | (pl.col("split") == "validation"))
    letters = {old: new for new, old in RECORDED.items() if old in rows.columns}
    return with_run(rows, "the runs").rename(letters).drop("study", "split")


def _of_table(table: pl.DataFrame) -> pl.DataFrame:
    """E alone of D and E, which are the same tokens; no run where the table names none."""
    return table.drop("D", *(["run"] if names_no_run(table) else []), strict=False)
