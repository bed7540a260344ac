"""The world `hierarchy`: the random hierarchy model of Cagnetta et al. 2023 (2307.02129), a random grammar.

A symbol of one level is written as one of `synonyms` tuples of `branching` symbols of the level below, chosen
uniformly; all tuples of a level are distinct, and each has one parent. A document is the bottom of one tree
of `depth` levels below a uniform root. So every document is equally likely, ln p = -(ln symbols + nodes ln
synonyms), and the entropy rate is exact. It can be reached only where documents are seen whole: with a
context that is a multiple of branching^depth + 1 tokens. The floor has no closed form, and none is given.
"""

import functools
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from quarry.errors import DataError
from quarry.train.data.synthetic.world import ALPHABET, MOST_SYMBOLS, check_option

RARELY_TWICE = 1000
"""Possible documents for each one drawn: exact duplicates are dropped when the corpus is split."""


@dataclass(frozen=True)
class Hierarchy:
    """A random grammar. Raises DataError for options that cannot be used."""

    symbols: int = 16
    """Of each level, v."""
    synonyms: int = 4
    """Ways to write a symbol, m."""
    branching: int = 2
    """Symbols that a symbol is written as, s."""
    depth: int = 4
    """Levels below the root, L."""
    tokens: int = 2**22
    """Size of the corpus, about."""
    seed: int = 0

    def __post_init__(self) -> None:
        check_option(2 <= self.symbols <= MOST_SYMBOLS, self, "symbols", f"from 2 to {MOST_SYMBOLS}")
        check_option(2 <= self.branching <= 8, self, "branching", "from 2 to 8")
        check_option(
            self.depth >= 1 and self.leaves <= 4096, self, "depth", "1 or more, for 4,096 leaves at most"
        )
        most = self.symbols ** (self.branching - 1)
        all_of = f"from 1 to symbols^(branching - 1) = {most:,}, all tuples"
        check_option(1 <= self.synonyms <= most, self, "synonyms", all_of)
        check_option(self.count >= 10, self, "tokens", f"at least ten documents, {10 * (self.leaves + 1):,}")
        check_option(self.seed >= 0, self, "seed", "0 or more")

    @property
    def leaves(self) -> int:
        """Symbols of a document."""
        return self.branching**self.depth

    @property
    def count(self) -> int:
        """Documents of the corpus."""
        return round(self.tokens / (self.leaves + 1))

    @property
    def entropy(self) -> float:
        """Of a document, nats: the root, and the choice at each node."""
        nodes = (self.leaves - 1) // (self.branching - 1)
        return math.log(self.symbols) + nodes * math.log(self.synonyms)

    @property
    def description(self) -> str:
        return (
            f"random hierarchy model of depth {self.depth} over {self.symbols} symbols, "
            f"{self.synonyms} synonyms, branching {self.branching}, seed {self.seed}"
        )

    @property
    def inputs(self) -> tuple[Path, ...]:
        return ()

    @property
    def entropy_rate(self) -> float:
        return self.entropy / (self.leaves + 1)

    @functools.cached_property
    def rules(self) -> np.ndarray:
        """The tuples of each level, from the root down, int64 [depth, symbols, synonyms, branching]."""
        rng, tuples = np.random.default_rng((self.seed, 1)), self.symbols**self.branching
        shape = (self.symbols, self.synonyms)
        chosen = [rng.choice(tuples, shape, replace=False) for _ in range(self.depth)]
        digits = self.symbols ** np.arange(self.branching)
        return np.array(chosen)[..., None] // digits % self.symbols

    def trees(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """The leaves of `count` documents, int64 [count, leaves]."""
        level = rng.integers(self.symbols, size=(count, 1))
        for rules in self.rules:
            level = rules[level, rng.integers(self.synonyms, size=level.shape)].reshape(count, -1)
        return level

    def documents(self) -> tuple[np.ndarray, np.ndarray]:
        if self.entropy < math.log(RARELY_TWICE * self.count):
            raise DataError(
                f"synthetic:hierarchy: {math.exp(self.entropy):,.0f} possible documents are too few for "
                f"tokens = {self.tokens:,}: raise synonyms = {self.synonyms} or depth = {self.depth}"
            )
        leaves = self.trees(self.count, np.random.default_rng((self.seed, 2)))
        return ALPHABET[leaves.ravel()], np.arange(1, self.count + 1) * self.leaves

    def floor(self, rows: np.ndarray) -> float | None:
        return None

    def conditionals(self, rows: np.ndarray) -> np.ndarray | None:
        return None

    def loss(self, tokens: np.ndarray) -> float | None:
        """The same on all whole documents."""
        return self.entropy_rate
