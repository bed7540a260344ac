"""Epochs to a loss and reuse rates of a solvable model, computed exactly: no censoring, no intervals."""

import math
from collections.abc import Callable
from typing import Protocol, runtime_checkable

from scipy import optimize

_SEARCHED = 1e12
"""The search ends at this many times its start."""


@runtime_checkable
class Solvable(Protocol):
    """A model whose loss is known for any size, unique tokens and epochs."""

    @property
    def L_inf(self) -> float:
        """The irreducible loss, nats per token."""
        ...

    def loss(self, n: float, unique: float, epochs: float, seed: int = 0) -> float:
        """Held-out loss, nats per token."""
        ...


@runtime_checkable
class HasFloor(Solvable, Protocol):
    """A model of which the least expected loss from U samples is known."""

    def floor(self, unique: float, seed: int = 0) -> float:
        """L*(U), nats per token."""
        ...


def reuse_rate(model: Solvable, n: float, unique: float, epochs: float) -> float:
    """r = U_eq / U: the fresh data, in units of U, of which one pass equals `epochs` passes over `unique`.

    Yan et al. 2025's effective reuse rate E_r. Infinite if no single pass reaches that loss.
    """
    target = model.loss(n, unique, epochs)
    return _first_reached(lambda tokens: model.loss(n, tokens, 1.0), target, unique / 100) / unique


def epochs_to(model: Solvable, n: float, unique: float, loss: float) -> float:
    """The least k at which the loss over `unique` tokens comes down to `loss`; infinite if it never does.

    For models whose loss falls with k as long as it is above `loss`.
    """
    return _first_reached(lambda epochs: model.loss(n, unique, epochs), loss, 1e-3)


def _first_reached(falling: Callable[[float], float], target: float, start: float) -> float:
    """Where a falling function first comes down to `target`, searched upwards from `start`."""
    low = start
    if falling(low) <= target:
        return low
    while falling(4 * low) > target:
        low *= 4
        if low > _SEARCHED * start:
            return math.inf
    ends = math.log(low), math.log(4 * low)
    found = optimize.root_scalar(lambda x: falling(math.exp(x)) - target, bracket=ends, xtol=1e-5)
    return math.exp(found.root)
