"""Figures of the compute-optimal allocation: isoFLOP curves, the envelope, N and E against C."""

from typing import TYPE_CHECKING, Literal

import altair as alt
import numpy as np
import polars as pl

from quarry import text
from quarry.analysis.report.figures.parts import MOST_SIZES, axis, colour_ramp, ends, finished, spread
from quarry.analysis.report.figures.runs import compute_curves
from quarry.analysis.report.figures.theme import INK, ramp

if TYPE_CHECKING:
    from quarry.analysis.allocation.envelope import Envelope
    from quarry.analysis.allocation.isoflop import IsoFlop
    from quarry.analysis.allocation.trends import Trend

Quantity = Literal["N", "E"]

_OPTIMA = {"N": "Compute-optimal parameters", "E": "Compute-optimal tokens"}
_DRAWN = 60
_MOST_BUDGETS = 30
"""IsoFLOP curves drawn: of more no eye can follow one."""


def isoflop_curves(result: "IsoFlop") -> alt.LayerChart:
    """Loss against N for each budget of enough sizes: points, interpolants, minima with their intervals."""
    flops = result.curves["C"].unique().sort()
    kept = pl.col("C").is_in(spread(flops, _MOST_BUDGETS).implode())
    measured, interpolants = result.points.filter(kept), result.curves.filter(kept)
    shown = pl.concat([result.points.filter(pl.col("C").is_in(flops.implode())), result.curves])
    x = alt.X("N:Q", **axis(list(ends(shown["N"])), "N", text.count))
    y = alt.Y("loss:Q", **axis(list(ends(shown["loss"])), "loss", text.number))
    level = f"{result.trend.level:.0%}"
    optima = result.budgets.with_columns(mark=pl.lit(_minimum(level)))
    curves, points, minima = (_by_budget(table) for table in (interpolants, measured, optima))
    colour = _budget_colour(measured)
    lines = curves.mark_line(strokeWidth=1.8).encode(x=x, y=y, color=colour, detail="C:Q")
    dots = points.mark_circle(size=60, opacity=1).encode(
        x=x, y=y, color=colour, tooltip=_tooltip("N", "loss")
    )
    span = minima.mark_rule(color=INK, strokeWidth=2).encode(x="N_low:Q", x2="N_high:Q", y="loss:Q")
    best = minima.mark_point(filled=True, size=110, color=INK, opacity=1).encode(
        x="N:Q", y="loss:Q", shape=_diamond(_minimum(level)), tooltip=_tooltip("N", "E", "loss")
    )
    subtitle = f"diamonds: the minima, with {level} intervals; curves without one are refused"
    if len(flops) > _MOST_BUDGETS:
        subtitle += f"; curves of {_MOST_BUDGETS} of the {len(flops)} budgets"
    return finished([lines, dots, span, best], "Loss at fixed compute", subtitle)


def _diamond(name: str) -> alt.Shape:
    """A diamond, with its name in the legend."""
    scale = alt.Scale(domain=[name], range=["diamond"])
    return alt.Shape("mark:N", title=None, scale=scale)


def _minimum(level: str) -> str:
    return f"minimum, {level} interval"


def _by_budget(table: pl.DataFrame) -> alt.Chart:
    label = pl.col("C").map_elements(lambda flops: text.power(flops, 3), return_dtype=pl.String)
    return alt.Chart(alt.InlineData(values=table.with_columns(budget=label).to_dicts()))


def _budget_colour(points: pl.DataFrame) -> alt.Color:
    if points["C"].n_unique() > MOST_SIZES:
        return colour_ramp(points["C"], "C", "C, FLOPs", text.power)
    budgets = [text.power(flops, 3) for flops in points["C"].unique().sort()]
    return alt.Color(
        "budget:O", title="C, FLOPs", scale=alt.Scale(domain=budgets, range=ramp(len(budgets))), sort=budgets
    )


def _tooltip(*names: str) -> list[alt.Tooltip]:
    forms = {"C": ".2e", "N": ".3s", "E": ".3s", "loss": ".4f"}
    return [alt.Tooltip(f"{name}:Q", format=forms[name]) for name in ("C", *names)]


def compute_optimal(
    trend: "Trend", optima: pl.DataFrame, quantity: Quantity = "N", beyond: float = 10.0
) -> alt.LayerChart:
    """The compute-optimal N or E against C, carried on to `beyond` times the largest C of the optima.

    `optima` are the budgets of an `IsoFlop`, or the handovers of an `Envelope`: C, N, E and, where there are
    intervals, N_low, N_high, E_low, E_high. The line is dashed where it is extrapolation.
    """
    line, optima = _line(trend, quantity, beyond), _renamed(optima, quantity)
    base = alt.Chart(alt.InlineData(values=line.to_dicts())).encode(
        x=alt.X("C:Q", **axis(line["C"].to_list(), "C", text.power)),
        y=alt.Y("value:Q", **axis([*line["value"], *optima["value"]], quantity, text.count)),
    )
    layers = [*_band(base, trend), *_strokes(base, trend.fitted[1]), *_marks(optima, quantity)]
    exponent, interval = (trend.a, trend.a_interval) if quantity == "N" else (trend.b, trend.b_interval)
    known = f"exponent of C: {text.number(exponent, 3)}, {trend.level:.0%} interval {text.interval(interval)}"
    return finished(layers, _OPTIMA[quantity], f"{known}; dashed: beyond the optima")


def _line(trend: "Trend", quantity: Quantity, beyond: float) -> pl.DataFrame:
    """C, value, low, high along the line; no low and high without an interval."""
    low, high = trend.fitted
    grid = np.append(np.geomspace(low, high, _DRAWN), np.geomspace(high, high * beyond, _DRAWN)[1:])
    at = [(trend.n if quantity == "N" else trend.tokens)(float(flops)) for flops in grid]
    ends = {"low": [interval[0] for _, interval in at], "high": [interval[1] for _, interval in at]}
    return pl.DataFrame({"C": grid, "value": [value for value, _ in at], **ends})


def _renamed(optima: pl.DataFrame, quantity: Quantity) -> pl.DataFrame:
    """C, value, low, high of the optima; for handovers only those that the line goes through."""
    if "bounded" in optima.columns:
        optima = optima.filter("bounded")
    names = {quantity: "value", f"{quantity}_low": "low", f"{quantity}_high": "high"}
    return optima.select("C", *names.keys() & optima.columns).rename(names, strict=False)


def _band(base: alt.Chart, trend: "Trend") -> list[alt.Chart]:
    area = base.mark_area(color=INK, opacity=0.13, clip=True)
    return [area.encode(y="low:Q", y2="high:Q")] if trend.draws else []


def _strokes(base: alt.Chart, high: float) -> list[alt.Chart]:
    """The line, dashed beyond `high`."""
    inside = base.mark_line(color=INK, strokeWidth=2)
    outside = base.mark_line(color=INK, strokeWidth=2, strokeDash=[5, 4])
    return [inside.transform_filter(f"datum.C <= {high}"), outside.transform_filter(f"datum.C >= {high}")]


def _marks(optima: pl.DataFrame, quantity: Quantity) -> list[alt.Chart]:
    base = alt.Chart(alt.InlineData(values=optima.to_dicts()))
    tooltip = [alt.Tooltip("C:Q", format=".2e"), alt.Tooltip("value:Q", title=quantity, format=".3s")]
    dots = base.mark_circle(color=INK, size=90, opacity=1).encode(x="C:Q", y="value:Q", tooltip=tooltip)
    if "low" not in optima.columns:
        return [dots]
    return [base.mark_rule(color=INK, strokeWidth=2, clip=True).encode(x="C:Q", y="low:Q", y2="high:Q"), dots]


def envelope_curves(curves: pl.DataFrame, result: "Envelope") -> alt.LayerChart:
    """Held-out loss against compute, the hull dashed, with a diamond where it passes to another size.

    `curves` as `quarry.analysis.points.curves.learning_curves` gives it, or any table with run, N, C, loss.
    """
    used = result.handovers.filter("bounded").select("C", "N", "E", "loss")
    handovers = (
        alt.Chart(alt.InlineData(values=used.to_dicts()))
        .mark_point(shape="diamond", filled=True, size=110, color=INK, opacity=1)
        .encode(x="C:Q", y="loss:Q", tooltip=_tooltip("N", "E", "loss"))
    )
    subtitle = "dashed: the lower convex hull; diamonds: where it passes to another size, the optima"
    title = alt.TitleParams("The envelope of the learning curves", subtitle=subtitle)
    return (compute_curves(curves, result.frontier) + handovers).properties(title=title)
