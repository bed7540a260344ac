"""Nearest neighbours, found exactly, and the mixture of what follows them with a model's probabilities.

The kNN-LM of Khandelwal et al. 2020 (1911.00172): p = share p_look_up + (1 - share) p_model (eq. 3), where
p_look_up gives the i-th neighbour the weight softmax(-d_i^2 / temperature), and a token the weights of the
neighbours that it follows (eq. 2).
"""

from typing import NamedTuple

import numpy as np
from scipy import special

GROUPS_OF = 32
"""Keys compared by their least distance first."""
AT_ONCE = 2**24
"""Distances in memory together, 64 MiB in fp32."""


class Neighbours(NamedTuple):
    """The nearest keys of each query, nearest first: squared distances and indices, [queries, count]."""

    squared: np.ndarray
    indices: np.ndarray


def nearest(queries: np.ndarray, keys: np.ndarray, count: int) -> Neighbours:
    """The `count` nearest of `keys` [N, D] to each of `queries` [Q, D], float32, all of them if N is less.

    Exact up to rounding: the groups of the `count` least minima hold the `count` nearest keys. Memory: about
    `AT_ONCE` distances.
    """
    count, lacking = min(count, len(keys)), -len(keys) % GROUPS_OF
    folded = np.concatenate([-2 * keys, np.square(keys).sum(1, keepdims=True)], axis=1)  # q.k' = d^2 - q.q
    folded = np.pad(folded, ((0, lacking), (0, 0)))
    folded[len(keys) :, -1] = np.finfo(np.float32).max / 2
    rows = max(1, AT_ONCE // len(folded))
    found = [
        _nearest(queries[first : first + rows], keys, folded, count) for first in range(0, len(queries), rows)
    ]
    return Neighbours(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def _nearest(queries: np.ndarray, keys: np.ndarray, folded: np.ndarray, count: int) -> Neighbours:
    """A block of queries. Group g of the G groups holds the keys g, g + G, g + 2 G, ..."""
    ones = np.ones((len(queries), 1), np.float32)
    distances = (np.concatenate([queries, ones], axis=1) @ folded.T).reshape(len(queries), GROUPS_OF, -1)
    groups = _least(distances.min(axis=1), min(count, distances.shape[2]))
    within = np.take_along_axis(distances, groups[:, None], axis=2)
    ids = groups[:, None] + distances.shape[2] * np.arange(GROUPS_OF)[None, :, None]
    chosen = _least(within.reshape(len(queries), -1), count)
    ids = np.take_along_axis(ids.reshape(len(queries), -1), chosen, axis=1)
    squared = np.square(keys[ids] - queries[:, None]).sum(-1)
    order = np.argsort(squared, axis=1, kind="stable")
    return Neighbours(np.take_along_axis(squared, order, 1), np.take_along_axis(ids, order, 1))


def _least(values: np.ndarray, count: int) -> np.ndarray:
    """The places of the `count` least of each row, in no order."""
    if count == values.shape[1]:
        return np.broadcast_to(np.arange(count), values.shape)
    return np.argpartition(values, count - 1, axis=1)[:, :count]


def look_up(squared: np.ndarray, follows: np.ndarray, temperature: float) -> np.ndarray:
    """The probability of one token for each query, float64 [Q]: the weights of the neighbours it follows.

    `squared` and `follows`, whether it follows the neighbour, are [Q, count].
    """
    weights = special.softmax(-squared.astype(np.float64) / temperature, axis=1)
    return (weights * follows).sum(axis=1)


def mixed_losses(share: float, looked_up: np.ndarray, other: np.ndarray) -> np.ndarray:
    """-ln(share looked_up + (1 - share) other) of two probabilities [Q], nats [Q]; infinite where it is 0."""
    with np.errstate(divide="ignore"):
        return -np.log(share * looked_up + (1 - share) * other)
