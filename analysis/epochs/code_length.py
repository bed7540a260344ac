"""The code length of one pass: the area between the learning curve and the floor of the tokens it read."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from quarry.analysis.epochs.estimates import estimate_row, estimates
from quarry.analysis.points.columns import is_annealed
from quarry.analysis.points.schema import ONE_PASS, repeats_data

if TYPE_CHECKING:
    from quarry.analysis.epochs.floors import Floors
    from quarry.analysis.epochs.grid import Grid
    from quarry.analysis.fitting.intervals import IntervalSettings


def code_lengths(
    table: pl.DataFrame, tuned: "Grid", floor: "Floors", unigram_entropy: float, settings: "IntervalSettings"
) -> pl.DataFrame:
    """A row for each N and U that a first pass went through: spent, _low, _high, nats per token.

    `spent` is the mean over the first U tokens of held-out loss (at constant rate, before any cooldown; L_0
    before the first measurement) less L*(U): the part of the code length of one pass over U that was spent on
    learning. Held out loss stands for the training loss of tokens not seen before. Intervals are of the
    floor's noise.
    """
    running = table.filter(~is_annealed(table), ~repeats_data())
    curves = running.group_by("N", "E").agg(pl.col("loss").mean()).sort("N", "E")
    rows = []
    for (n,), curve in curves.group_by("N", maintain_order=True):
        tokens, losses = curve["E"].to_numpy(), curve["loss"].to_numpy()
        for u, unique in enumerate(tuned.unique):
            if len(tokens) > 1 and tokens[0] < unique <= ONE_PASS * tokens[-1]:
                mean = _mean_loss(tokens, losses, unique, unigram_entropy)
                rows.append(
                    {"N": n, "U": unique, **estimate_row(settings, {"spent": mean - floor.default[:, u]})}
                )
    return pl.DataFrame(rows, schema={"N": pl.Float64, "U": pl.Float64} | estimates("spent"))


def _mean_loss(tokens: np.ndarray, losses: np.ndarray, unique: float, start: float) -> float:
    """The mean of a curve from `start`, linear in tokens to the first measurement, then in ln tokens."""
    at = np.append(tokens[tokens < unique], unique)
    loss = np.interp(np.log(at), np.log(tokens), losses)
    first = at[0] * (start + loss[0]) / 2
    # Of a + b ln x from x1 to x2 the integral is x2 L2 - x1 L1 - b (x2 - x1).
    slope = np.diff(loss) / np.diff(np.log(at))
    return float((first + (at[1:] * loss[1:] - at[:-1] * loss[:-1] - slope * np.diff(at)).sum()) / unique)
