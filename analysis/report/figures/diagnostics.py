"""Figures that test a fit: profiles, starts, draws, comparison with other laws."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np
import polars as pl

from quarry import text
from quarry.analysis.laws.formulas import in_figure, latex_of
from quarry.analysis.report.figures.parts import axis, finished
from quarry.analysis.report.figures.theme import INK
from quarry.errors import FitError

if TYPE_CHECKING:
    from quarry.analysis.fitting.comparison.ranking import Comparison
    from quarry.analysis.fitting.profiles.likelihood import Profile
    from quarry.analysis.fitting.result import Fit

ACCENT = "#c2452d"

# Profiles are drawn to this many thresholds; an open side to this many times the distance of the closed one,
# or somewhat past what it holds.
_TALLEST, _FARTHEST, _PAST = 4.0, 4.0, 1.2
_THRESHOLDS = alt.Axis(values=[0, 1, 2, 3, 4], labelExpr="datum.value == 1 ? 'threshold' : datum.value")

# Starts that agree to rounding are drawn at this excess.
_LEAST_EXCESS, _TINY = 1e-8, 1e-300


def profile_curve(profile: "Profile") -> alt.LayerChart:
    """The objective above its minimum against the quantity, in thresholds; the regions are shaded.

    The filled dot is the best value, the open ones are other valleys. A side that is not bounded is cut.
    """
    low, high = _window(profile)
    curve = profile.table().filter(pl.col("value").is_between(low, high))
    curve = curve.with_columns(pl.col("excess") / profile.threshold)
    x = alt.X("value:Q", **_scale([low, high], _symbol(profile.name), profile.logarithmic))
    top = min(_TALLEST, 1.1 * max(1.0, *curve["excess"]))
    scale = alt.Scale(domain=[-0.04 * top, top], nice=False)
    y = alt.Y("excess:Q", title="objective above its minimum", scale=scale, axis=_THRESHOLDS)
    line = _chart(curve).mark_line(color=INK, strokeWidth=2, clip=True).encode(x=x, y=y)
    rule = alt.Chart(alt.InlineData(values=[{}])).mark_rule(color=INK, strokeDash=[5, 4])
    layers = [_shaded(profile, low, high), rule.encode(y=alt.datum(1.0)), line, _valleys(profile, low, high)]
    subtitle = f"{profile.level:.0%} interval: {text.interval(profile.interval)}"
    return finished(layers, f"Profile of {_symbol(profile.name)}", subtitle, height=260)


def _symbol(name: str) -> str:
    return in_figure(latex_of(name))


def _window(profile: "Profile") -> tuple[float, float]:
    """The values drawn: a closed side with its margin, an open one past every valley and region."""
    low, high = profile.interval
    place, value = (np.log, np.exp) if profile.logarithmic else (np.asarray, np.asarray)
    best, ends = place(profile.best), place(profile.values[[0, -1]])
    closed = [abs(place(end) - best) for end in profile.interval if end is not None]
    known = [end for region in profile.regions for end in region if end is not None]
    known += [value for value, _ in profile.valleys]
    farthest = max((abs(place(end) - best) for end in known), default=0.0)
    far = max(_FARTHEST * max(closed, default=np.ptp(ends)), _PAST * farthest)
    left = ends[0] if low is not None else max(ends[0], best - far)
    right = ends[1] if high is not None else min(ends[1], best + far)
    return float(value(left)), float(value(right))


def _shaded(profile: "Profile", low: float, high: float) -> alt.Chart:
    """The regions, as far as they are drawn."""
    regions = [
        {"low": max(low, low if start is None else start), "high": min(high, high if end is None else end)}
        for start, end in profile.regions
    ]
    shown = [region for region in regions if region["low"] < region["high"]]
    mark = alt.Chart(alt.InlineData(values=shown)).mark_rect(color=INK, opacity=0.1)
    return mark.encode(x="low:Q", x2="high:Q")


def _valleys(profile: "Profile", low: float, high: float) -> alt.Chart:
    """A dot at each local minimum, filled at the best."""
    valleys = [(profile.best, profile.minimum), *profile.valleys]
    rows = [
        {
            "value": value,
            "excess": (objective - profile.minimum) / profile.threshold,
            "best": value == profile.best,
        }
        for value, objective in dict.fromkeys(valleys)
        if low <= value <= high
    ]
    fill = alt.condition("datum.best", alt.value(ACCENT), alt.value("transparent"))
    dot = alt.Chart(alt.InlineData(values=rows)).mark_point(size=110, stroke=ACCENT, strokeWidth=2, clip=True)
    tip = [alt.Tooltip("value:Q", format=".4g"), alt.Tooltip("excess:Q", format=".3f")]
    return dot.encode(x="value:Q", y="excess:Q", fill=fill, opacity=alt.value(1), tooltip=tip)


def _scale(values: Sequence[float], title: str, logarithmic: bool) -> dict[str, Any]:
    """A log axis with labelled ticks, or a linear one that need not reach zero."""
    if logarithmic:
        return axis(values, title, text.number)
    scale = alt.Scale(domain=[min(values), max(values)], zero=False, nice=False, padding=8)
    return {"title": title, "scale": scale, "axis": alt.Axis(tickCount=6)}


def start_agreement(fit: "Fit") -> alt.LayerChart:
    """The final objective of each start of the search, relative to the best, in order."""
    reached = fit.minima.reached[np.isfinite(fit.minima.reached)]
    excess = np.maximum(reached / max(reached[0], _TINY) - 1, _LEAST_EXCESS)
    table = pl.DataFrame({"start": np.arange(1, len(excess) + 1), "excess": excess})
    x = alt.X("start:Q", title="start, best first", scale=alt.Scale(nice=False), axis=alt.Axis(tickCount=6))
    y = alt.Y("excess:Q", **axis(table["excess"].to_list(), "objective / best - 1", text.power))
    line = _chart(table).mark_line(color=INK, strokeWidth=2, interpolate="step-after").encode(x=x, y=y)
    subtitle = f"{fit.minima.agreeing} of {fit.minima.starts} starts reached the best objective"
    return finished([line], f"Starts of {fit.law.name}", subtitle, height=220)


def draw_scatter(fit: "Fit", x: str, y: str) -> alt.LayerChart:
    """The bootstrap's refits, one parameter against another; the cross is the fit.

    Raises FitError without draws, or for a parameter that was not fitted.
    """
    columns = {x: _drawn(fit, x), y: _drawn(fit, y)}
    draws = pl.DataFrame(columns).with_columns(pl.lit(False).alias("fit"))
    table = pl.concat([draws, pl.DataFrame({x: [fit.params[x]], y: [fit.params[y]], "fit": [True]})])
    log = {parameter.name: parameter.log for parameter in fit.data.law.parameters}
    encoding = {
        "x": alt.X(f"{x}:Q", **_scale(table[x].to_list(), _symbol(x), log[x])),
        "y": alt.Y(f"{y}:Q", **_scale(table[y].to_list(), _symbol(y), log[y])),
    }
    dots = _chart(table.filter(~pl.col("fit"))).mark_circle(color=INK, size=18, opacity=0.55)
    cross = _chart(table.filter("fit")).mark_point(
        shape="cross", filled=True, color=ACCENT, size=160, opacity=1
    )
    correlation = table.select(pl.corr(x, y, method="spearman")).item()
    subtitle = f"{len(draws)} bootstrap refits, rank correlation {correlation:.2f}; the cross is the fit"
    layers = [dots.encode(**encoding), cross.encode(**encoding)]
    return finished(layers, f"Draws of {fit.law.name}: {_symbol(y)} against {_symbol(x)}", subtitle)


def _drawn(fit: "Fit", name: str) -> np.ndarray:
    """Raises FitError."""
    if fit.intervals is None:
        raise FitError(f"{fit.law.name}: this fit has no bootstrap draws to show")
    if name not in fit.data.law.parameter_names:
        known = ", ".join(fit.data.law.parameter_names)
        raise FitError(f"{name!r} is not a fitted parameter of {fit.law.name}; known: {known}")
    return fit.draws[name]


def law_comparison(comparison: "Comparison") -> alt.LayerChart:
    """The errors of each law, best first: on the held-out runs, and on values of a column left out."""
    kinds = {"held_out_error": "runs of larger compute", "left_out_error": f"each {comparison.by} left out"}
    table = comparison.ranking.select("law", *kinds).rename(kinds)
    errors = table.unpivot(index="law", variable_name="kind", value_name="error").drop_nulls()
    x = axis(errors["error"].to_list(), "mean |predicted / measured - 1|", _percent)
    shape = alt.Shape("kind:N", title=None, scale=alt.Scale(domain=list(kinds.values())))
    marks = _chart(errors).mark_point(color=INK, size=120, filled=True, opacity=1)
    layer = marks.encode(
        x=alt.X("error:Q", **x),
        y=alt.Y("law:N", title=None, sort=table["law"].to_list()),
        shape=shape,
        tooltip=["law:N", "kind:N", alt.Tooltip("error:Q", format=".3%")],
    )
    return finished([layer], "Laws on the same points", _verdict(comparison), height=40 * max(3, len(table)))


def _verdict(comparison: "Comparison") -> str:
    """The probability that the first law is the best, in words."""
    first = comparison.ranking["law"][0]
    better = comparison.pairs.filter(pl.col("law") == first)["probability"]
    if better.is_empty() or better.null_count():
        return "too few held-out runs to tell the errors apart"
    return f"{first} predicts better than each other law with probability {better.min():.2f} or more"


def _chart(table: pl.DataFrame) -> alt.Chart:
    return alt.Chart(alt.InlineData(values=table.to_dicts()))


def _percent(value: float, digits: int = 3) -> str:
    return f"{100 * value:.{digits}g}%"
