"""Epochs to a loss, reuse rates and gaps of a solvable model: no runs, no censoring, no interval."""

import math
from collections.abc import Callable
from typing import Protocol, runtime_checkable

import numpy as np
from scipy import optimize

_MOST = 1e12


@runtime_checkable
class Solvable(Protocol):
    """A model of which the loss is known for any size, unique tokens and epochs."""

    @property
    def L_inf(self) -> float:
        """The irreducible loss, nats per token."""
        ...

    def loss(self, n: float, unique: float, epochs: float, seed: int = 0) -> float:
        """Held-out loss, nats per token."""
        ...


def reuse_rate(model: Solvable, n: float, unique: float, epochs: float) -> float:
    """r = U_eq / U: the fresh data, in units of U, of which one pass equals `epochs` passes over `unique`.

    Yan et al. 2025's effective reuse rate E_r. Infinite if no one pass gets there.
    """
    target = model.loss(n, unique, epochs)
    return _first_reached(lambda tokens: model.loss(n, tokens, 1.0), target, unique / 100) / unique


def epochs_to(model: Solvable, n: float, unique: float, loss: float) -> float:
    """The least k at which the loss over `unique` tokens is down to `loss`; infinite if none is.

    For models whose loss falls with k as long as it is above `loss`.
    """
    return _first_reached(lambda epochs: model.loss(n, unique, epochs), loss, 1e-3)


def _first_reached(falling: Callable[[float], float], target: float, start: float) -> float:
    """Where a falling function of a positive number comes down to `target`, sought from `start` upwards."""
    low = start
    if falling(low) <= target:
        return low
    while falling(4 * low) > target:
        low *= 4
        if low > _MOST * start:
            return math.inf
    ends = math.log(low), math.log(4 * low)
    found = optimize.root_scalar(lambda x: falling(math.exp(x)) - target, bracket=ends, xtol=1e-5)
    return math.exp(found.root)


def merge_gap(model: Solvable, n: float, unique: float, floor: float) -> float:
    """g = L_first-epoch(N, E) - L*(U = E), nats per token."""
    return model.loss(n, unique, 1.0) - floor


def slope(x: np.ndarray, y: np.ndarray) -> float:
    """d ln y / d ln x by least squares."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])
