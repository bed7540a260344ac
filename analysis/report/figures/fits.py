"""Figures of one fit: data, law, band, residuals."""

from typing import TYPE_CHECKING

import altair as alt
import numpy as np
import polars as pl

from quarry import text
from quarry.analysis.fitting.diagnostics import refit_without_largest
from quarry.analysis.laws import formulas as mathml
from quarry.analysis.report.figures.parts import (
    MOST_SIZES,
    axis,
    colour,
    data,
    dots,
    ends,
    finished,
    points_said,
    sized,
    some_points,
    tooltip,
    x_axis,
    y_axis,
)
from quarry.analysis.report.figures.theme import INK

if TYPE_CHECKING:
    from quarry.analysis.fitting.result import Fit


def fitted(fit: "Fit") -> alt.LayerChart:
    """The points of a fit with the law: against its one input, by size, or predicted against measured."""
    if len(fit.law.inputs) == 1:
        return fitted_law(fit, fit.law.inputs[0])
    if fit.law.inputs == ("N", "E") and fit.points["N"].n_unique() <= MOST_SIZES:
        return fitted_surface(fit)
    return parity(fit)


def fitted_law(fit: "Fit", x: str = "N", beyond: float = 4.0) -> alt.LayerChart:
    """The points of a fit with its line and band against `x`, carried on to `beyond` times the largest point.

    For laws of one input. The line is dashed where it is extrapolation.
    """
    response, measured = fit.law.response, sized(_numbers(fit))
    smallest, largest = ends(measured[x])
    grid = np.geomspace(smallest, largest * beyond, 160)
    low, high = fit.band({x: grid})
    line = pl.DataFrame({x: grid, response: fit.predict({x: grid}), "low": low, "high": high})
    base = alt.Chart(data(_shown(line, measured[response])))
    y = y_axis([*measured[response], *line[response]], response, response)
    base = base.encode(x=x_axis(line, x), y=y)
    band = base.mark_area(color=INK, opacity=0.13, clip=True).encode(y="low:Q", y2="high:Q")
    subtitle = f"band: {fit.level:.0%} interval of the law; dashed: beyond the largest run"
    layers = [band, *_lines(base, x, largest), dots(some_points(measured), x, response)]
    return finished(layers, formula_title(fit), subtitle + points_said(measured))


def formula_title(fit: "Fit") -> str:
    """What a chart of the law is called where no formula stands beside it."""
    return f"{fit.law.name}: {mathml.in_figure(fit.law.formula)}"


def _numbers(fit: "Fit") -> pl.DataFrame:
    """The points with the law's inputs and response as numbers: a CSV's further columns are text."""
    return fit.points.with_columns(pl.col(*fit.law.inputs, fit.law.response).cast(pl.Float64))


def _shown(line: pl.DataFrame, measured: pl.Series) -> pl.DataFrame:
    """`line` with its band no further out than twice the measured losses: an open side is infinite."""
    lowest, highest = ends(measured)
    return line.with_columns(pl.col("low", "high").clip(lowest / 2, highest * 2))


def _lines(base: alt.Chart, x: str, largest: float) -> list[alt.Chart]:
    """The fitted line, dashed beyond the largest point."""
    inside = base.mark_line(color=INK, strokeWidth=2)
    outside = base.mark_line(color=INK, strokeWidth=2, strokeDash=[5, 4])
    return [
        inside.transform_filter(f"datum.{x} <= {largest}"),
        outside.transform_filter(f"datum.{x} >= {largest}"),
    ]


def fitted_surface(fit: "Fit", beyond: float = 4.0) -> alt.LayerChart:
    """The points of a fit in N and E against E, with the law's line for each N.

    The lines go on to `beyond` times the largest E.
    """
    measured = sized(fit.points)
    smallest, largest = ends(measured["E"])
    grid = np.geomspace(smallest / 2, largest * beyond, 60)
    sizes = measured["N"].unique(maintain_order=True)
    line = sized(pl.concat([pl.DataFrame({"N": [n] * len(grid), "E": grid}) for n in sizes]))
    line = line.with_columns(loss=fit.predict({name: line[name].to_numpy() for name in "NE"}))
    base = alt.Chart(data(line)).mark_line(strokeWidth=1.8)
    y = y_axis([*measured["loss"], *line["loss"]])
    lines = base.encode(x=x_axis(line, "E"), y=y, color=colour(line), detail="N:N")
    subtitle = "a line for each N of the runs" + points_said(measured)
    return finished([lines, dots(some_points(measured), "E")], formula_title(fit), subtitle)


def parity(fit: "Fit") -> alt.LayerChart:
    """Measured against predicted response, with the diagonal; the largest runs by a fit without them too."""
    response, measured, held = fit.law.response, sized(_predicted(fit)), sized(_held_out(fit))
    low, high = ends(pl.concat([*measured[[response, "predicted"]], *held[[response, "predicted"]]]))
    line = pl.DataFrame({"predicted": [low, high], response: [low, high]})
    base = alt.Chart(data(line)).mark_line(color=INK, strokeDash=[5, 4])
    x = alt.X("predicted:Q", **axis([low, high], f"predicted {response}", text.number))
    diagonal = base.encode(x=x, y=y_axis([low, high], response, response))
    layers = [diagonal, dots(some_points(measured), "predicted", response)]
    subtitle = "dashed: as predicted" + points_said(measured)
    if not held.is_empty():
        layers.append(_squares(some_points(held), measured, response))
        subtitle += "; squares: the largest runs, by a fit without them"
    return finished(layers, f"Predicted against measured {response}, {fit.law.name}", subtitle)


def _squares(held: pl.DataFrame, measured: pl.DataFrame, y: str) -> alt.Chart:
    """Open squares in the colours of all that was `measured`."""
    base = alt.Chart(data(held)).mark_point(shape="square", size=150, strokeWidth=2, opacity=1)
    ink = colour(measured) if "size" in held.columns else alt.value(INK)
    return base.encode(x="predicted:Q", y=f"{y}:Q", color=ink, tooltip=tooltip(held))


def _held_out(fit: "Fit") -> pl.DataFrame:
    """The largest runs with `predicted` by a fit without them; no rows where that cannot be fitted."""
    tested = refit_without_largest(fit.data, fit.minima)
    if tested is None:
        return _predicted(fit).clear()
    params, largest = tested
    predicted = fit.data.objective.response(fit.data.rows(largest).predicted(params))
    return _numbers(fit).filter(pl.Series(largest)).with_columns(predicted=pl.Series(predicted))


def _predicted(fit: "Fit") -> pl.DataFrame:
    inputs = {name: fit.points[name].cast(pl.Float64).to_numpy() for name in fit.law.inputs}
    return _numbers(fit).with_columns(predicted=fit.predict(inputs))


def residuals(fit: "Fit", x: str | None = None) -> alt.LayerChart:
    """Measured minus fitted response of each point against `x`, by default the law's first input.

    Losses in nats per token.
    """
    x, response = x or fit.law.inputs[0], fit.law.response
    unit = "nats per token" if response == "loss" else "tokens"
    measured = sized(_predicted(fit))
    measured = measured.with_columns(residual=pl.col(response) - pl.col("predicted"))
    zero = alt.Chart(alt.InlineData(values=[{}])).mark_rule(color=INK, opacity=0.6).encode(y=alt.datum(0))
    y = alt.Y(
        "residual:Q",
        title=f"residual, {unit}",
        axis=alt.Axis(tickCount=4),
        scale=alt.Scale(nice=False, padding=14),
    )
    marks = dots(some_points(measured), x).encode(x=x_axis(measured, x), y=y)
    subtitle = f"measured minus fitted {response}" + points_said(measured)
    return finished([zero, marks], f"Residuals of {fit.law.name}", subtitle, height=180)
