"""Figures of the compute-optimal model: N_opt(C) and E_opt(C) by several ways, and L(C)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import altair as alt
import numpy as np
import polars as pl

from quarry import text
from quarry.analysis.laws.chinchilla import chinchilla_optimum
from quarry.analysis.report.figures.parts import (
    axis,
    dots,
    finished,
    points_said,
    sized,
    some_points,
    x_axis,
    y_axis,
)
from quarry.analysis.report.figures.theme import INK, SERIES

if TYPE_CHECKING:
    from quarry.analysis.allocation.methods import Allocation
    from quarry.analysis.fitting.result import Fit

Quantity = Literal["N", "E"]

_TITLES = {"N": "Compute-optimal parameters, Nₒₚₜ(C)", "E": "Compute-optimal tokens, Eₒₚₜ(C)"}

_ROOM = 30.0
"""How far beyond the lines the bands are drawn: an interval far beyond the runs may span everything."""


def optima_by_way(found: "Mapping[str, Allocation]", largest: float, quantity: Quantity) -> alt.LayerChart:
    """N_opt or E_opt against C, a line and a band for each way by its name; dashed beyond C = `largest`.

    The minima of isoFLOP curves and the handovers of an envelope are diamonds.
    """
    lines = pl.concat([_line(name, allocation, quantity) for name, allocation in found.items()])
    marks = _marks(found, quantity)
    low, high = _reach([*lines["value"], *marks["value"]])
    lines = lines.with_columns(pl.col("low", "high").clip(low / _ROOM, high * _ROOM))
    names = list(found)
    colour = alt.Color("way:N", title=None, scale=alt.Scale(domain=names, range=SERIES[: len(names)]))
    base = alt.Chart(alt.InlineData(values=lines.to_dicts())).encode(
        x=alt.X("C:Q", **axis([*lines["C"], *marks["C"]], "C", text.power)),
        y=alt.Y("value:Q", **axis([low, high], quantity, text.count)),
        color=colour,
    )
    area = base.mark_area(opacity=0.12, clip=True).encode(y="low:Q", y2="high:Q")
    diamonds = alt.Chart(alt.InlineData(values=marks.to_dicts())).mark_point(
        shape="diamond", filled=True, size=110, opacity=1
    )
    tips = [alt.Tooltip("way:N"), alt.Tooltip("C:Q", format=".2e")]
    tips += [alt.Tooltip("value:Q", title=quantity, format=".3s")]
    diamonds = diamonds.encode(x="C:Q", y="value:Q", color=colour, tooltip=tips)
    level = next(iter(found.values())).level
    subtitle = f"bands: {level:.0%} intervals; diamonds: minima and handovers; dashed: beyond the largest run"
    return finished([area, *_strokes(base, largest), diamonds], _TITLES[quantity], subtitle)


def _line(name: str, allocation: "Allocation", quantity: Quantity) -> pl.DataFrame:
    columns = {"value": quantity, "low": f"{quantity}_low", "high": f"{quantity}_high"}
    rows = allocation.budgets.select("C", **{new: pl.col(old) for new, old in columns.items()})
    return rows.with_columns(
        pl.col("low").fill_null(0.0), pl.col("high").fill_null(np.inf), way=pl.lit(name)
    ).with_columns(*[_known(end, rows) for end in ("low", "high")])


def _known(end: str, rows: pl.DataFrame) -> pl.Expr:
    """An open end is as far as can be; without any interval the band is the line."""
    return pl.col("value").alias(end) if rows["low"].is_null().all() else pl.col(end)


def _marks(found: "Mapping[str, Allocation]", quantity: Quantity) -> pl.DataFrame:
    """way, C, value of the optima that a line goes through."""
    rows = []
    for name, allocation in found.items():
        read = allocation.found
        optima = getattr(read, "budgets", None)
        if optima is None and (optima := getattr(read, "handovers", None)) is not None:
            optima = optima.filter("bounded")
        rows += [] if optima is None else [
            {"way": name, "C": row["C"], "value": row[quantity]} for row in optima.iter_rows(named=True)
        ]  # fmt: skip
    return pl.DataFrame(rows, {"way": pl.String(), "C": pl.Float64(), "value": pl.Float64()})


def _reach(values: list[float]) -> tuple[float, float]:
    return min(values) / 2, max(values) * 2


def _strokes(base: alt.Chart, largest: float) -> list[alt.Chart]:
    inside = base.mark_line(strokeWidth=2, clip=True)
    outside = base.mark_line(strokeWidth=2, strokeDash=[5, 4], clip=True)
    return [
        inside.transform_filter(f"datum.C <= {largest}"),
        outside.transform_filter(f"datum.C >= {largest}"),
    ]


def loss_by_compute(fit: "Fit", flops: np.ndarray, minima: pl.DataFrame | None) -> alt.LayerChart:
    """The least loss for C FLOPs by a law of N and E [budgets], over the end points of the runs.

    `minima` has C, N, loss of isoFLOP minima, drawn as diamonds.
    """
    measured = sized(fit.points.with_columns(pl.col("N", "E", "C", "loss").cast(pl.Float64)))
    n = np.asarray(chinchilla_optimum(fit.params, flops)[0])
    inputs = {"N": n, "E": flops / (6 * n)}
    low, high = fit.band(inputs)
    line = pl.DataFrame({"C": flops, "loss": fit.predict(inputs), "low": low, "high": high})
    shown = [*measured["loss"], *line["loss"]]
    line = line.with_columns(pl.col("low", "high").clip(min(shown) / 2, max(shown) * 2))
    base = alt.Chart(alt.InlineData(values=line.to_dicts())).encode(x=x_axis(line, "C"), y=y_axis(shown))
    area = base.mark_area(color=INK, opacity=0.13, clip=True).encode(y="low:Q", y2="high:Q")
    largest = float(measured["C"].to_numpy().max())
    strokes = [stroke.encode(color=alt.value(INK)) for stroke in _strokes(base, largest)]
    layers = [area, *strokes, dots(some_points(measured), "C"), *_diamonds(minima)]
    subtitle = (
        f"line: {fit.law.name} at its best N for each C, with its {fit.level:.0%} interval; dashed: beyond "
    )
    subtitle += "the largest run" + "; diamonds: isoFLOP minima" * (minima is not None)
    subtitle += points_said(measured)
    return finished(layers, "The least loss for the compute, L(C)", subtitle)


def _diamonds(minima: pl.DataFrame | None) -> list[alt.Chart]:
    if minima is None:
        return []
    base = alt.Chart(alt.InlineData(values=minima.select("C", "N", "loss").to_dicts()))
    tips = [
        alt.Tooltip("C:Q", format=".2e"),
        alt.Tooltip("N:Q", format=".3s"),
        alt.Tooltip("loss:Q", format=".4f"),
    ]
    mark = base.mark_point(shape="diamond", filled=True, size=110, color=INK, opacity=1)
    return [mark.encode(x="C:Q", y="loss:Q", tooltip=tips)]
