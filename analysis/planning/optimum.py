"""The N and E of least loss within a budget, for many sets of parameters at once."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from quarry import text
from quarry.errors import FitError

if TYPE_CHECKING:
    from quarry.analysis.laws.law import Values
    from quarry.analysis.planning.surface import Surface

# Points of the first grid and of each finer one: of N where E follows from the budget; of N and of E where
# the best E is searched for each N.
_GRIDS_OF_N, _OUTER_GRIDS, _INNER_GRIDS = (257, *(17,) * 8), (132, *(9,) * 8), (33, *(9,) * 6)

# An optimum as near as this to an end of the range of log N is no optimum.
_END = 1e-4


def find_optimum(surface: "Surface", flops: float, unique: float | None = None) -> tuple[float, float]:
    """The N and E of least loss with 6NE <= `flops`. Raises FitError where there is none inside."""
    n, tokens = (float(found[0]) for found in find_optima(surface, surface.lanes(), flops, unique))
    if not math.isfinite(n):
        raise FitError(
            f"{surface.name}: the loss of {surface.law.name} has no least value between N = 1 and E = 1 at "
            f"{text.power(flops)} FLOPs"
        )
    return n, tokens


def find_optima(
    surface: "Surface", params: "Values", flops: float | np.ndarray, unique: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The optimum of each of the params [lanes]: N and E [lanes], NaN where the loss has no least value.

    `flops` is one budget or that of each lane.
    """
    lanes = len(next(iter(params.values())))
    budgets = np.broadcast_to(np.asarray(flops, float), (lanes,))
    low, high = np.zeros(lanes), np.log(budgets / 6)

    def tokens(log_n: np.ndarray) -> np.ndarray:
        return _best_tokens(surface, params, np.exp(log_n), budgets[:, None], unique)

    def loss(log_n: np.ndarray) -> np.ndarray:
        return surface.loss(np.exp(log_n), tokens(log_n), unique, columns(params))

    log_n, lowest = least(loss, low, high, _OUTER_GRIDS if _spends_less(surface, unique) else _GRIDS_OF_N)
    inside = (log_n > low + _END) & (log_n < high - _END) & np.isfinite(lowest)
    best = np.where(inside, log_n, np.nan)[:, None]
    return np.exp(best[:, 0]), tokens(best)[:, 0]


def best_tokens(
    surface: "Surface", sizes: np.ndarray, flops: float, unique: float | None = None
) -> np.ndarray:
    """The E of least loss for each N within the budget: [sizes]."""
    return _best_tokens(surface, surface.lanes(), sizes[None, :], flops, unique)[0]


def _spends_less(surface: "Surface", unique: float | None) -> bool:
    """Whether the best E may be less than the budget allows: only repeats can hurt."""
    return unique is not None and not surface.first_pass


def _best_tokens(
    surface: "Surface", params: "Values", n: np.ndarray, flops: float | np.ndarray, unique: float | None
) -> np.ndarray:
    """The best E for each N [lanes, points]: what the budget allows, or where more passes begin to hurt."""
    most = flops / (6 * n)
    if unique is None or not _spends_less(surface, unique):
        return most
    own = columns({name: np.repeat(values, n.shape[1]) for name, values in params.items()})
    size, fresh = n.reshape(-1, 1), np.log(np.minimum(unique, most)).ravel()

    def loss(log_tokens: np.ndarray) -> np.ndarray:
        return surface.loss(size, np.exp(log_tokens), unique, own)

    best, _ = least(loss, fresh, np.log(most).ravel(), _INNER_GRIDS)
    return np.minimum(np.exp(best).reshape(n.shape), most)


def columns(params: "Values") -> dict[str, np.ndarray]:
    """Params [lanes] as [lanes, 1], to broadcast with [lanes, points]."""
    return {name: np.asarray(values)[:, None] for name, values in params.items()}


def least(
    loss: Callable[[np.ndarray], np.ndarray], low: np.ndarray, high: np.ndarray, grids: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Where in [low, high] the loss is least, and that loss: all [lanes].

    By grids of so many points, each around the best of the one before; `loss` takes and gives
    [lanes, points].
    """
    lanes = np.arange(len(low))
    for points in grids:
        x = low[:, None] + (high - low)[:, None] * np.linspace(0, 1, points)
        values = loss(x)
        values = np.where(np.isfinite(values), values, np.inf)
        best = values.argmin(axis=1)
        low, high = x[lanes, np.maximum(best - 1, 0)], x[lanes, np.minimum(best + 1, points - 1)]
    return x[lanes, best], values[lanes, best]
