"""Kaplan et al. 2020 (arXiv 2001.08361) redrawn: what follows from fitted constants, not from measurements.

The functions take parameters as `quarry.analysis.laws.published` or a fit of one's own gives them: `nd`
those of
`kaplan-nd`, `p` those of `kaplan-ns` and `critical-batch` together. N in parameters, U and E in tokens, C in
FLOPs, losses in nats per token; C_min, S_min and E_min are those of a batch far from B_crit.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import altair as alt
import numpy as np
import polars as pl

from quarry import text
from quarry.analysis.laws.batch_size import critical_batch
from quarry.analysis.laws.kaplan import CONTEXT
from quarry.analysis.laws.kaplan_frontier import (
    converged_loss,
    excess_compute,
    excess_steps,
    minimum_tokens_to,
    optimal_size,
    optimal_steps,
    overfitting,
    stopping_fraction,
    stopping_step,
)
from quarry.analysis.laws.law import Values
from quarry.analysis.report.figures.lines import AxisWords, beside, line, line_colour, marked, panel
from quarry.analysis.report.figures.parts import LABELS, axis, finished
from quarry.analysis.report.figures.theme import INK

if TYPE_CHECKING:
    from quarry.analysis.crossing.known_laws import Crossing
    from quarry.analysis.laws.published import PublishedFit, PublishedTrend

_DRAWN, _WIDE = 120, 640
_SIZES = tuple(10.0**exponent for exponent in range(4, 10))

_LOSS: AxisWords = (LABELS["loss"], text.number)
_N: AxisWords = (LABELS["N"], text.count)
_C_MIN: AxisWords = ("C_min, FLOPs", text.power)


def power_laws(laws: "Sequence[tuple[PublishedFit, tuple[float, float]]]") -> alt.HConcatChart:
    """Laws of one variable side by side, each over its range, on one axis of the loss (Figure 1)."""
    tables = []
    for fit, ends in laws:
        (name,) = fit.law.inputs
        x = np.geomspace(*ends, _DRAWN)
        tables.append((name, line(x, fit.law.predict(fit.params, {name: x}), fit.name)))
    losses = pl.concat([table for _, table in tables])["y"].to_list()
    width = _WIDE // len(tables) - 30
    panels = [panel(table, _axis_of(name), _LOSS, width=width, y_values=losses) for name, table in tables]
    return beside(panels, "The loss as a power of one thing at a time", "lines: published constants")


def training_curves(p: Values, batch: float, sizes: Sequence[float] = _SIZES) -> alt.HConcatChart:
    """The loss of each size against the tokens and the compute of a run at one batch (Figure 2)."""
    rows = pl.concat([_training_curve(n, batch, p) for n in sizes])
    tokens = panel(rows, (LABELS["E"], text.count), _LOSS, "N")
    compute = panel(rows.with_columns(x=pl.col("C")), ("C = 6NE, FLOPs", text.power), _LOSS, "N")
    subtitle = f"from L(N, S_min) and B_crit(L), at a batch of {text.count(batch)} tokens"
    return beside([tokens, compute], "Larger models learn more from each token", subtitle)


def _training_curve(n: float, batch: float, p: Values) -> pl.DataFrame:
    """x: E, y: loss, C, of a run from a twentieth of S_c to 2,000 times S_c."""
    steps = p["S_c"] * np.geomspace(0.05, 2e3, _DRAWN)
    loss = converged_loss(n, p) + (p["S_c"] / steps) ** p["alpha_S"]
    tokens = steps * (batch + critical_batch(loss, p))
    return line(tokens, loss, text.count(n)).with_columns(C=6 * n * pl.col("x"))


def critical_batches(laws: Mapping[str, Values], losses: tuple[float, float]) -> alt.LayerChart:
    """B_crit(L) of each named law over a range of losses, which fall to the right (Figure 10)."""
    grid = np.geomspace(*losses, _DRAWN)
    rows = pl.concat([line(grid, critical_batch(grid, p), name) for name, p in laws.items()])
    chart = marked(rows, _LOSS, ("B_crit, tokens", text.count), "constants", named=True, descending=True)
    return finished(
        [chart],
        "The critical batch grows as the loss falls",
        "B_crit = B_star / L^(1/α_B), against the falling loss",
    )


def fixed_batch(
    p: Values, batch: float, published: "Sequence[PublishedFit]", losses: tuple[float, float] = (2.2, 6.0)
) -> alt.LayerChart:
    """The least compute to each loss at one batch and far below B_crit, beside published L(C) (Figure 13)."""
    grid = np.geomspace(*losses, _DRAWN)
    naive, least = _least_compute(grid, batch, p), _least_compute(grid, 0.0, p)
    names = (f"computed, B = {text.count(batch)} tokens", "computed, C_min")
    lines = [line(flops, grid, name) for flops, name in zip((naive, least), names, strict=True)]
    x = np.geomspace(least.min(), naive.max(), _DRAWN)
    lines += [line(x, fit.law.predict(fit.params, {"C": x}), f"{fit.name}, published") for fit in published]
    chart = marked(pl.concat(lines), ("C, FLOPs", text.power), _LOSS, "", named=True, columns=2)
    subtitle = "computed: the best N at each loss, from L(N, S_min) and B_crit(L)"
    return finished([chart], "What a fixed batch costs", subtitle)


def _least_compute(losses: np.ndarray, batch: float, p: Values) -> np.ndarray:
    """FLOPs to each loss at `batch` tokens, 0 for C_min, with the best N; 6 N S_min (B + B_crit)."""
    floors = losses[:, None] * np.linspace(0.5, 0.999, 500)  # of the sizes that might be best
    n = p["N_c"] * floors ** (-1 / p["alpha_N"])
    steps = p["S_c"] * (losses[:, None] - floors) ** (-1 / p["alpha_S"])
    return (6 * n * steps * (batch + critical_batch(losses[:, None], p))).min(axis=1)


def overfitting_collapse(nd: Values, sizes: Sequence[float] = _SIZES) -> alt.HConcatChart:
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


def stopping_bound(ns: Values, nd: Values, sizes: Sequence[float] = _SIZES) -> alt.LayerChart:
    """The S_min before which no run stops early, against U (Figure 16; eq. 5.7)."""
    unique = np.geomspace(2e7, 2e10, 40)
    rows = pl.concat([line(unique, stopping_step(n, unique, ns, nd), text.count(n)) for n in sizes])
    chart = marked(rows, (LABELS["U"], text.count), ("S_stop at least, steps", text.count), "N")
    return finished([chart], "Early stopping comes no earlier than this", "S_min: adjusted for the batch")


def efficient_plans(
    p: Values, sizes: "PublishedTrend", steps: "PublishedTrend", flops: tuple[float, float]
) -> alt.HConcatChart:
    """N_opt and S_min of the compute-efficient plan: from the constants, and published trends (Figure 14)."""
    grid = np.geomspace(*flops, _DRAWN)
    panels = []
    for computed, trend, words in (
        (optimal_size(grid, p), sizes, "N_opt, parameters"),
        (optimal_steps(grid, p), steps, "S_min, steps"),
    ):
        pairs = {"from the constants": computed, "published trend": trend.predict(grid)}
        rows = pl.concat([line(grid, values, name) for name, values in pairs.items()])
        panels.append(panel(rows, _C_MIN, (words, text.count), "", named=True))
    return beside(panels, "More compute: a larger model, hardly more steps", "C_min: adjusted for the batch")


def suboptimal_sizes(p: Values, ratios: tuple[float, float] = (0.35, 10.0)) -> alt.LayerChart:
    """Compute and steps to one loss with a size that is not the efficient one (Figure 12)."""
    ratio = np.geomspace(*ratios, _DRAWN)
    pairs = {"compute": excess_compute(ratio, p), "steps": excess_steps(ratio, p)}
    rows = pl.concat([line(ratio, values, name) for name, values in pairs.items()])
    y: AxisWords = ("times the efficient size's", text.number)
    chart = marked(rows, ("N / N_eff", text.number), y, "to the same loss", named=True)
    one = alt.Chart(alt.InlineData(values=[{}])).mark_rule(color=INK, opacity=0.4).encode(y=alt.datum(1))
    f = stopping_fraction(p)
    subtitle = f"N_eff is stopped {f:.1%} above its converged loss"
    return finished([one, chart], "A size somewhat off the best costs little", subtitle)


def compute_and_data_laws(
    compute: "PublishedFit",
    data: "PublishedFit",
    tokens: "Sequence[PublishedTrend]",
    met: Sequence["Crossing"],
    flops: tuple[float, float],
) -> alt.LayerChart:
    """L(C), L(D) at the tokens of each trend D(C), and a diamond at each crossing of `met` (Figure 15)."""
    grid = np.geomspace(*flops, _DRAWN)
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


def sample_efficiency(p: Values, losses: Sequence[float]) -> alt.HConcatChart:
    """S_min and E_min to each of `losses` against N (Figure 19)."""
    steps = pl.concat([_to_loss(loss, p) for loss in losses])
    tokens = steps.with_columns(y=pl.col("y") * pl.col("b_crit"))
    panels = [
        panel(steps, _N, ("S_min, steps", text.count), "loss"),
        panel(tokens, _N, ("E_min, tokens", text.count), "loss"),
    ]
    subtitle = "each line begins near the least size whose floor lies below its loss"
    return beside(panels, "Larger models need fewer steps and fewer tokens", subtitle)


def _to_loss(loss: float, p: Values) -> pl.DataFrame:
    """x: N, y: S_min, b_crit, from 2% above the size that just reaches the loss to 1e12."""
    smallest = p["N_c"] * loss ** (-1 / p["alpha_N"])
    n = np.geomspace(1.02 * smallest, 1e12, _DRAWN)
    b_crit = float(critical_batch(loss, p))
    rows = line(n, minimum_tokens_to(loss, n, p) / b_crit, text.number(loss))
    return rows.with_columns(b_crit=pl.lit(b_crit))


def measured_sample_efficiency(rows: pl.DataFrame) -> alt.LayerChart:
    """Tokens to each loss against N, with bands: the same figure from a fit of one's own.

    `rows` has the columns loss, N, E, low, high; a null end of a band is not drawn.
    """
    lines = rows.select(x="N", y="E", line=pl.col("loss").map_elements(text.number, pl.String))
    lines = lines.with_columns(low=rows["low"], high=rows["high"])
    y = alt.Y("y:Q", **axis(lines["y"].to_list(), "E to the loss, tokens", text.count))
    base = alt.Chart(alt.InlineData(values=lines.to_dicts())).encode(
        x=alt.X("x:Q", **axis(lines["x"].to_list(), *_N)), y=y, color=line_colour(lines, "loss", 6)
    )
    band = base.mark_area(opacity=0.15, clip=True).encode(y="low:Q", y2="high:Q")
    band = band.transform_filter("datum.low !== null && datum.high !== null")
    return finished(
        [band, base.mark_line(strokeWidth=2, clip=True)],
        "Tokens that each size needs, by a law fitted to these runs",
        "bands: the interval of the fit",
    )


def context_losses(fits: "Sequence[PublishedFit]", length: float = 1024) -> alt.LayerChart:
    """The loss at each position of the context, a + b T^-c, for each published size (Figure 20)."""
    position = np.geomspace(1, length, _DRAWN)
    lines = [line(position, CONTEXT.predict(fit.params, {"T": position}), _rank(fit)) for fit in fits]
    chart = marked(pl.concat(lines), (LABELS["T"], text.count), _LOSS, "size, from small to large")
    return finished([chart], "Large models gain more from a long context", "a + b T^-c, as published")


def _rank(fit: "PublishedFit") -> str:
    return fit.name.rsplit("-", 1)[1]


def _axis_of(name: str) -> AxisWords:
    return ("C_min, FLOPs", text.power) if name == "C" else (LABELS[name], text.count)
