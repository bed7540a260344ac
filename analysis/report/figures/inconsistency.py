"""Figures of the question whether L(C) and L(D) can meet: frontiers, learning curves and passes, each beside
the floor L*(U) below which U unique tokens let no model go."""

from collections.abc import Mapping

import altair as alt
import polars as pl

from quarry import text
from quarry.analysis.report.figures.lines import beside, line, panel
from quarry.analysis.report.figures.parts import (
    LABELS,
    axis,
    colour,
    data,
    finished,
    sized,
    tooltip,
    x_axis,
    y_axis,
)
from quarry.analysis.report.figures.theme import INK

FRONTIER, FLOOR = "L(C), the frontier", "L*(U) at U = E(C)"


def frontiers(tables: Mapping[str, pl.DataFrame]) -> alt.HConcatChart:
    """The compute frontier of each named surface above its own floor; tables have the columns C, loss, floor.

    The losses share one axis.
    """
    every = [value for table in tables.values() for name in ("loss", "floor") for value in table[name]]
    panels = [
        panel(
            pl.concat([line(one["C"], one["loss"], FRONTIER), line(one["C"], one["floor"], FLOOR)]),
            ("C = 6NE, FLOPs", text.power),
            (LABELS["loss"], text.number),
            named=True,
            width=190,
            y_values=every,
        ).properties(title=name)
        for name, one in tables.items()
    ]
    return beside(
        panels, "One surface: its frontier stays above its floor", "each law with its own constants"
    )


def curves_and_floor(curves: pl.DataFrame, floor: pl.DataFrame, subtitle: str) -> alt.LayerChart:
    """First-pass learning curves against L*(U) at U = E, dashed (Henighan et al. 2020, Figure 14).

    `curves` has a line for each `run`, with N, E and loss; where it has the column `annealed` there is a dot
    for each loss, large after the rate had decayed. `floor` has U and loss.
    """
    rows = sized(curves)
    reach = pl.concat(
        [rows.select(pl.col("E").cast(pl.Float64)), floor.select(E=pl.col("U").cast(pl.Float64))]
    )
    base = alt.Chart(data(rows)).encode(
        x=x_axis(reach, "E"),
        y=y_axis([*rows["loss"], *floor["loss"]]),
        color=colour(rows).title("N"),
        detail="run:N",
        tooltip=tooltip(rows),
    )
    measured = "annealed" in rows.columns
    layers = [base.mark_line(strokeWidth=1.8), _floor(floor, measured)]
    if measured:
        layers.append(
            base.mark_circle().encode(size=alt.condition("datum.annealed", alt.value(90), alt.value(14)))
        )
    return finished(layers, "Learning curves and the floor of their data", subtitle)


def _floor(floor: pl.DataFrame, measured: bool) -> alt.Chart:
    """The floor, with a dot at each U where it was measured."""
    point = {"color": INK} if measured else False
    drawn = alt.Chart(data(floor)).mark_line(color=INK, strokeWidth=2.2, strokeDash=[5, 4], point=point)
    return drawn.encode(x="U:Q", y="loss:Q", tooltip=["U:Q", "loss:Q"])


def passes(rows: pl.DataFrame, floor: float, subtitle: str) -> alt.LayerChart:
    """The loss of each size against the passes over one U, above its floor; columns N, k, loss."""
    rows = sized(rows)
    of_k = axis(rows["k"].to_list(), "k = E / U, passes", text.number)
    base = alt.Chart(data(rows)).encode(
        x=alt.X("k:Q", **of_k), y=y_axis([*rows["loss"], floor]), color=colour(rows).title("N")
    )
    at = alt.Chart(alt.InlineData(values=[{"floor": floor}]))
    rule = at.mark_rule(color=INK, strokeWidth=2.2, strokeDash=[5, 4]).encode(y="floor:Q")
    return finished(
        [base.mark_line(strokeWidth=2), rule], "What passes over the same text still give", subtitle
    )
