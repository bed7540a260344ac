"""Figures of the solvable models: loss against epochs, and how k_rho and r_inf move with N or U."""

from collections.abc import Callable
from typing import Any

import altair as alt
import polars as pl

from analysis import text
from analysis.figures.parts import axis, colour, finished, sized

_TITLES = {
    "k": "k, epochs",
    "N": "N, circuits or features",
    "U": "U, unique tokens",
    "k_rho": "k_rho, epochs to 1.1 of the reducible floor",
    "r_inf": "r_inf, fresh data that the best number of epochs is worth",
}


def epoch_curves(points: pl.DataFrame, unique: float, title: str) -> alt.LayerChart:
    """Loss against epochs at one U, a line for each N; points of several seeds are averaged."""
    table = points.filter(pl.col("U") == unique).group_by("N", "k").agg(pl.col("loss").mean())
    subtitle = f"U = {text.count(unique)} unique tokens"
    return _curves(sized(table.sort("N", "k")), "k", "loss", title, subtitle)


def exact_curves(cells: pl.DataFrame, y: str, title: str) -> alt.LayerChart:
    """The column `y` of a model's cells against U, a line for each N, where it is finite."""
    table = cells.filter(pl.col(y).is_finite()).select("N", "U", y)
    return _curves(sized(table.sort("N", "U")), "U", y, title, "computed without runs; a line for each N")


def _curves(table: pl.DataFrame, x: str, y: str, title: str, subtitle: str) -> alt.LayerChart:
    base = alt.Chart(alt.InlineData(values=table.to_dicts())).encode(
        x=alt.X(f"{x}:Q", **_axis(table, x, text.count if x == "U" else text.number)),
        y=alt.Y(f"{y}:Q", **_axis(table, y, text.number)),
        color=colour(table),
    )
    lines = base.mark_line(strokeWidth=1.8).encode(detail="N:N")
    dots = base.mark_circle(size=45, opacity=1).encode(tooltip=["N:Q", f"{x}:Q", f"{y}:Q"])
    return finished([lines, dots], title, subtitle, height=280)


def _axis(table: pl.DataFrame, name: str, form: Callable[[float], str]) -> dict[str, Any]:
    made = axis(table[name].cast(pl.Float64).to_list(), name, form)
    return made | {"title": _TITLES.get(name, made["title"])}
