"""Figures of runs: learning curves, the compute frontier, bits per byte."""

import altair as alt
import numpy as np
import polars as pl

from quarry.analysis.report.figures.parts import (
    MOST_DOTS,
    colour,
    data,
    dots,
    dots_said,
    few_sizes,
    finished,
    lined,
    lines_said,
    sized,
    tooltip,
    x_axis,
    y_axis,
)
from quarry.analysis.report.figures.theme import INK


def _curves(table: pl.DataFrame, x: str) -> list[alt.Chart]:
    """A line per run, a dot per evaluation; a click on a size in the legend fades the others."""
    last = pl.col(x) == pl.col(x).max().over("run")
    table = sized(table).with_columns(last=last, lined=lined(table))
    few = few_sizes(table)
    picked = alt.selection_point(name="picked", fields=["size"], bind="legend")
    title = "N, click to pick" if few else "N"
    base = alt.Chart(data(table)).encode(
        x=x_axis(table, x),
        y=y_axis(table["loss"]),
        color=colour(table, title, "stroke"),
        detail="run:N",
        opacity=alt.condition(picked, alt.value(1), alt.value(0.08)) if few else alt.value(1),
    )
    size = alt.condition("datum.annealed", alt.value(90), alt.value(22))
    dots = base.mark_circle().encode(size=size, tooltip=tooltip(table))
    if table.height > MOST_DOTS:
        dots = dots.transform_filter("datum.last")
    lines = base.transform_filter("datum.lined").mark_line(strokeWidth=1.8)
    drawn = [lines, dots.add_params(picked) if few else dots]
    diverged = "status" in table.columns and (table["status"] == "diverged").any()
    return [*drawn, _crosses(base)] if diverged else drawn


def _crosses(base: alt.Chart) -> alt.Chart:
    """A cross where a run diverged."""
    return (
        base.transform_filter("datum.status == 'diverged'")
        .transform_aggregate(last="argmax(E)", groupby=["run", "size"])
        .transform_calculate(**{name: f"datum.last.{name}" for name in ("N", "E", "k", "C", "loss")})
        .mark_point(shape="cross", angle=45, filled=True, size=170)
    )


def learning_curves(curves: pl.DataFrame) -> alt.LayerChart:
    """Held-out loss against tokens processed. `curves` as `quarry.analysis.points.curves.learning_curves`
    gives it."""
    return finished(_curves(curves, "E"), "Learning curves", dots_said(curves) + lines_said(curves))


def compute_curves(curves: pl.DataFrame, frontier: pl.DataFrame) -> alt.LayerChart:
    """Held-out loss against compute, with the rows of `frontier` joined by a dashed line."""
    envelope = (
        alt.Chart(data(frontier))
        .mark_line(color=INK, strokeWidth=2.2, strokeDash=[5, 4])
        .encode(x="C:Q", y="loss:Q")
    )
    subtitle = "dashed: the lower convex hull, the least loss for the compute" + lines_said(curves)
    return finished([*_curves(curves, "C"), envelope], "The compute frontier", subtitle)


def bits_per_byte(scores: pl.DataFrame, baselines: dict[str, float]) -> alt.LayerChart:
    """Bits per byte of each run against N, with a line for each named compressor in `baselines`.

    `scores` has the columns run, N, bits_per_byte.
    """
    scores = sized(scores)
    every = [*scores["bits_per_byte"], *baselines.values()]
    y = y_axis(every, "bits_per_byte", "bits per byte")
    marks = dots(scores, "N").encode(x=x_axis(scores, "N"), y=y)
    subtitle = "dotted: general-purpose compressors on the same text"
    return finished(
        [marks, *_rules(baselines, _gap(scores["N"]))], "Bits per byte of the test text", subtitle
    )


def _rules(baselines: dict[str, float], n: float) -> list[alt.Chart]:
    """A horizontal line for each value, labelled at N = n."""
    named = alt.Chart(alt.InlineData(values=[{"name": k, "value": v} for k, v in baselines.items()]))
    rule = named.mark_rule(color=INK, strokeDash=[2, 3]).encode(y="value:Q")
    label = named.mark_text(color=INK, dy=-7, fontSize=12)
    return [rule, label.encode(y="value:Q", x=alt.datum(n), text="name:N")]


def _gap(sizes: pl.Series) -> float:
    """The middle of the widest gap between neighbouring N, where a label covers no dot."""
    n = sizes.unique().sort().cast(pl.Float64).to_numpy()
    widest = int(np.argmax(n[1:] / n[:-1])) if len(n) > 1 else 0
    return float(np.sqrt(n[widest] * n[min(widest + 1, len(n) - 1)]))
