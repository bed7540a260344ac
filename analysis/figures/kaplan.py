"""Kaplan et al. 2020 (arXiv 2001.08361) redrawn: what follows from fitted constants, not from measurements.

The functions take parameters as `analysis.published` or a fit of one's own gives them: `nd` those of
`kaplan-nd`, `p` those of `kaplan-ns` and `critical-batch` together. N in parameters, U and E in tokens, C in
FLOPs, losses in nats per token; C_min, S_min and E_min are those of a batch far from B_crit.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np
import polars as pl

from analysis import text
from analysis.batch import critical_batch
from analysis.figures.parts import LABELS, axis, finished
from analysis.kaplan import (
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
from analysis.laws import CONTEXT, Values
from analysis.published import PublishedFit, PublishedTrend
from analysis.theme import INK, RAMP, THEME

if TYPE_CHECKING:
    from analysis.crossings.meeting import Crossing

_DRAWN, _WIDE = 120, 640
_SIZES = tuple(10.0**exponent for exponent in range(4, 10))

# The title of an axis, and its numbers in words.
_Axis = tuple[str, Callable[[float], str]]
_LOSS: _Axis = (LABELS["loss"], text.number)
_N: _Axis = (LABELS["N"], text.count)
_C_MIN: _Axis = ("C_min, FLOPs", text.power)


def power_laws(laws: Sequence[tuple[PublishedFit, tuple[float, float]]]) -> alt.HConcatChart:
    """Laws of one variable side by side, each over its range, on one axis of the loss (Figure 1)."""
    tables = []
    for fit, ends in laws:
        (name,) = fit.law.inputs
        x = np.geomspace(*ends, _DRAWN)
        tables.append((name, _line(x, fit.law.predict(fit.params, {name: x}), fit.name)))
    losses = pl.concat([table for _, table in tables])["y"].to_list()
    width = _WIDE // len(tables) - 30
    panels = [_panel(table, _axis_of(name), _LOSS, width=width, y_values=losses) for name, table in tables]
    return _beside(panels, "The loss as a power of one thing at a time", "lines: published constants")


def training_curves(p: Values, batch: float, sizes: Sequence[float] = _SIZES) -> alt.HConcatChart:
    """The loss of each size against the tokens and the compute of a run at one batch (Figure 2)."""
    rows = pl.concat([_training_curve(n, batch, p) for n in sizes])
    tokens = _panel(rows, (LABELS["E"], text.count), _LOSS, "N")
    compute = _panel(rows.with_columns(x=pl.col("C")), ("C = 6NE, FLOPs", text.power), _LOSS, "N")
    subtitle = f"from L(N, S_min) and B_crit(L), at a batch of {text.count(batch)} tokens"
    return _beside([tokens, compute], "Larger models learn more from each token", subtitle)


def _training_curve(n: float, batch: float, p: Values) -> pl.DataFrame:
    """x: E, y: loss, C, of a run from a twentieth of S_c to 2,000 times S_c."""
    steps = p["S_c"] * np.geomspace(0.05, 2e3, _DRAWN)
    loss = converged_loss(n, p) + (p["S_c"] / steps) ** p["alpha_S"]
    tokens = steps * (batch + critical_batch(loss, p))
    return _line(tokens, loss, text.count(n)).with_columns(C=6 * n * pl.col("x"))


def critical_batches(laws: Mapping[str, Values], losses: tuple[float, float]) -> alt.LayerChart:
    """B_crit(L) of each named law over a range of losses, which fall to the right (Figure 10)."""
    grid = np.geomspace(*losses, _DRAWN)
    rows = pl.concat([_line(grid, critical_batch(grid, p), name) for name, p in laws.items()])
    chart = _marked(rows, _LOSS, ("B_crit, tokens", text.count), "constants", named=True, descending=True)
    return finished(
        [chart],
        "The critical batch grows as the loss falls",
        "B_crit = B_star / L^(1/α_B), against the falling loss",
    )


def fixed_batch(
    p: Values, batch: float, published: Sequence[PublishedFit], losses: tuple[float, float] = (2.2, 6.0)
) -> alt.LayerChart:
    """The least compute to each loss at one batch and far below B_crit, beside published L(C) (Figure 13)."""
    grid = np.geomspace(*losses, _DRAWN)
    naive, least = _least_compute(grid, batch, p), _least_compute(grid, 0.0, p)
    names = (f"computed, B = {text.count(batch)} tokens", "computed, C_min")
    lines = [_line(flops, grid, name) for flops, name in zip((naive, least), names, strict=True)]
    x = np.geomspace(least.min(), naive.max(), _DRAWN)
    lines += [_line(x, fit.law.predict(fit.params, {"C": x}), f"{fit.name}, published") for fit in published]
    chart = _marked(pl.concat(lines), ("C, FLOPs", text.power), _LOSS, "", named=True, columns=2)
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
    rows = pl.concat([_line(unique, overfitting(n, unique, nd), text.count(n)) for n in sizes])
    exponent = nd["alpha_N"] / nd["alpha_D"]
    growth = np.repeat((np.asarray(sizes) / nd["N_c"]) ** exponent, len(unique)) * nd["D_c"]
    collapsed = rows.with_columns(x=pl.Series(growth) / pl.col("x"))
    delta: _Axis = ("δL = L(N, U) / L(N, ∞) − 1", text.number)
    axes = (LABELS["U"], text.count), (f"(N / N_c)^{exponent:.2f} D_c / U", text.number)
    panels = [
        _panel(table, x, delta, "N", dots=True) for table, x in zip((rows, collapsed), axes, strict=True)
    ]
    return _beside(panels, "Overfitting depends on one ratio of size and data", "both: the same numbers")


def stopping_bound(ns: Values, nd: Values, sizes: Sequence[float] = _SIZES) -> alt.LayerChart:
    """The S_min before which no run stops early, against U (Figure 16; eq. 5.7)."""
    unique = np.geomspace(2e7, 2e10, 40)
    rows = pl.concat([_line(unique, stopping_step(n, unique, ns, nd), text.count(n)) for n in sizes])
    chart = _marked(rows, (LABELS["U"], text.count), ("S_stop at least, steps", text.count), "N")
    return finished([chart], "Early stopping comes no earlier than this", "S_min: adjusted for the batch")


def efficient_plans(
    p: Values, sizes: PublishedTrend, steps: PublishedTrend, flops: tuple[float, float]
) -> alt.HConcatChart:
    """N_opt and S_min of the compute-efficient plan: from the constants, and published trends (Figure 14)."""
    grid = np.geomspace(*flops, _DRAWN)
    panels = []
    for computed, trend, words in (
        (optimal_size(grid, p), sizes, "N_opt, parameters"),
        (optimal_steps(grid, p), steps, "S_min, steps"),
    ):
        pairs = {"from the constants": computed, "published trend": trend.predict(grid)}
        rows = pl.concat([_line(grid, values, name) for name, values in pairs.items()])
        panels.append(_panel(rows, _C_MIN, (words, text.count), "", named=True))
    return _beside(panels, "More compute: a larger model, hardly more steps", "C_min: adjusted for the batch")


def suboptimal_sizes(p: Values, ratios: tuple[float, float] = (0.35, 10.0)) -> alt.LayerChart:
    """Compute and steps to one loss with a size that is not the efficient one (Figure 12)."""
    ratio = np.geomspace(*ratios, _DRAWN)
    pairs = {"compute": excess_compute(ratio, p), "steps": excess_steps(ratio, p)}
    rows = pl.concat([_line(ratio, values, name) for name, values in pairs.items()])
    y: _Axis = ("times the efficient size's", text.number)
    chart = _marked(rows, ("N / N_eff", text.number), y, "to the same loss", named=True)
    one = alt.Chart(alt.InlineData(values=[{}])).mark_rule(color=INK, opacity=0.4).encode(y=alt.datum(1))
    f = stopping_fraction(p)
    subtitle = f"N_eff is stopped {f:.1%} above its converged loss"
    return finished([one, chart], "A size somewhat off the best costs little", subtitle)


def crossings(
    compute: PublishedFit,
    data: PublishedFit,
    tokens: Sequence[PublishedTrend],
    met: Sequence["Crossing"],
    flops: tuple[float, float],
) -> alt.LayerChart:
    """L(C), L(D) at the tokens of each trend D(C), and a diamond at each crossing of `met` (Figure 15)."""
    grid = np.geomspace(*flops, _DRAWN)
    lines = [_line(grid, compute.law.predict(compute.params, {"C": grid}), "L(C)")]
    for trend in tokens:
        loss = data.law.predict(data.params, {"U": trend.predict(grid)})
        lines.append(_line(grid, loss, f"L(D(C)), D by {trend.source.split(', ')[-1]}"))
    chart = _marked(pl.concat(lines), _C_MIN, _LOSS, "", named=True, columns=2)
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
        _panel(steps, _N, ("S_min, steps", text.count), "loss"),
        _panel(tokens, _N, ("E_min, tokens", text.count), "loss"),
    ]
    subtitle = "each line begins near the least size whose floor lies below its loss"
    return _beside(panels, "Larger models need fewer steps and fewer tokens", subtitle)


def _to_loss(loss: float, p: Values) -> pl.DataFrame:
    """x: N, y: S_min, b_crit, from 2% above the size that just reaches the loss to 1e12."""
    smallest = p["N_c"] * loss ** (-1 / p["alpha_N"])
    n = np.geomspace(1.02 * smallest, 1e12, _DRAWN)
    b_crit = float(critical_batch(loss, p))
    rows = _line(n, minimum_tokens_to(loss, n, p) / b_crit, text.number(loss))
    return rows.with_columns(b_crit=pl.lit(b_crit))


def measured_sample_efficiency(rows: pl.DataFrame) -> alt.LayerChart:
    """Tokens to each loss against N, with bands: the same figure from a fit of one's own.

    `rows` has the columns loss, N, E, low, high; a null end of a band is not drawn.
    """
    lines = rows.select(x="N", y="E", line=pl.col("loss").map_elements(text.number, pl.String))
    lines = lines.with_columns(low=rows["low"], high=rows["high"])
    y = alt.Y("y:Q", **axis(lines["y"].to_list(), "E to the loss, tokens", text.count))
    base = alt.Chart(alt.InlineData(values=lines.to_dicts())).encode(
        x=alt.X("x:Q", **axis(lines["x"].to_list(), *_N)), y=y, color=_colour(lines, "loss", 6)
    )
    band = base.mark_area(opacity=0.15, clip=True).encode(y="low:Q", y2="high:Q")
    band = band.transform_filter("datum.low !== null && datum.high !== null")
    return finished(
        [band, base.mark_line(strokeWidth=2, clip=True)],
        "Tokens that each size needs, by a law fitted to these runs",
        "bands: the interval of the fit",
    )


def context_losses(fits: Sequence[PublishedFit], length: float = 1024) -> alt.LayerChart:
    """The loss at each position of the context, a + b T^-c, for each published size (Figure 20)."""
    position = np.geomspace(1, length, _DRAWN)
    lines = [_line(position, CONTEXT.predict(fit.params, {"T": position}), _rank(fit)) for fit in fits]
    chart = _marked(pl.concat(lines), (LABELS["T"], text.count), _LOSS, "size, from small to large")
    return finished([chart], "Large models gain more from a long context", "a + b T^-c, as published")


def _rank(fit: PublishedFit) -> str:
    return fit.name.rsplit("-", 1)[1]


def _axis_of(name: str) -> _Axis:
    return ("C_min, FLOPs", text.power) if name == "C" else (LABELS[name], text.count)


def _line(x: Any, y: Any, name: str) -> pl.DataFrame:
    return pl.DataFrame({"x": np.asarray(x, float), "y": np.asarray(y, float)}).with_columns(
        line=pl.lit(name)
    )


def _names(rows: pl.DataFrame) -> list[str]:
    return rows["line"].unique(maintain_order=True).to_list()


def _colour(rows: pl.DataFrame, legend: str, columns: int, symbol: str = "stroke") -> alt.Color:
    """A colour for each line, in the order of the rows; one line alone is ink."""
    names = _names(rows)
    scale = alt.Scale(domain=names, scheme=RAMP) if len(names) > 1 else alt.Scale(range=[INK])
    shown = alt.Legend(columns=columns, labelLimit=500, symbolType=symbol) if len(names) > 1 else None
    return alt.Color("line:O", title=legend, scale=scale, legend=shown)


def _dashes(rows: pl.DataFrame, legend: str, columns: int) -> alt.StrokeDash:
    """One dash for each line; with the title, domain and legend of the colours, so that the legends merge."""
    shown = alt.Legend(columns=columns, labelLimit=500, symbolType="stroke")
    return alt.StrokeDash("line:O", title=legend, scale=alt.Scale(domain=_names(rows)), legend=shown)


def _marked(
    rows: pl.DataFrame, x: _Axis, y: _Axis, legend: str, *, y_values: Sequence[float] = (),
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
        color=_colour(rows, legend, columns, "circle" if dots else "stroke"),
    )
    if dots:
        return base.mark_circle(size=22, opacity=0.9, clip=True)
    lines = base.mark_line(strokeWidth=2, clip=True)
    return lines.encode(strokeDash=_dashes(rows, legend, columns)) if named else lines


def _panel(
    rows: pl.DataFrame, x: _Axis, y: _Axis, legend: str = "", *, width: int = 280, **options: Any
) -> alt.Chart:
    return _marked(rows, x, y, legend, **options).properties(width=width, height=280)


def _beside(panels: Sequence[alt.Chart], title: str, subtitle: str) -> alt.HConcatChart:
    heading = alt.TitleParams(title, subtitle=subtitle, anchor="start")
    return alt.HConcatChart(hconcat=list(panels), title=heading, config=alt.Config.from_dict(THEME))
