"""Figures of the crossing: L(C) against L(D(C)), and the distribution of C*."""

from typing import TYPE_CHECKING

import altair as alt
import numpy as np
import polars as pl

from quarry import text
from quarry.analysis.crossing.known_laws import Crossing
from quarry.analysis.report.figures.parts import axis, ends, finished, y_axis
from quarry.analysis.report.figures.theme import INK, SERIES

if TYPE_CHECKING:
    from quarry.analysis.crossing.result import CrossingResult

COMPUTE, DATA = "L(C)", "L(D(C))"
_COLOURS = alt.Scale(domain=[COMPUTE, DATA], range=SERIES[:2])

# Decades drawn beyond the crossing, or beyond the points where there is none; the most that are drawn at all.
_BEYOND, _FARTHEST = 1.5, 12.0
_GRID, _BINS, _TAIL = 120, 40, 0.005


def crossing_curves(result: "CrossingResult") -> alt.LayerChart:
    """L(C) and L(D(C)) against C with their bands, and C* with its interval (Kaplan et al. 2020, Figure 15).

    Dots: the points of the frontier, and those of the floor at the C whose D(C) is their U.
    """
    flops = _budgets(result)
    lines, measured = _lines(result, flops), _measured(result)
    x = alt.X("C:Q", **axis(flops.tolist(), "C", text.power))
    y = y_axis([*lines["loss"], *measured["loss"]])
    colour = alt.Color("law:N", title=None, scale=_COLOURS)
    base = alt.Chart(alt.InlineData(values=lines.to_dicts())).encode(x=x, y=y, color=colour)
    band = base.mark_area(opacity=0.15, clip=True).encode(y="low:Q", y2="high:Q")
    dots = alt.Chart(alt.InlineData(values=measured.to_dicts())).mark_circle(size=50, opacity=1)
    dots = dots.encode(x="C:Q", y="loss:Q", color=colour, tooltip=["law:N", "run:N", "loss:Q"])
    layers = [band, base.mark_line(strokeWidth=2), dots, *_mark(result, flops)]
    return finished(layers, "L(C) and L(D(C)), each extrapolated alone", _subtitle(result))


def _subtitle(result: "CrossingResult") -> str:
    found = result.crossing
    where = f"C* = {text.power(found.flops)} FLOPs" if isinstance(found, Crossing) else "no crossing"
    return f"{where}; {result.convention}; bands and rule: {result.level:.0%} of the draws"


def _budgets(result: "CrossingResult") -> np.ndarray:
    """Budgets from the least of the points to beyond the crossing and the points of the floor."""
    measured = _measured(result)["C"].to_numpy()
    last = [measured.max()]
    if isinstance(result.crossing, Crossing):
        last += [result.crossing.flops, *(side for side in result.interval if side)]
        measured = np.append(measured, result.crossing.flops)
    beyond = max(last) * 10**_BEYOND
    low = measured.min()
    return np.geomspace(low, min(beyond, low * 10**_FARTHEST), _GRID)


def _measured(result: "CrossingResult") -> pl.DataFrame:
    """The points of both laws at their C: that of a U is the one with D(C) = U, if it is near the others."""
    columns = ("run", "C", "loss", "law")
    frontier = result.frontier.with_columns(law=pl.lit(COMPUTE)).select(columns)
    with np.errstate(all="ignore"):
        at = (result.floor["U"].to_numpy() / result.tokens.scale) ** np.divide(1.0, result.tokens.exponent)
    floor = result.floor.with_columns(C=pl.Series(at), law=pl.lit(DATA)).select(columns)
    low, high = ends(frontier["C"])
    near = pl.col("C").is_between(low / 10**_FARTHEST, high * 10**_FARTHEST)
    return pl.concat([frontier, floor.filter(near)])


def _lines(result: "CrossingResult", flops: np.ndarray) -> pl.DataFrame:
    """Both laws at `flops`, with the quantiles of their draws where there are any."""
    drawn = result.losses(flops)
    own = (result.compute.at(flops), result.data.at(result.tokens.at(flops)))
    return pl.concat(
        [
            pl.DataFrame({"law": law, "C": flops, "loss": loss, **_band(draws, loss, result.level)})
            for law, loss, draws in zip((COMPUTE, DATA), own, drawn, strict=True)
        ]
    )


def _band(draws: np.ndarray, loss: np.ndarray, level: float) -> dict[str, np.ndarray]:
    if len(draws) == 0:
        return {"low": loss, "high": loss}
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return {"low": low, "high": high}


def _mark(result: "CrossingResult", flops: np.ndarray) -> list[alt.Chart]:
    """The crossing and its interval, as far as they are drawn; an open side ends at the edge."""
    found = result.crossing
    if not isinstance(found, Crossing):
        return []
    low, high = (
        edge if side is None else min(max(side, flops[0]), flops[-1])
        for side, edge in zip(result.interval, (flops[0], flops[-1]), strict=True)
    )
    at = alt.Chart(alt.InlineData(values=[{"C": found.flops, "loss": found.loss, "low": low, "high": high}]))
    dot = at.mark_point(shape="diamond", filled=True, size=160, color=INK, opacity=1)
    dot = dot.encode(x="C:Q", y="loss:Q", tooltip=[alt.Tooltip("C:Q", format=".2e"), "loss:Q"])
    if not len(result.log10_flops):
        return [dot]
    rule = at.mark_rule(color=INK, strokeWidth=1.5).encode(x="low:Q", x2="high:Q", y="loss:Q")
    return [rule, dot]


def crossing_histogram(result: "CrossingResult") -> alt.LayerChart:
    """The distribution of C* over the bootstrap draws; the subtitle counts those without a crossing."""
    bars = _bars(result.log10_flops[np.isfinite(result.log10_flops)])
    edges = [*bars["low"], *bars["high"]] or [1.0, 10.0]
    x = alt.X("low:Q", **axis(edges, "C*, FLOPs", text.power))
    base = alt.Chart(alt.InlineData(values=bars.to_dicts())).mark_rect(color=INK, opacity=0.35)
    drawn = base.encode(x=x, x2="high:Q", y=alt.Y("draws:Q", title="draws"), y2="zero:Q")
    return finished([drawn, *_median(result)], "C* of the bootstrap draws", _spread(result), height=220)


def _bars(positions: np.ndarray) -> pl.DataFrame:
    """Draws by C*; the outermost half per cent of either tail is counted in the end bars."""
    if len(positions) == 0:
        return pl.DataFrame(schema=dict.fromkeys(("low", "high", "draws", "zero"), pl.Float64))
    low, high = np.quantile(positions, [_TAIL, 1 - _TAIL])
    counts, edges = np.histogram(np.clip(positions, low, high), bins=_BINS)
    return pl.DataFrame({"low": 10.0 ** edges[:-1], "high": 10.0 ** edges[1:], "draws": counts, "zero": 0})


def _median(result: "CrossingResult") -> list[alt.Chart]:
    if result.median is None:
        return []
    at = alt.Chart(alt.InlineData(values=[{"low": result.median}]))
    return [at.mark_rule(color=INK, strokeWidth=2).encode(x="low:Q")]


def _spread(result: "CrossingResult") -> str:
    if result.p_none is None:
        return "no interval was asked for"
    low, high = (text.power(side) if side else "not bounded" for side in result.interval)
    none = f"{text.number(100 * result.p_none, 2)}% of the draws have no crossing"
    middle = "none" if result.median is None else text.power(result.median)
    return f"median {middle}, {result.level:.0%} between {low} and {high}; {none}"
