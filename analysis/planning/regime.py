"""What limits the loss at N, E and U: the data, the model or the passes, by an exact split of L - L_inf."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from quarry.analysis.fitting.intervals import finite
from quarry.analysis.planning.optimum import columns, least

if TYPE_CHECKING:
    from quarry.analysis.laws.law import Values
    from quarry.analysis.planning.surface import Surface

Limit = Literal["data", "model", "epoch", "mixed"]

# Stands for unlimited parameters or passes; and the ends of the grids of N and k.
_UNLIMITED, _LARGEST_N, _LARGEST_K = 1e100, 1e30, 1e9

# The points of the first grid and of each finer one, over k and over N.
_PASSES, _SIZES = (66, *(9,) * 6), (66, *(9,) * 3)

# About so many of the draws are labelled.
_LABELLED_DRAWS = 200

# A term is the label if it is more than half of the reducible loss in at least this share of the draws.
_LABEL_SHARE = 0.8


@dataclass(frozen=True)
class Regime:
    """The parts of the reducible loss at a plan: `terms` in nats per token, which add to L - L_inf.

    - data: the loss that remains for any model and any number of passes over U unique tokens.
    - model: how far this N lies above that at its best k, `best_epochs` (None: more passes never hurt).
    - epoch: how far the plan's k lies above that.

    The label is the term of more than half; with draws, in at least 80% of them, else `mixed`. `probability`
    is the share of the draws in which each term is more than half (None without draws).
    """

    label: Limit
    terms: dict[str, float]
    best_epochs: float | None
    probability: dict[str, float] | None


def find_regime(surface: "Surface", n: float, tokens: float, unique: float) -> Regime:
    """The regime at N, E and U."""
    terms, k = _split_at(surface, surface.lanes(), n, tokens, unique)
    probability = _probability(surface, n, tokens, unique)
    often = probability or _often(terms)
    shares = {name: float(values[0]) for name, values in terms.items()}
    return Regime(_label(often), shares, finite(float(k[0])), probability)


def _split_at(
    surface: "Surface", params: "Values", n: float, tokens: float, unique: float
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    lanes = len(next(iter(params.values())))
    return split(surface, params, *(np.full(lanes, value) for value in (n, tokens, unique)))


def _probability(surface: "Surface", n: float, tokens: float, unique: float) -> dict[str, float] | None:
    """In which share of the draws each term is more than half."""
    if not surface.draws:
        return None
    every = max(1, len(next(iter(surface.draws.values()))) // _LABELLED_DRAWS)
    some = {name: values[::every] for name, values in surface.draws.items()}
    return _often(_split_at(surface, some, n, tokens, unique)[0])


def _often(terms: Mapping[str, np.ndarray]) -> dict[str, float]:
    """In which share of the lanes each term is more than half."""
    whole = sum(terms.values())
    return {name: float(np.mean(term > whole / 2)) for name, term in terms.items()}


def _label(often: Mapping[str, float]) -> Limit:
    """The term that is more than half often enough."""
    limits: tuple[Limit, ...] = ("data", "model", "epoch")
    for limit in limits:
        if often[limit] >= _LABEL_SHARE:
            return limit
    return "mixed"


def split(
    surface: "Surface",
    params: "Values",
    n: np.ndarray,
    tokens: np.ndarray,
    unique: np.ndarray,
    floor: np.ndarray | None = None,
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The data, model and epoch terms of L - L_inf, and the best k: all [lanes].

    The terms are those of an exact decomposition: none is negative, and they add to L - L_inf. `floor` is
    L*(U) where it is known already.
    """
    loss = np.asarray(surface.loss(n, tokens, unique, params))
    k, best = best_epochs(surface, params, n, unique)
    best = np.minimum(best, loss)
    floor = np.minimum(data_floor(surface, params, unique) if floor is None else floor, best)
    irreducible = params.get("L_inf", 0.0)
    return {"data": floor - irreducible, "model": best - floor, "epoch": loss - best}, k


def best_epochs(surface: "Surface", params: "Values", n: np.ndarray, unique: np.ndarray) -> tuple[Any, Any]:
    """The k >= 1 of least loss at each N and U, and that loss: all [lanes]. Infinite k: more never hurts.

    For a law of fresh tokens only, k = 1.
    """
    if surface.first_pass:
        return np.ones_like(n), surface.loss(n, unique, unique, params)
    own, size, data = columns(params), n[:, None], unique[:, None]

    def loss(log_k: np.ndarray) -> np.ndarray:
        return surface.loss(size, np.exp(log_k) * data, data, own)

    log_k, lowest = least(loss, np.zeros(len(n)), np.full(len(n), math.log(_LARGEST_K)), _PASSES)
    forever = np.asarray(surface.loss(n, unique * _UNLIMITED, unique, params))
    never_hurts = forever <= lowest
    return np.where(never_hurts, np.inf, np.exp(log_k)), np.where(never_hurts, forever, lowest)


def data_floor(surface: "Surface", params: "Values", unique: np.ndarray) -> np.ndarray:
    """L*(U), the least loss over every N and k at U unique tokens: [lanes]."""
    huge = np.full(len(unique), _UNLIMITED)
    found = [np.asarray(surface.loss(huge, unique, unique, params))]
    if not surface.first_pass:
        found.append(np.asarray(surface.loss(huge, unique * _UNLIMITED, unique, params)))
        found.append(_least_over_sizes(surface, params, unique))
    return np.min([np.where(np.isfinite(loss), loss, np.inf) for loss in found], axis=0)


def _least_over_sizes(surface: "Surface", params: "Values", unique: np.ndarray) -> np.ndarray:
    """The least loss over every finite N at its best k: [lanes]."""

    def loss(log_n: np.ndarray) -> np.ndarray:
        points = log_n.shape[1]
        own = {name: np.repeat(values, points) for name, values in params.items()}
        _, lowest = best_epochs(surface, own, np.exp(log_n).ravel(), np.repeat(unique, points))
        return lowest.reshape(log_n.shape)

    lanes = len(unique)
    return least(loss, np.zeros(lanes), np.full(lanes, math.log(_LARGEST_N)), _SIZES)[1]
