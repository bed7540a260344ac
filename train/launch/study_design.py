"""What a new study trains: text, and every size at every number of tokens or sizes at budgets."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from quarry.checks import require

TOKENS_PER_PARAMETER = 20
"""E / N near the compute optimum (Hoffmann 2022, 2203.15556, Table 3), of the middle size at a budget."""
BUDGET_FACTOR = 2.0
"""The sizes at one budget lie this factor apart, so that five of them span a factor of 16 in N."""
FEWEST_STEPS = 256
"""The shortest run of a study has at least as many steps, which decides the batch."""
LARGEST_BATCH = 2**19
MOST_SIZES = 100
SMALL_HEAD, LARGE_HEAD, SMALL_MODEL = 16, 64, 1e6
"""Widths are multiples of a head, so a study that begins below SMALL_MODEL parameters has narrow heads."""


@dataclass(frozen=True)
class Design:
    """Text, and either every size at every number of tokens, or sizes at budgets."""

    corpus: str
    tokenizer: str = "bytes"
    context: int = 128
    sizes: int = 5
    params: tuple[float, float] = (1e4, 5e5)
    """Least and largest N, without embeddings; not used with `budgets`."""
    tokens: tuple[float, ...] = (2**18, 2**19, 2**20)
    """E of the runs of every size; not used with `budgets`."""
    budgets: tuple[float, ...] = ()
    """C = 6 N E in FLOPs: at each, `sizes` sizes around the one with TOKENS_PER_PARAMETER."""

    def __post_init__(self) -> None:
        least = 3 if self.budgets else 1
        require(
            least <= self.sizes <= MOST_SIZES,
            f"sizes = {self.sizes}: must be at least {least} and at most {MOST_SIZES}",
        )
        require(self.context >= 2, f"context = {self.context}: must be at least 2")
        for name in ("params", "tokens", "budgets"):
            for value in getattr(self, name):
                require(0 < value < 1e30, f"{name}: {value} must be positive and below 1e30")
        low, high = self.params
        require(low <= high, f"params = {low:g} {high:g}: the least N comes first")

    def planned(self) -> Iterator[tuple[float, float]]:
        """N and E of each point."""
        if not self.budgets:
            yield from product(np.geomspace(*self.params, self.sizes).tolist(), self.tokens)
        for flops in self.budgets:
            middle = math.sqrt(flops / (6 * TOKENS_PER_PARAMETER))
            for i in range(self.sizes):
                n = middle * BUDGET_FACTOR ** (i - (self.sizes - 1) / 2)
                yield n, flops / (6 * n)

    @property
    def head_dim(self) -> int:
        """Features per head."""
        return SMALL_HEAD if min(n for n, _ in self.planned()) < SMALL_MODEL else LARGE_HEAD

    @property
    def batch_tokens(self) -> int:
        """The largest power of two of contexts that leaves the shortest run FEWEST_STEPS steps."""
        most = min(LARGEST_BATCH, min(tokens for _, tokens in self.planned()) / FEWEST_STEPS)
        return self.context * 2 ** max(0, math.floor(math.log2(max(1.0, most / self.context))))
