"""The loss by position in the context, in bins of equal width in the logarithm of the position."""

import functools
import math
from typing import Any

import numpy as np

BINS_PER_OCTAVE = 2


@functools.lru_cache(maxsize=8)
def bin_starts(context: int) -> np.ndarray:
    """The first position of each bin, int64 [bins]; position T predicts from T tokens, 1 to `context`.

    A last bin that the context leaves with less than half its positions joins the one before it.
    """
    steps = np.arange(4 + math.ceil(BINS_PER_OCTAVE * math.log2(context)))
    starts = np.unique(np.round(2.0 ** (steps / BINS_PER_OCTAVE)).astype(int))
    filled = (context + 1 - starts[:-1]) / np.diff(starts)
    return starts[:-1][filled >= 0.5]


def bin_positions(context: int) -> np.ndarray:
    """The geometric mean of the positions in each bin [bins]."""
    starts = bin_starts(context)
    return np.exp(np.add.reduceat(np.log(np.arange(1, context + 1)), starts - 1) / _sizes(context))


def bin_means(losses_BxT: np.ndarray) -> np.ndarray:
    """The mean loss of each sequence in each bin, float64 [sequences, bins]."""
    context = losses_BxT.shape[1]
    return np.add.reduceat(losses_BxT.astype(np.float64), bin_starts(context) - 1, axis=1) / _sizes(context)


def position_fields(means: np.ndarray, context: int) -> dict[str, Any]:
    """`positions`, `position_loss` and `position_loss_sem` (over sequences) of an evaluation, as lists.

    `means` are the `bin_means` of all its sequences. The errors of the bins are correlated: one hard sequence
    raises them all.
    """
    count = len(means)
    error = means.std(0, ddof=1) / math.sqrt(count) if count > 1 else np.full(means.shape[1], np.nan)
    return {
        "positions": bin_positions(context).tolist(),
        "position_loss": _numbers(means.mean(0)),
        "position_loss_sem": _numbers(error),
    }


@functools.lru_cache(maxsize=8)
def _sizes(context: int) -> np.ndarray:
    return np.diff([*bin_starts(context), context + 1])


def _numbers(values: np.ndarray) -> list[float | None]:
    """JSON has no number for a value that is not finite."""
    return [float(value) if math.isfinite(value) else None for value in values]
