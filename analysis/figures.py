"""The figures: each function takes a plain table or a fit and returns an Altair chart.

`chart.save("x.png")` draws one without a browser. Ink is `currentColor`, so that a page colours text and
lines for light, dark and paper alike; a picture file gets black.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import altair as alt
import numpy as np
import polars as pl

from analysis import mathml, text
from analysis.fit import Fit
from analysis.theme import INK, RAMP, THEME, log_ticks

LABELS = {
    "E": "E, tokens processed",
    "N": "N, non-embedding parameters",
    "U": "U, unique tokens",
    "C": "C = 6NE, FLOPs",
    "loss": "held-out loss, nats per token",
}
DOTS = "large dots: after the learning rate had decayed; a cross: the run diverged"
TOOLTIP = [
    alt.Tooltip("run:N"),
    alt.Tooltip("N:Q", format=".3s"),
    alt.Tooltip("E:Q", format=".3s"),
    alt.Tooltip("k:Q", title="k, epochs", format=".3~g"),
    alt.Tooltip("C:Q", format=".2e"),
    alt.Tooltip("loss:Q", format=".4f"),
]
FIELDS = {
    "run",
    "status",
    "size",
    "annealed",
    "low",
    "high",
    "predicted",
    "residual",
    "bits_per_byte",
    *"NUEkC",
    "loss",
}
"""What the charts read of the tables they are given; the rest is left out of the page."""


def _axis(values: Sequence[float], name: str, form: Callable[[float], str]) -> dict[str, Any]:
    """Log axis over positive `values` with a small margin; every tick carries its label made by `form`."""
    low, high = min(values), max(values)
    margin = max(1.02, (high / low) ** 0.04)
    domain = [low / margin, high * margin]
    ticks = log_ticks(*domain)
    labels = json.dumps([form(tick) for tick in ticks], ensure_ascii=False)
    axis = alt.Axis(values=ticks, labelExpr=f"{labels}[indexof({ticks}, datum.value)]", labelOverlap="greedy")
    return {
        "title": LABELS.get(name, name),
        "axis": axis,
        "scale": alt.Scale(type="log", domain=domain, nice=False),
    }


def _x(table: pl.DataFrame, name: str) -> alt.X:
    return alt.X(
        f"{name}:Q",
        **_axis(table[name].cast(pl.Float64).to_list(), name, text.power if name == "C" else text.count),
    )


def _y(values: Iterable[float], field: str = "loss", title: str = "loss") -> alt.Y:
    return alt.Y(f"{field}:Q", **_axis(list(values), title, text.number))


def _tooltip(table: pl.DataFrame) -> list[alt.Tooltip]:
    return [tip for tip in TOOLTIP if str(tip.shorthand)[:-2] in table.columns]


def _data(table: pl.DataFrame) -> alt.InlineData:
    return alt.InlineData(values=table.select(name for name in table.columns if name in FIELDS).to_dicts())


def _sized(table: pl.DataFrame) -> pl.DataFrame:
    """`table` by rising N, with the label that the colour scale shows."""
    label = pl.col("N").map_elements(text.count, return_dtype=pl.String)
    return table.sort("N").with_columns(label.alias("size"))


def _colour(table: pl.DataFrame) -> alt.Color:
    sizes = table["size"].unique(maintain_order=True).to_list()
    return alt.Color("size:O", title="N, click to pick", scale=alt.Scale(scheme=RAMP), sort=sizes)


def _finished(
    layers: Sequence[alt.Chart | alt.LayerChart], title: str, subtitle: str, height: int = 340
) -> alt.LayerChart:
    heading = alt.TitleParams(title, subtitle=subtitle)
    config = alt.Config.from_dict(THEME)
    return alt.LayerChart(layer=list(layers), title=heading, config=config, width=640, height=height)


def _curves(table: pl.DataFrame, x: str) -> list[alt.Chart]:
    """A line per run, a dot per evaluation; a click on a size in the legend fades the others."""
    table = _sized(table)
    picked = alt.selection_point(name="picked", fields=["size"], bind="legend")
    base = alt.Chart(_data(table)).encode(
        x=_x(table, x),
        y=_y(table["loss"]),
        color=_colour(table),
        detail="run:N",
        opacity=alt.condition(picked, alt.value(0.9), alt.value(0.08)),
        tooltip=_tooltip(table),
    )
    size = alt.condition("datum.annealed", alt.value(90), alt.value(22))
    dots = base.mark_circle().encode(size=size).add_params(picked)
    return [base.mark_line(strokeWidth=1.8), dots, _crosses(base)]


def _crosses(base: alt.Chart) -> alt.Chart:
    """A cross where a run diverged."""
    return (
        base.transform_filter("datum.status == 'diverged'")
        .transform_aggregate(last="argmax(E)", groupby=["run", "size"])
        .transform_calculate(**{name: f"datum.last.{name}" for name in ("N", "E", "k", "C", "loss")})
        .mark_point(shape="cross", angle=45, filled=True, size=170)
    )


def learning_curves(curves: pl.DataFrame) -> alt.LayerChart:
    """Held-out loss against tokens processed. `curves` as `analysis.curves.learning_curves` gives it."""
    return _finished(_curves(curves, "E"), "Learning curves", DOTS)


def compute_curves(curves: pl.DataFrame, frontier: pl.DataFrame) -> alt.LayerChart:
    """Held-out loss against compute, with the rows of `frontier` joined by a dashed line."""
    envelope = (
        alt.Chart(_data(frontier))
        .mark_line(color=INK, strokeWidth=2.2, strokeDash=[5, 4])
        .encode(x="C:Q", y="loss:Q")
    )
    subtitle = "dashed: the lower convex hull, the least loss for the compute"
    return _finished([*_curves(curves, "C"), envelope], "The compute frontier", subtitle)


def fitted_law(fit: Fit, x: str = "N", beyond: float = 4.0) -> alt.LayerChart:
    """The points of a fit with its line and band against `x`, carried on to `beyond` times the largest point.

    For laws of one input. The line is dashed where it is extrapolation.
    """
    measured = _sized(fit.points)
    smallest, largest = _ends(measured[x])
    grid = np.geomspace(smallest, largest * beyond, 160)
    low, high = fit.band({x: grid})
    line = pl.DataFrame({x: grid, "loss": fit.predict({x: grid}), "low": low, "high": high})
    base = alt.Chart(_data(_shown(line, measured["loss"])))
    base = base.encode(x=_x(line, x), y=_y([*measured["loss"], *line["loss"]]))
    band = base.mark_area(color=INK, opacity=0.13, clip=True).encode(y="low:Q", y2="high:Q")
    title = f"{fit.law.name}: {mathml.plain(fit.law.formula)}"
    subtitle = f"band: {fit.level:.0%} interval of the law; dashed: beyond the largest run"
    return _finished([band, *_lines(base, x, largest), _dots(measured, x)], title, subtitle)


def _ends(values: pl.Series) -> tuple[float, float]:
    return float(values.to_numpy().min()), float(values.to_numpy().max())


def _shown(line: pl.DataFrame, measured: pl.Series) -> pl.DataFrame:
    """`line` with its band no further out than twice the measured losses: an open side is infinite."""
    lowest, highest = _ends(measured)
    return line.with_columns(pl.col("low", "high").clip(lowest / 2, highest * 2))


def _lines(base: alt.Chart, x: str, largest: float) -> list[alt.Chart]:
    """The fitted line, dashed beyond the largest point."""
    inside = base.mark_line(color=INK, strokeWidth=2)
    outside = base.mark_line(color=INK, strokeWidth=2, strokeDash=[5, 4])
    return [
        inside.transform_filter(f"datum.{x} <= {largest}"),
        outside.transform_filter(f"datum.{x} >= {largest}"),
    ]


def _dots(measured: pl.DataFrame, x: str) -> alt.Chart:
    base = alt.Chart(_data(measured)).mark_circle(size=110, opacity=1)
    return base.encode(
        x=f"{x}:Q", y="loss:Q", color=_colour(measured).legend(None), tooltip=_tooltip(measured)
    )


def fitted_surface(fit: Fit, beyond: float = 4.0) -> alt.LayerChart:
    """The points of a fit in N and E against E, with the law's line for each N.

    The lines go on to `beyond` times the largest E.
    """
    measured = _sized(fit.points)
    smallest, largest = _ends(measured["E"])
    grid = np.geomspace(smallest / 2, largest * beyond, 60)
    sizes = measured["N"].unique(maintain_order=True)
    line = _sized(pl.concat([pl.DataFrame({"N": [n] * len(grid), "E": grid}) for n in sizes]))
    line = line.with_columns(loss=fit.predict({name: line[name].to_numpy() for name in "NE"}))
    base = alt.Chart(_data(line)).mark_line(strokeWidth=1.8, opacity=0.8)
    y = _y([*measured["loss"], *line["loss"]])
    lines = base.encode(x=_x(line, "E"), y=y, color=_colour(line), detail="N:N")
    title = f"{fit.law.name}: {mathml.plain(fit.law.formula)}"
    return _finished([lines, _dots(measured, "E")], title, "a line for each N of the runs")


def residuals(fit: Fit, x: str = "N") -> alt.LayerChart:
    """Measured minus fitted loss of each point against `x`, in millinats per token."""
    inputs = {name: fit.points[name].to_numpy() for name in fit.law.inputs}
    measured = _sized(fit.points.with_columns(predicted=fit.predict(inputs)))
    measured = measured.with_columns(residual=1000 * (pl.col("loss") - pl.col("predicted")))
    zero = alt.Chart(alt.InlineData(values=[{}])).mark_rule(color=INK, opacity=0.6).encode(y=alt.datum(0))
    y = alt.Y(
        "residual:Q",
        title="residual, millinats",
        axis=alt.Axis(tickCount=4),
        scale=alt.Scale(nice=False, padding=14),
    )
    dots = _dots(measured, x).encode(x=_x(measured, x), y=y)
    return _finished([zero, dots], f"Residuals of {fit.law.name}", "measured minus fitted loss", height=180)


def bits_per_byte(scores: pl.DataFrame, baselines: dict[str, float]) -> alt.LayerChart:
    """Bits per byte of each run against N, with a line for each named compressor in `baselines`.

    `scores` has the columns run, N, bits_per_byte.
    """
    scores = _sized(scores)
    every = [*scores["bits_per_byte"], *baselines.values()]
    y = _y(every, "bits_per_byte", "bits per byte")
    dots = _dots(scores, "N").encode(x=_x(scores, "N"), y=y)
    subtitle = "dotted: general-purpose compressors on the same text"
    return _finished([dots, *_rules(baselines)], "Bits per byte of the test text", subtitle)


def _rules(baselines: dict[str, float]) -> list[alt.Chart]:
    """A labelled horizontal line for each value."""
    named = alt.Chart(alt.InlineData(values=[{"name": k, "value": v} for k, v in baselines.items()]))
    rule = named.mark_rule(color=INK, strokeDash=[2, 3]).encode(y="value:Q")
    label = named.mark_text(color=INK, align="right", dy=-7, fontSize=12)
    return [rule, label.encode(y="value:Q", x=alt.value("width"), text="name:N")]
