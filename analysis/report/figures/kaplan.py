"""The laws of Kaplan et al. 2020 (arXiv 2001.08361) redrawn from fitted constants, not from measurements.

The functions take parameters of `quarry.analysis.laws.published` or of a fit: `ns` those of `kaplan-ns`, `nd`
those of `kaplan-nd`. N in parameters, U in tokens, C in FLOPs, losses in nats per token.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import altair as alt
import numpy as np
import polars as pl

from quarry import text
from quarry.analysis.laws.kaplan import CONTEXT
from quarry.analysis.laws.kaplan_overfitting import overfitting, stopping_step
from quarry.analysis.report.figures.lines import AxisWords, beside, line, marked, panel
from quarry.analysis.report.figures.parts import LABELS, finished
from quarry.analysis.report.figures.theme import INK

if TYPE_CHECKING:
    from quarry.analysis.crossing.known_laws import Crossing
    from quarry.analysis.laws.law import Values
    from quarry.analysis.laws.published import PublishedFit
    from quarry.analysis.laws.published_trends import PublishedTrend

_POINTS, _WIDTH = 120, 640
_SIZES = tuple(10.0**exponent for exponent in range(4, 10))

_LOSS: AxisWords = (LABELS["loss"], text.number)
_C_MIN: AxisWords = ("C_min, FLOPs", text.power)


def power_laws(laws: "Sequence[tuple[PublishedFit, tuple[float, float]]]") -> alt.HConcatChart:
    """Laws of one variable side by side, each over its range, on one axis of the loss (Figure 1)."""
    tables = []
    for fit, ends in laws:
        (name,) = fit.law.inputs
        x = np.geomspace(*ends, _POINTS)
        tables.append((name, line(x, fit.law.predict(fit.params, {name: x}), fit.name)))
    losses = pl.concat([table for _, table in tables])["y"].to_list()
    width = _WIDTH // len(tables) - 30
    panels = [panel(table, _axis_of(name), _LOSS, width=width, y_values=losses) for name, table in tables]
    return beside(panels, "The loss as a power of one thing at a time", "lines: published constants")


def overfitting_collapse(nd: "Values", sizes: Sequence[float] = _SIZES) -> alt.HConcatChart:
    """delta L against U, and against what makes one line of all sizes (Figures 4 and 9).

    That is (N / N_c)^(alpha_N / alpha_D) D_c / U.
    """
    unique = np.geomspace(2e7, 2e10, 40)
    rows = pl.concat([line(unique, overfitting(n, unique, nd), text.count(n)) for n in sizes])
    exponent = nd["alpha_N"] / nd["alpha_D"]
    growth = np.repeat((np.asarray(sizes) / nd["N_c"]) ** exponent, len(unique)) * nd["D_c"]
    collapsed = rows.with_columns(x=pl.Series(growth) / pl.col("x"))
    delta: AxisWords = ("δL = L(N, U) / L(N, ∞) − 1", text.number)
    axes = (LABELS["U"], text.count), (f"(N / N_c)^{exponent:.2f} D_c / U", text.number)
    panels = [
        panel(table, x, delta, "N", dots=True) for table, x in zip((rows, collapsed), axes, strict=True)
    ]
    return beside(panels, "Overfitting depends on one ratio of size and data", "both: the same numbers")


def stopping_bound(ns: "Values", nd: "Values", sizes: Sequence[float] = _SIZES) -> alt.LayerChart:
    """The S_min before which no run stops early, against U (Figure 16; eq. 5.7)."""
    unique = np.geomspace(2e7, 2e10, 40)
    rows = pl.concat([line(unique, stopping_step(n, unique, ns, nd), text.count(n)) for n in sizes])
    chart = marked(rows, (LABELS["U"], text.count), ("S_stop at least, steps", text.count), "N")
    return finished([chart], "Early stopping comes no earlier than this", "S_min: adjusted for the batch")


def compute_and_data_laws(
    compute: "PublishedFit",
    data: "PublishedFit",
    tokens: "Sequence[PublishedTrend]",
    met: Sequence["Crossing"],
    flops: tuple[float, float],
) -> alt.LayerChart:
    """L(C), L(D) at the tokens of each trend D(C), and a diamond at each crossing of `met` (Figure 15)."""
    grid = np.geomspace(*flops, _POINTS)
    lines = [line(grid, compute.law.predict(compute.params, {"C": grid}), "L(C)")]
    for trend in tokens:
        loss = data.law.predict(data.params, {"U": trend.predict(grid)})
        lines.append(line(grid, loss, f"L(D(C)), D by {trend.source.split(', ')[-1]}"))
    chart = marked(pl.concat(lines), _C_MIN, _LOSS, "", named=True, columns=2)
    marks = alt.Chart(alt.InlineData(values=[{"x": one.flops, "y": one.loss} for one in met])).mark_point(
        shape="diamond", filled=True, size=110, color=INK, opacity=1
    )
    subtitle = "beyond a diamond the compute law promises less than the data allow"
    return finished([chart, marks.encode(x="x:Q", y="y:Q")], "Two laws that cannot both go on", subtitle)


def context_losses(fits: "Sequence[PublishedFit]", length: float = 1024) -> alt.LayerChart:
    """The loss at each position of the context, a + b T^-c, for each published size (Figure 20)."""
    position = np.geomspace(1, length, _POINTS)
    lines = [line(position, CONTEXT.predict(fit.params, {"T": position}), _rank(fit)) for fit in fits]
    chart = marked(pl.concat(lines), (LABELS["T"], text.count), _LOSS, "size, from small to large")
    return finished([chart], "Large models gain more from a long context", "a + b T^-c, as published")


def _rank(fit: "PublishedFit") -> str:
    return fit.name.rsplit("-", 1)[1]


def _axis_of(name: str) -> AxisWords:
    return ("C_min, FLOPs", text.power) if name == "C" else (LABELS[name], text.count)
