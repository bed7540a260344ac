"""Parts that all figures share: axes, colours, dots, titles.

Ink is `currentColor`, so that a page colours text and lines for light, dark and print; a picture file
gets black.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

import altair as alt
import numpy as np
import polars as pl

from quarry import text
from quarry.analysis.report.figures.theme import INK, RAMP, THEME, log_ticks, ramp

LABELS = {
    "E": "E, tokens processed",
    "N": "N, parameters",
    "U": "U, unique tokens",
    "C": "C = 6NE, FLOPs",
    "M": "M = E / N, tokens per parameter",
    "T": "T, position in the context",
    "S_min": "S_min, steps",
    "B_crit": "critical batch, tokens",
    "loss": "held-out loss, nats per token",
}
TOOLTIP = [
    alt.Tooltip("run:N"),
    alt.Tooltip("N:Q", format=".3s"),
    alt.Tooltip("E:Q", format=".3s"),
    alt.Tooltip("k:Q", title="k, epochs", format=".3~g"),
    alt.Tooltip("C:Q", format=".2e"),
    alt.Tooltip("loss:Q", format=".4f"),
    alt.Tooltip("learning_rate:Q", title="learning rate", format=".2e"),
]
MOST_LINES = 300
"""Runs that have a line where each has one: of more no eye can follow one, and they take a browser long."""
MOST_DOTS = 1000
"""Points that have a dot where each has one: more cannot be told apart, and take a browser long."""
MOST_SIZES = 12
"""With more sizes than this, their colours and lines cannot be told apart one by one."""
_BAR = alt.ExprRef("min(width, 320)")
"""How long the bar of a ramp of colours is: no longer than the figure, on a phone too."""

FIELDS = {
    "run",
    "status",
    "size",
    "annealed",
    "last",
    "lined",
    "low",
    "high",
    "predicted",
    "residual",
    "bits_per_byte",
    "learning_rate",
    "S_min",
    "B_crit",
    *"NUEkCMT",
    "loss",
}
"""The columns that the charts use; others are left out of the page."""


def axis(values: Sequence[float], name: str, form: Callable[..., str]) -> dict[str, Any]:
    """Log axis over positive `values` with a small margin; every tick carries its label made by `form`.

    `form` takes a number and, where that says two ticks alike, how many digits to show.
    """
    low, high = min(values), max(values)
    margin = max(1.02, (high / low) ** 0.04)
    domain = [low / margin, high * margin]
    ticks = log_ticks(*domain)
    labels = json.dumps(tick_labels(ticks, form), ensure_ascii=False)
    axis = alt.Axis(values=ticks, labelExpr=f"{labels}[indexof({ticks}, datum.value)]", labelOverlap="greedy")
    return {
        "title": LABELS.get(name, name),
        "axis": axis,
        "scale": alt.Scale(type="log", domain=domain, nice=False),
    }


def tick_labels(ticks: Sequence[float], form: Callable[..., str]) -> list[str]:
    """The label of each tick, with as many digits as tell them apart."""
    labels = [form(tick) for tick in ticks]
    for digits in range(3, 12):
        if len(set(labels)) == len(labels):
            break
        labels = [form(tick, digits) for tick in ticks]
    return labels


def x_axis(table: pl.DataFrame, name: str) -> alt.X:
    return alt.X(
        f"{name}:Q",
        **axis(table[name].cast(pl.Float64).to_list(), name, text.power if name == "C" else text.count),
    )


def y_axis(values: Iterable[float], field: str = "loss", title: str = "loss") -> alt.Y:
    return alt.Y(f"{field}:Q", **axis(list(values), title, text.number))


def tooltip(table: pl.DataFrame) -> list[alt.Tooltip]:
    return [tip for tip in TOOLTIP if str(tip.shorthand)[:-2] in table.columns]


def data(table: pl.DataFrame) -> alt.InlineData:
    return alt.InlineData(values=table.select(name for name in table.columns if name in FIELDS).to_dicts())


def sized(table: pl.DataFrame) -> pl.DataFrame:
    """`table` by rising N, with the label that the colour scale shows; as it is if it has no N."""
    if "N" not in table.columns:
        return table
    label = pl.col("N").map_elements(text.count, return_dtype=pl.String)
    return table.sort("N").with_columns(label.alias("size"))


def lined(table: pl.DataFrame) -> pl.Expr:
    """Whether the run of a row has a line: at most MOST_LINES have, spread evenly over N."""
    runs = table.group_by("run").agg(pl.col("N").min()).sort("N", "run")["run"]
    return pl.col("run").is_in(spread(runs, MOST_LINES).implode())


def spread(values: pl.Series, most: int) -> pl.Series:
    """At most `most` of the values, evenly spread over their places, with the first and the last."""
    kept = np.linspace(0, len(values) - 1, min(len(values), most)).round().astype(int)
    return values.gather(kept)


def some_points(table: pl.DataFrame) -> pl.DataFrame:
    """At most MOST_DOTS of the points, spread evenly over N and E."""
    order = table.with_row_index("place").sort("N", "E")["place"] if "E" in table.columns else None
    return table if order is None or len(table) <= MOST_DOTS else table[spread(order, MOST_DOTS)]


def points_said(table: pl.DataFrame) -> str:
    """What the subtitle adds where not every point has a dot."""
    some = some_points(table).height
    return f"; {some:,} of the {table.height:,} points" if some < table.height else ""


def dots_said(table: pl.DataFrame) -> str:
    """What the subtitle says of dots and crosses; all dots are large where none is mid-schedule."""
    large = "" if table["annealed"].all() else "large dots: after the learning rate had decayed; "
    return f"{large}a cross: the run diverged"


def lines_said(table: pl.DataFrame) -> str:
    """What the subtitle adds where not every run has a line."""
    runs = table["run"].n_unique()
    return f"; lines of {MOST_LINES} of the {runs:,} runs" if runs > MOST_LINES else ""


def few_sizes(table: pl.DataFrame) -> bool:
    """Whether each N has an entry of its own in the legend."""
    return table["size"].n_unique() <= MOST_SIZES


def colour(table: pl.DataFrame, title: str = "N", symbol: str = "circle") -> alt.Color:
    """The colour of each N, with its legend; of more than MOST_SIZES along a ramp."""
    if not few_sizes(table):
        return colour_ramp(table["N"], "N", "N", text.count)
    sizes = table["size"].unique(maintain_order=True).to_list()
    scale = alt.Scale(domain=sizes, range=ramp(len(sizes)))
    return alt.Color("size:O", title=title, scale=scale, sort=sizes, legend=alt.Legend(symbolType=symbol))


def colour_ramp(values: pl.Series, field: str, title: str, form: Callable[..., str]) -> alt.Color:
    """The colour of each of many values along a ramp, logarithmically."""
    shown = log_ticks(*ends(values.cast(pl.Float64)))
    label = f"{json.dumps(tick_labels(shown, form))}[indexof({shown}, datum.value)]"
    legend = alt.Legend(values=shown, labelExpr=label, gradientLength=_BAR, direction="horizontal")
    return alt.Color(f"{field}:Q", title=title, scale=alt.Scale(type="log", range=RAMP), legend=legend)


def finished(
    layers: Sequence[alt.Chart | alt.LayerChart], title: str, subtitle: str, height: int = 340
) -> alt.LayerChart:
    heading = alt.TitleParams(title, subtitle=subtitle)
    return alt.LayerChart(layer=list(layers), title=heading, config=themed(), width=640, height=height)


@cache
def themed() -> alt.Config:
    """The theme of all figures, validated once: it takes 40 ms of processor time."""
    return alt.Config.from_dict(THEME)


def dots(measured: pl.DataFrame, x: str, y: str = "loss") -> alt.Chart:
    """A dot per row, coloured by N where the table has it."""
    base = alt.Chart(data(measured)).mark_circle(size=110, opacity=1)
    base = base.encode(x=f"{x}:Q", y=f"{y}:Q", tooltip=tooltip(measured))
    ink = colour(measured) if "size" in measured.columns else alt.value(INK)
    return base.encode(color=ink)


def ends(values: pl.Series) -> tuple[float, float]:
    return float(values.to_numpy().min()), float(values.to_numpy().max())
