"""Figures of the training itself: the loss of the batches and the learning rate."""

import altair as alt
import polars as pl

from quarry.analysis.report.figures.parts import (
    colour,
    data,
    finished,
    lined,
    sized,
    x_axis,
    y_axis,
)

MOST_ROWS = 2000
"""Logged steps drawn of all runs that have a line; of more every run is thinned alike."""

_FEWEST = 4


def thinned(rows: pl.DataFrame, tokens: str, most: int) -> pl.DataFrame:
    """At most about `most` rows of all runs, evenly spread in log tokens, with the ends of each run."""
    if rows.height <= most:
        return rows
    of_each = max(_FEWEST, most // rows["run"].n_unique()) - 1
    log = pl.col(tokens).cast(pl.Float64).log()
    first, last = log.min(), log.max()  # of all: a branch, a short piece, is not drawn more densely
    place = ((log - first) / (last - first + 1e-9) * of_each).ceil()
    place = pl.when(pl.col(tokens) == pl.col(tokens).min().over("run")).then(-1.0).otherwise(place)
    kept = rows.with_columns(place=place).unique(["run", "place"], keep="last", maintain_order=True)
    return kept.drop("place")


def with_size(training: pl.DataFrame, runs: pl.DataFrame) -> pl.DataFrame:
    """Logged steps, about MOST_ROWS of at most MOST_LINES runs, with N of their run and E, the tokens."""
    rows = training.filter(pl.col("loss").is_finite(), pl.col("tokens") > 0).sort("run", "tokens")
    rows = rows.join(runs.select("run", "N"), "run").rename({"tokens": "E"}).drop_nulls(["N", "E", "loss"])
    return sized(thinned(rows.filter(lined(rows)), "E", MOST_ROWS))


def training_loss(rows: pl.DataFrame, some: str = "") -> alt.LayerChart:
    """The loss of the batches against tokens processed. `rows` as `with_size` gives them.

    `some` says of how many runs, where not of all.
    """
    lines = _lines(rows).encode(y=y_axis(rows["loss"], "loss", "training loss, nats per token"))
    return finished([lines], "Training loss", "of the batch at each logged step" + some, height=260)


def learning_rates(rows: pl.DataFrame, some: str = "") -> alt.LayerChart:
    """The learning rate against tokens processed, of the same runs."""
    y = alt.Y("learning_rate:Q", title="learning rate", axis=alt.Axis(tickCount=4, format="~g"))
    return finished([_lines(rows).encode(y=y)], "Learning rate", "as the schedule set it" + some, height=180)


def _lines(rows: pl.DataFrame) -> alt.Chart:
    base = alt.Chart(data(rows)).mark_line(strokeWidth=1.4)
    hue = colour(rows, "N", "stroke")
    return base.encode(x=x_axis(rows, "E"), color=hue, detail="run:N")
