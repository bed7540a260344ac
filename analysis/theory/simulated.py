"""Ladders of runs of the solvable models, and their tables of points."""

from dataclasses import dataclass
from itertools import product

import polars as pl

from quarry.analysis.theory.circuits import Circuits
from quarry.analysis.theory.exact import HasFloor, Solvable
from quarry.analysis.theory.features import Features
from quarry.analysis.theory.lookup import Lookup


@dataclass(frozen=True)
class Ladder:
    """A model with the sizes, unique tokens and epochs of its runs."""

    name: str
    model: Solvable
    sizes: tuple[float, ...]
    unique: tuple[float, ...]
    epochs: tuple[float, ...] = (0.25, 0.5, 1, 2, 4, 8, 16, 32, 64)
    seeds: tuple[int, ...] = (0,)
    fresh: int = 4
    """Every size is also trained on tokens seen once, to this many doublings beyond the largest U."""

    def points(self) -> pl.DataFrame:
        """The points table of the ladder: run, N, U, E, k, C (6NE), loss, annealed, seed; a row for each run.

        Of a model whose L*(U) is known also `floor` and `entropy_rate`, L_inf.

        Every row is an annealed run of its own, without noise of measurement.
        """
        cells = product(self.sizes, self.unique, self.epochs, self.seeds)
        once = product(self.sizes, self.once(), (1.0,), self.seeds)
        return pl.DataFrame([self._row(*cell) for cell in (*cells, *once)])

    def once(self) -> tuple[float, ...]:
        """The U that are seen once only: doublings between the least and the largest U, and beyond it."""
        most = max(self.unique) * 2**self.fresh
        doublings = (min(self.unique) * 2.0**j for j in range(64))
        return tuple(u for u in doublings if u <= most and u not in self.unique)

    @property
    def unigram_entropy(self) -> float:
        """L_0: the loss before any training, nats per token."""
        return self.model.loss(max(self.sizes), 1e-9, 1.0, self.seeds[0])

    def _row(self, n: float, unique: float, epochs: float, seed: int) -> dict[str, object]:
        tokens = unique * epochs
        loss = self.model.loss(n, unique, epochs, seed)
        name = f"{self.name}/n{n:g}-u{unique:g}-k{epochs:g}-s{seed}"
        scale = {"N": n, "U": unique, "E": tokens, "k": epochs, "C": 6 * n * tokens}
        return {
            "run": name,
            **scale,
            "loss": loss,
            "annealed": True,
            "seed": seed,
            **self._known(unique, seed),
        }

    def _known(self, unique: float, seed: int) -> dict[str, float]:
        if not isinstance(self.model, HasFloor):
            return {}
        return {"floor": self.model.floor(unique, seed), "entropy_rate": self.model.L_inf}


def fours(start: float, count: int) -> tuple[float, ...]:
    """`count` numbers from `start`, each four times the one before."""
    return tuple(start * 4.0**j for j in range(count))


_SIZES, _UNIQUE = fours(1000, 4), fours(250, 3)

EQUAL = Ladder("equal", Circuits(prior="library", library="best"), fours(400, 4), _UNIQUE)
"""One circuit per skill, all equally fast: a library of N divides its prior by N."""

RARE = Ladder("rare", Circuits(slowest=0.01), _SIZES, _UNIQUE)
"""Many circuits per skill, fast ones rare: a larger library holds faster ones."""

WRONG = Ladder("wrong", Circuits(spurious=0.5, noise=1.0), _SIZES, _UNIQUE)
"""Many equally fast circuits per skill, half of them wrong."""

LOOKUP = Ladder("lookup", Lookup(features=30_000), fours(100, 4), _UNIQUE)
"""Yan's regression on Zipf-distributed features; a model of size N has the first N."""

FEATURES = Ladder("features", Features(), (16, 32, 64, 128, 256), fours(64, 3))
"""Lin's regression on N random features by gradient descent."""

_RATES = (0.5, 0.2, 0.08, 0.03, 0.01)

HARD, EASY = (
    Ladder(
        name,
        Features(a, b, dimension=256, L_inf=0.1, rates=_RATES),
        (32, 64, 128, 256),
        fours(64, 4),
        epochs=(1, 2, 4, 8, 16, 32, 64),
        seeds=(0, 1),
        fresh=2,
    )
    for name, a, b in (("hard", 2.0, 1.5), ("easy", 1.5, 2.5))
)
"""Regression on both sides of the line where one pass of SGD is optimal (b >= a), at each run's best rate."""

WORLDS = {"hard": HARD, "easy": EASY}
"""Ladders whose floor is known, to grade estimators by."""

LADDERS = {ladder.name: ladder for ladder in (EQUAL, RARE, WRONG, LOOKUP, FEATURES)}
