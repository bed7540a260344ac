"""Tokens, steps and compute of training by Kaplan et al. 2020 (arXiv 2001.08361), redrawn from fitted
constants.

`p` has the parameters of `kaplan-ns` and `critical-batch` together, published or fitted. N in parameters, E
in tokens, C in FLOPs, losses in nats per token. C_min, S_min and E_min are those of a batch far from B_crit.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import altair as alt
import numpy as np
import polars as pl

from quarry import text
from quarry.analysis.laws.batch_size import critical_batch
from quarry.analysis.laws.kaplan_frontier import (
    converged_loss,
    excess_compute,
    excess_steps,
    minimum_tokens_to,
    optimal_size,
    optimal_steps,
    stopping_fraction,
)
from quarry.analysis.report.figures.lines import AxisWords, beside, line, line_colour, marked, panel
from quarry.analysis.report.figures.parts import LABELS, axis, finished
from quarry.analysis.report.figures.theme import INK

if TYPE_CHECKING:
    from quarry.analysis.laws.law import Values
    from quarry.analysis.laws.published import PublishedFit
    from quarry.analysis.laws.published_trends import PublishedTrend

_POINTS = 120
_SIZES = tuple(10.0**exponent for exponent in range(4, 10))

_LOSS: AxisWords = (LABELS["loss"], text.number)
_N: AxisWords = (LABELS["N"], text.count)
_C_MIN: AxisWords = ("C_min, FLOPs", text.power)


def training_curves(p: "Values", batch: float, sizes: Sequence[float] = _SIZES) -> alt.HConcatChart:
    """The loss of each size against the tokens and the compute of a run at one batch (Figure 2)."""
    rows = pl.concat([_training_curve(n, batch, p) for n in sizes])
    tokens = panel(rows, (LABELS["E"], text.count), _LOSS, "N")
    compute = panel(rows.with_columns(x=pl.col("C")), ("C = 6NE, FLOPs", text.power), _LOSS, "N")
    subtitle = f"from L(N, S_min) and B_crit(L), at a batch of {text.count(batch)} tokens"
    return beside([tokens, compute], "Larger models learn more from each token", subtitle)


def _training_curve(n: float, batch: float, p: "Values") -> pl.DataFrame:
    """x: E, y: loss, C, of a run from a twentieth of S_c to 2,000 times S_c."""
    steps = p["S_c"] * np.geomspace(0.05, 2e3, _POINTS)
    loss = converged_loss(n, p) + (p["S_c"] / steps) ** p["alpha_S"]
    tokens = steps * (batch + critical_batch(loss, p))
    return line(tokens, loss, text.count(n)).with_columns(C=6 * n * pl.col("x"))


def critical_batches(laws: "Mapping[str, Values]", losses: tuple[float, float]) -> alt.LayerChart:
    """B_crit(L) of each named law over a range of losses, which fall to the right (Figure 10)."""
    grid = np.geomspace(*losses, _POINTS)
    rows = pl.concat([line(grid, critical_batch(grid, p), name) for name, p in laws.items()])
    chart = marked(rows, _LOSS, ("B_crit, tokens", text.count), "constants", named=True, descending=True)
    return finished(
        [chart],
        "The critical batch grows as the loss falls",
        "B_crit = B_star / L^(1/α_B), against the falling loss",
    )


def fixed_batch(
    p: "Values", batch: float, published: "Sequence[PublishedFit]", losses: tuple[float, float] = (2.2, 6.0)
) -> alt.LayerChart:
    """The least compute to each loss at one batch and far below B_crit, beside published L(C) (Figure 13)."""
    grid = np.geomspace(*losses, _POINTS)
    naive, least = _least_compute(grid, batch, p), _least_compute(grid, 0.0, p)
    names = (f"computed, B = {text.count(batch)} tokens", "computed, C_min")
    lines = [line(flops, grid, name) for flops, name in zip((naive, least), names, strict=True)]
    x = np.geomspace(least.min(), naive.max(), _POINTS)
    lines += [line(x, fit.law.predict(fit.params, {"C": x}), f"{fit.name}, published") for fit in published]
    chart = marked(pl.concat(lines), ("C, FLOPs", text.power), _LOSS, "", named=True, columns=2)
    subtitle = "computed: the best N at each loss, from L(N, S_min) and B_crit(L)"
    return finished([chart], "What a fixed batch costs", subtitle)


def _least_compute(losses: np.ndarray, batch: float, p: "Values") -> np.ndarray:
    """FLOPs to each loss at `batch` tokens, 0 for C_min, with the best N; 6 N S_min (B + B_crit)."""
    floors = losses[:, None] * np.linspace(0.5, 0.999, 500)  # of the sizes that might be best
    n = p["N_c"] * floors ** (-1 / p["alpha_N"])
    steps = p["S_c"] * (losses[:, None] - floors) ** (-1 / p["alpha_S"])
    return (6 * n * steps * (batch + critical_batch(losses[:, None], p))).min(axis=1)


def efficient_plans(
    p: "Values", sizes: "PublishedTrend", steps: "PublishedTrend", flops: tuple[float, float]
) -> alt.HConcatChart:
    """N_opt and S_min of the compute-efficient plan: from the constants, and published trends (Figure 14)."""
    grid = np.geomspace(*flops, _POINTS)
    panels = []
    for computed, trend, words in (
        (optimal_size(grid, p), sizes, "N_opt, parameters"),
        (optimal_steps(grid, p), steps, "S_min, steps"),
    ):
        pairs = {"from the constants": computed, "published trend": trend.predict(grid)}
        rows = pl.concat([line(grid, values, name) for name, values in pairs.items()])
        panels.append(panel(rows, _C_MIN, (words, text.count), "", named=True))
    return beside(panels, "More compute: a larger model, hardly more steps", "C_min: adjusted for the batch")


def suboptimal_sizes(p: "Values", ratios: tuple[float, float] = (0.35, 10.0)) -> alt.LayerChart:
    """Compute and steps to one loss with a size that is not the efficient one (Figure 12)."""
    ratio = np.geomspace(*ratios, _POINTS)
    pairs = {"compute": excess_compute(ratio, p), "steps": excess_steps(ratio, p)}
    rows = pl.concat([line(ratio, values, name) for name, values in pairs.items()])
    y: AxisWords = ("times the efficient size's", text.number)
    chart = marked(rows, ("N / N_eff", text.number), y, "to the same loss", named=True)
    one = alt.Chart(alt.InlineData(values=[{}])).mark_rule(color=INK, opacity=0.6).encode(y=alt.datum(1))
    f = stopping_fraction(p)
    subtitle = f"N_eff is stopped {f:.1%} above its converged loss"
    return finished([one, chart], "A size somewhat off the best costs little", subtitle)


def sample_efficiency(p: "Values", losses: Sequence[float]) -> alt.HConcatChart:
    """S_min and E_min to each of `losses` against N (Figure 19)."""
    steps = pl.concat([_to_loss(loss, p) for loss in losses])
    tokens = steps.with_columns(y=pl.col("y") * pl.col("b_crit"))
    panels = [
        panel(steps, _N, ("S_min, steps", text.count), "loss"),
        panel(tokens, _N, ("E_min, tokens", text.count), "loss"),
    ]
    subtitle = "each line begins near the least size whose floor lies below its loss"
    return beside(panels, "Larger models need fewer steps and fewer tokens", subtitle)


def _to_loss(loss: float, p: "Values") -> pl.DataFrame:
    """x: N, y: S_min, b_crit, from 2% above the size that just reaches the loss to 1e12."""
    smallest = p["N_c"] * loss ** (-1 / p["alpha_N"])
    n = np.geomspace(1.02 * smallest, 1e12, _POINTS)
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
