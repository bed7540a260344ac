"""Predictions of the laws of repeated data for held-out points, against the measurements."""

from typing import TYPE_CHECKING, Any

import altair as alt
import polars as pl

from quarry.analysis.report.figures.parts import finished
from quarry.analysis.report.figures.theme import INK, RAMP

if TYPE_CHECKING:
    from quarry.analysis.fitting.comparison.repeated_data import Rivals


def held_out_predictions(result: "Rivals", question: str) -> alt.LayerChart:
    """A dot for each held-out point and law, best law first: how far the prediction missed, coloured by k."""
    own = result.predictions.filter(pl.col("question") == question)
    own = own.with_columns(error=100 * (pl.col("predicted") / pl.col("measured") - 1))
    order = result.verdicts.filter(pl.col("question") == question)["law"].to_list()
    tips = [alt.Tooltip(f"{name}:Q", format=".4~g") for name in ("N", "U", "k", "measured", "predicted")]
    dots = alt.Chart(alt.InlineData(values=own.drop("question").to_dicts())).mark_circle(size=70, opacity=1)
    dots = dots.encode(
        x=alt.X("error:Q", title="predicted / measured - 1, %", scale=alt.Scale(nice=False, padding=12)),
        y=alt.Y("law:N", title=None, sort=order),
        color=_colour(own),
        tooltip=tips,
    )
    zero = alt.Chart(alt.InlineData(values=[{}])).mark_rule(color=INK, strokeDash=[5, 4])
    winner = result.winners.row(by_predicate=pl.col("question") == question, named=True)
    subtitle = f"{winner['units']} predictions by fits without them; {winner['winner']} errs least"
    layers, height = [zero.encode(x=alt.datum(0.0)), dots], 34 * max(3, len(order))
    return finished(layers, f"Held out: {question}", subtitle, height)


def _colour(own: pl.DataFrame) -> Any:
    """By k, or plain where the least loss over k was predicted."""
    if own["k"].null_count():
        return alt.value(INK)
    return alt.Color("k:Q", title="k, epochs", scale=alt.Scale(range=RAMP, type="log"))
