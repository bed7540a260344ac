"""Charts of named lines on log axes, one panel or several side by side: for laws that are drawn, not runs."""

from collections.abc import Callable, Sequence
from typing import Any

import altair as alt
import numpy as np
import polars as pl

from quarry.analysis.report.figures.parts import axis, themed
from quarry.analysis.report.figures.theme import INK, ramp

AxisWords = tuple[str, Callable[[float], str]]
"""The title of an axis, and its numbers in words."""


def line(x: Any, y: Any, name: str) -> pl.DataFrame:
    """The columns x, y and line of one line."""
    return pl.DataFrame({"x": np.asarray(x, float), "y": np.asarray(y, float)}).with_columns(
        line=pl.lit(name)
    )


def _names(rows: pl.DataFrame) -> list[str]:
    return rows["line"].unique(maintain_order=True).to_list()


def line_colour(rows: pl.DataFrame, legend: str, columns: int, symbol: str = "stroke") -> alt.Color:
    """A colour for each line, in the order of the rows; one line alone is ink."""
    names = _names(rows)
    scale = alt.Scale(domain=names, range=ramp(len(names))) if len(names) > 1 else alt.Scale(range=[INK])
    shown = alt.Legend(columns=columns, labelLimit=500, symbolType=symbol) if len(names) > 1 else None
    return alt.Color("line:O", title=legend, scale=scale, legend=shown)


def _dashes(rows: pl.DataFrame, legend: str, columns: int) -> alt.StrokeDash:
    """One dash for each line; with the title, domain and legend of the colours, so that the legends merge."""
    shown = alt.Legend(columns=columns, labelLimit=500, symbolType="stroke")
    return alt.StrokeDash("line:O", title=legend, scale=alt.Scale(domain=_names(rows)), legend=shown)


def marked(
    rows: pl.DataFrame, x: AxisWords, y: AxisWords, legend: str, *, y_values: Sequence[float] = (),
    descending: bool = False, columns: int = 6, named: bool = False, dots: bool = False,
) -> alt.Chart:  # fmt: skip
    """A line (or dots) for each name in `rows` (x, y, line), on log axes; y's spans `y_values` too.

    Lines that are `named`, not ordered by a number, are dashed each in its own way.
    """
    of_x = axis(rows["x"].to_list(), *x)
    if descending:
        of_x["scale"] = alt.Scale.from_dict(of_x["scale"].to_dict() | {"reverse": True})
    base = alt.Chart(alt.InlineData(values=rows.select("x", "y", "line").to_dicts())).encode(
        x=alt.X("x:Q", **of_x),
        y=alt.Y("y:Q", **axis([*rows["y"], *y_values], *y)),
        color=line_colour(rows, legend, columns, "circle" if dots else "stroke"),
    )
    if dots:
        return base.mark_circle(size=22, opacity=1, clip=True)
    lines = base.mark_line(strokeWidth=2, clip=True)
    return lines.encode(strokeDash=_dashes(rows, legend, columns)) if named else lines


def panel(
    rows: pl.DataFrame, x: AxisWords, y: AxisWords, legend: str = "", *, width: int = 280, **options: Any
) -> alt.Chart:
    """`marked` at the size of one of several."""
    return marked(rows, x, y, legend, **options).properties(width=width, height=280)


def beside(panels: Sequence[alt.Chart], title: str, subtitle: str) -> alt.HConcatChart:
    """Panels side by side under one title."""
    heading = alt.TitleParams(title, subtitle=subtitle, anchor="start")
    return alt.HConcatChart(hconcat=list(panels), title=heading, config=themed())
