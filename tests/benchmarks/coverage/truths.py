"""Synthetic truths for the coverage of intervals: losses near published ones, and where they are measured."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

Loss = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""The loss [...] at N and E."""

# Where the two terms are drawn: Hoffmann et al. 2022 have 0.8 each there.
_SIZE, _TOKENS, _TERM = 1e8, 2e9, (0.4, 1.2)
_L_INF, _EXPONENT = (1.2, 2.0), (0.25, 0.45)


@dataclass(frozen=True)
class Places:
    """N and E of runs [runs]."""

    N: np.ndarray
    E: np.ndarray

    @property
    def compute(self) -> np.ndarray:
        return 6 * self.N * self.E

    def measured(self, loss: Loss, noise: float, rng: np.random.Generator) -> pl.DataFrame:
        """A run at each place, with log-normal seed noise."""
        losses = loss(self.N, self.E) * np.exp(noise * rng.standard_normal(len(self.N)))
        return pl.DataFrame({"N": self.N, "E": self.E, "loss": losses})


def chinchilla(rng: np.random.Generator, _: Places) -> Loss:
    """The law that is fitted."""
    floor, (size, data), (alpha, beta) = _drawn(rng)
    return lambda n, e: floor + size * (_SIZE / n) ** alpha + data * (_TOKENS / e) ** beta


def skaling(rng: np.random.Generator, _: Places) -> Loss:
    """Coupled terms, kappa from 0.5 to 0.8; the exponents and terms drawn are those of each input alone."""
    floor, (size, data), (alpha, beta) = _drawn(rng)
    kappa = rng.uniform(0.5, 0.8)
    return lambda n, e: (
        floor
        + ((size * (_SIZE / n) ** alpha) ** (1 / kappa) + (data * (_TOKENS / e) ** beta) ** (1 / kappa))
        ** kappa
    )


def bent(rng: np.random.Generator, design: Places) -> Loss:
    """Chinchilla's times 1 + c (log10 C - middle)^2, c from 0.0005 to 0.003, about the design's middle."""
    law, c = chinchilla(rng, design), rng.uniform(0.0005, 0.003)
    logs = np.log10(design.compute)
    middle = (logs.min() + logs.max()) / 2
    return lambda n, e: law(n, e) * (1 + c * (np.log10(6 * n * e) - middle) ** 2)


def two_powers(rng: np.random.Generator, design: Places) -> Loss:
    """N to the powers 0.5 and 0.2, alike at a crossover within the design, in place of one power."""
    floor, (size, data), (_, beta) = _drawn(rng)
    crossover = np.exp(rng.uniform(*np.log([design.N.min(), design.N.max()])))
    share = size / _halves(_SIZE, crossover)
    return lambda n, e: floor + share * _halves(n, crossover) + data * (_TOKENS / e) ** beta


TRUTHS: Mapping[str, Callable[[np.random.Generator, Places], Loss]] = {
    "chinchilla": chinchilla,
    "skaling": skaling,
    "bent": bent,
    "two powers of N": two_powers,
}
"""By name, a loss with parameters drawn at random, given the places of the design."""


def grid() -> Places:
    """Six sizes by five token counts, two decades of each."""
    sizes, tokens = np.meshgrid(np.geomspace(1e7, 1e9, 6), np.geomspace(2e8, 2e10, 5), indexing="ij")
    return Places(sizes.ravel(), tokens.ravel())


def isoflop() -> Places:
    """Seven sizes at four budgets, from a quarter to four times the size with 20 tokens per parameter."""
    budgets, ratios = np.meshgrid(np.geomspace(1e17, 1e19, 4), np.geomspace(0.25, 4, 7), indexing="ij")
    sizes = (ratios * np.sqrt(budgets / 120)).ravel()
    return Places(sizes, budgets.ravel() / 6 / sizes)


DESIGNS: Mapping[str, Callable[[], Places]] = {"grid": grid, "isoFLOP": isoflop}


def _drawn(rng: np.random.Generator) -> tuple[float, np.ndarray, np.ndarray]:
    """L_inf, the terms of N and E at 1e8 parameters and 2e9 tokens [2], and their exponents [2]."""
    low, high = np.log(_TERM)
    return rng.uniform(*_L_INF), np.exp(rng.uniform(low, high, 2)), rng.uniform(*_EXPONENT, 2)


def _halves(n: np.ndarray | float, crossover: float) -> np.ndarray:
    return np.asarray((crossover / n) ** 0.5 + (crossover / n) ** 0.2)
