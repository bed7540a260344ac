"""What every result offers in a notebook or a console: its rows, a chart, and its rows as HTML and text."""

from collections.abc import Mapping
from html import escape
from importlib import import_module
from typing import TYPE_CHECKING, Any

from quarry.text import MISSING, number

if TYPE_CHECKING:
    import altair as alt
    import polars as pl

_FIGURES = "quarry.analysis.report.figures.results"
_STYLE = "font-variant-numeric: tabular-nums"


class Result:
    """A result: `table()` has its rows, `plot()` draws it; a notebook and print() show its warnings too."""

    def __init_subclass__(cls) -> None:
        cls.__repr__ = Result.__repr__  # that of a dataclass would print every array of the result

    @property
    def headline(self) -> str:
        """What the result is, in one line."""
        return type(self).__name__

    def table(self) -> "pl.DataFrame":
        """The rows that answer the question the result was made for."""
        raise NotImplementedError

    def plot(self) -> "alt.TopLevelMixin":
        """The chart of the result; `.save("x.png")` draws it into a file, without a browser.

        Raises FitError where the result has nothing to draw.
        """
        # Figures lie above the results that they draw, so they are imported when the chart is wanted.
        return import_module(_FIGURES).chart_of(self)

    def __repr__(self) -> str:
        import polars as pl

        with pl.Config(
            tbl_hide_dataframe_shape=True, tbl_hide_column_data_types=True, tbl_rows=50, tbl_cols=-1
        ):
            rows = str(self.table())
        warnings = (f"warning: {warning}" for warning in getattr(self, "warnings", ()))
        return "\n".join([self.headline, rows, *warnings])

    def _repr_html_(self) -> str:
        warnings = "".join(f"<li>{escape(warning)}</li>" for warning in getattr(self, "warnings", ()))
        listed = f"<ul>{warnings}</ul>" if warnings else ""
        return f"<div><strong>{escape(self.headline)}</strong>{_html_table(self.table())}{listed}</div>"


Estimate = tuple[float | None, tuple[float | None, float | None]]
"""A value and the ends of its interval, None where unbounded."""


def quantities(estimates: Mapping[str, Estimate]) -> "pl.DataFrame":
    """A row for each estimate: quantity, value, and the ends low and high, null where unbounded."""
    import polars as pl

    rows = [(name, value, *ends) for name, (value, ends) in estimates.items()]
    numbers = dict.fromkeys(("value", "low", "high"), pl.Float64)
    return pl.DataFrame(rows, {"quantity": pl.String, **numbers}, orient="row")


def _html_table(rows: "pl.DataFrame") -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in rows.columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(_cell(value))}</td>" for value in row) + "</tr>" for row in rows.rows()
    )
    return f'<table style="{_STYLE}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _cell(value: Any) -> str:
    if value is None:
        return MISSING
    return number(value) if isinstance(value, float) else str(value)
