"""Figures of the instruments: noise scale, loss by position, loss on other texts, loss by class of token."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import altair as alt
import numpy as np
import polars as pl

from quarry import text
from quarry.analysis.report.figures.lines import line_colour
from quarry.analysis.report.figures.parts import (
    MOST_SIZES,
    axis,
    colour,
    finished,
    sized,
    tooltip,
    x_axis,
    y_axis,
)
from quarry.analysis.report.figures.theme import INK

if TYPE_CHECKING:
    from quarry.analysis.instruments.context_law import ContextFit


def noise_scale(scales: pl.DataFrame, batches: pl.DataFrame) -> alt.LayerChart:
    """B_noise of each run against its loss, and B_crit of the sweep of batches as diamonds.

    `scales` has the rows of `noise_scales`, `batches` those of `critical_batches`.
    """
    scales = sized(scales.drop_nulls("B_noise"))
    swept = sized(batches.drop_nulls("B_crit")) if "B_crit" in batches.columns else scales.clear()
    measured = scales["B_noise"].to_numpy()
    every = [*(measured / 2), *(2 * measured), *(swept["B_crit"] if len(swept) else [])]
    falling = axis([*scales["loss"], *swept["loss"]], "loss, nats per token", text.number)
    falling["scale"].reverse = True
    names = ["run", "N", "size", "loss", "B_noise", "B_noise_low", "B_noise_high"]
    base = alt.Chart(alt.InlineData(values=scales.select(names).to_dicts())).encode(
        x=alt.X("loss:Q", **falling),
        y=alt.Y("B_noise:Q", **axis(every, "tokens", text.count)),
        color=colour(scales),
        detail="run:N",
        tooltip=["run:N", alt.Tooltip("loss:Q", format=".3f"), alt.Tooltip("B_noise:Q", format=".3s")],
    )
    error = base.mark_rule(strokeWidth=0.8, clip=True).encode(y="B_noise_low:Q", y2="B_noise_high:Q")
    layers = [base.mark_line(strokeWidth=1.4), error, base.mark_circle(size=45)]
    if len(swept):
        rows = swept.select("N", "size", "loss", "B_crit").to_dicts()
        marks = alt.Chart(alt.InlineData(values=rows)).mark_point(shape="diamond", size=110, filled=True)
        layers.append(marks.encode(x="loss:Q", y="B_crit:Q", color=colour(scales)))
    subtitle = "dots: tr Σ / |G|² along a run, with its interval; diamonds: the critical batch by the sweep"
    return finished(layers, "Gradient noise scale and critical batch", subtitle)


def position_loss(positions: pl.DataFrame, fits: "Sequence[ContextFit]") -> alt.LayerChart:
    """The loss by position of each run with its law. `positions` as `position_table` gives it.

    Colours tell sizes apart, or runs where there are up to MOST_SIZES. Of more, each N has one.
    """
    positions, said = _followed(sized(positions))
    shown = _coloured(positions)
    points = alt.Chart(alt.InlineData(values=positions.to_dicts())).encode(
        x=x_axis(positions, "T"),
        y=y_axis(positions["loss"]),
        color=shown,
        detail="run:N",
        tooltip=tooltip(positions),
    )
    layers = [points.mark_circle(size=60)]
    runs = set(positions["run"])
    if lines := [_law(each, positions) for each in fits if each.fit is not None and each.run in runs]:
        rows = sized(pl.concat(lines)).with_columns(line="run").to_dicts()
        line = alt.Chart(alt.InlineData(values=rows)).mark_line(strokeWidth=1.6)
        layers.append(line.encode(x="T:Q", y="loss:Q", color=shown, detail="run:N"))
    return finished(layers, "Loss by position in the context", f"lines: a + b T^-c of each run{said}")


def _followed(positions: pl.DataFrame) -> tuple[pl.DataFrame, str]:
    """The rows of runs that can be told apart, with the column `line`, and what the subtitle adds."""
    positions = positions.with_columns(line="run")
    runs = positions.group_by("run", "N").agg(pl.max("E", "T"))
    if len(runs) <= MOST_SIZES or runs["N"].is_unique().all():
        return positions, ""
    longest = runs.sort("N", -pl.col("E"), -pl.col("T"), "run").unique("N", keep="first")["run"]
    said = f"; of each N the run of the most tokens, {len(longest)} of {len(runs)} runs"
    return positions.filter(pl.col("run").is_in(longest.implode())), said


def _coloured(positions: pl.DataFrame) -> alt.Color:
    """A colour for each N if it has one run, else for each run."""
    if positions["run"].n_unique() == positions["N"].n_unique():
        return colour(positions)
    return line_colour(positions, "run", 2, "circle")


def _law(each: "ContextFit", positions: pl.DataFrame) -> pl.DataFrame:
    assert each.fit is not None
    ends = positions["T"].min(), positions["T"].max()
    at = np.geomspace(*map(float, ends), 60)  # type: ignore[arg-type]
    return pl.DataFrame({"T": at, "loss": np.asarray(each.fit.predict({"T": at}))}).with_columns(
        run=pl.lit(each.run), N=pl.lit(each.n)
    )


def transfer(losses: pl.DataFrame) -> alt.LayerChart:
    """The loss on each other text against the validation loss, along all runs. As `other_losses` gives it."""
    return _named(
        losses, "loss", "validation loss, nats per token", "text",
        "Loss on other texts", "a constant offset is a line parallel to the dashed diagonal",
    )  # fmt: skip


def classes(losses: pl.DataFrame) -> alt.LayerChart:
    """The loss of each class of tokens against the tokens processed, of the run with the least loss."""
    best = losses.sort("loss")["run"][0]
    of_best = losses.filter(pl.col("run") == best, pl.col("other") > 0)
    return _named(
        of_best, "E", "E, tokens processed", "class of token",
        "Loss by class of token", f"of {best}; dashed: all tokens",
    )  # fmt: skip


def _named(
    losses: pl.DataFrame, x: str, label: str, legend: str, title: str, subtitle: str
) -> alt.LayerChart:
    """Dots and lines of the losses by name over a column, with the validation loss dashed."""
    shown = losses.rename({"name": "line"})
    form = text.count if x == "E" else text.number
    rows = shown.select("line", "run", x, "other", *(["loss"] if x != "loss" else [])).to_dicts()
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X(f"{x}:Q", **axis(losses[x].to_list(), label, form)),
        y=alt.Y("other:Q", **axis([*losses["other"], *losses["loss"]], "loss, nats per token", text.number)),
    )
    of_line = base.encode(
        color=line_colour(shown, legend, 1, "circle"), detail="run:N", tooltip=["line:N", "run:N"]
    )
    whole = base.mark_line(color=INK, strokeDash=[5, 4]).encode(y="loss:Q", detail="run:N")
    return finished(
        [whole, of_line.mark_line(strokeWidth=1.2), of_line.mark_circle(size=45)], title, subtitle
    )
