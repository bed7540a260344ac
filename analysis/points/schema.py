"""The columns of the one table of points, and when two of their values count as the same.

A table has one row per measured loss:

| column | type | meaning, unit |
|---|---|---|
| run | String | the unit of resampling: `study/point`, a branch under the name of its trunk |
| N | Float64 | parameters, counted as the law needs |
| E | Float64 | tokens processed (`D` in other trainers' tables) |
| U | Float64 | distinct training tokens available; E where the table does not say |
| C | Float64 | FLOPs; 6 N E where the table does not say |
| loss | Float64 | nats per token on held-out text |
| loss_sem | Float64 | standard error of the loss |
| annealed | Boolean | whether the learning rate had decayed when the loss was measured |
| RECIPE | Float64 | what is tuned at each N, U and E; other settings: `quarry.analysis.points.settings` |
| draw | Float64 | which U tokens of the corpus |

`quarry.analysis.points.columns` reads, checks and completes them. A table may have any other columns; one
that is a number in every table belongs in NUMBERS.
"""

import numpy as np
import polars as pl

SCALE = ("N", "E", "U", "C")
"""The sizes of a point: parameters, tokens processed, unique tokens, FLOPs."""

NUMBERS = (*SCALE, "loss", "loss_sem")
"""The columns that are numbers in every table."""

RECIPE = ("weight_decay", "dropout", "peak_learning_rate")
"""What is tuned at each N, U and E; a table may lack some of it."""

SETTINGS = "settings of the run"
"""The column that numbers the combinations of further settings in which rows of one N, U and E differ."""

TUNED = (*RECIPE, SETTINGS)
"""All that tells recipes apart."""

BATCH = {"S": ("S", "step"), "B": ("B", "batch_tokens"), "E": ("E", "tokens")}
"""Steps, tokens per step and tokens processed, by their names in tables of points and in the record."""

ONE_PASS = 1.01
"""The largest k = E / U at which nothing counts as read twice. A run ends after a whole step, and may so read
a little more than U; with a hundred steps or more per pass the excess is at most 1%."""

SAME_VALUE = 0.01
"""Values whose relative difference is at most this count as one: sizes that shapes round, and token counts
that whole steps round."""


def repeats_data() -> pl.Expr:
    """Whether a point has read part of its data more than once; null where E or U is."""
    return pl.col("E") > ONE_PASS * pl.col("U")


def value_groups(values: np.ndarray) -> np.ndarray:
    """The number of the group of each value, ascending: a group reaches SAME_VALUE above its least value."""
    group, first, numbers = -1, -np.inf, {}
    for value in np.unique(values):
        if value > first * (1 + SAME_VALUE) or group < 0:
            group, first = group + 1, value
        numbers[value] = group
    return np.array([numbers[value] for value in values], int)


def one_spelling(values: np.ndarray) -> np.ndarray:
    """Each positive value as most of its group of `value_groups` have it (ties: the least); others stay."""
    spelt = np.array(values, float)
    usable = np.isfinite(spelt) & (spelt > 0)
    distinct, index, times = np.unique(spelt[usable], return_inverse=True, return_counts=True)
    if len(distinct):
        group, order = value_groups(distinct), np.lexsort((-distinct, times))
        usual = np.empty(group.max() + 1)
        usual[group[order]] = distinct[order]  # of equal indices the last counts: the most frequent
        spelt[usable] = usual[group][index]
    return spelt
