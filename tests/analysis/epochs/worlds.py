"""How often `quarry epochs` judges rightly in worlds that are not of its laws' form, as a table.

    python -m tests.analysis.epochs.worlds 20

writes runs/benchmarks/epochs-worlds.csv: of each world and claim the truth, and how often the verdict was
yes, undecided, no or not measured.
"""

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from quarry.analysis.epochs.study import study_epochs
from quarry.train.record.points_table import write_table
from tests.analysis.epochs.known_surface import L_0, SIZES, UNIQUE, Surface, runs

DRAWS = 100
VERDICTS = ("yes", "undecided", "no", "not measured")
_N, _U = (float(np.exp(np.log(x).mean())) for x in (SIZES, UNIQUE))


class Capacity(Surface):
    """Every size ends above the floor by a term that vanishes with N."""

    def loss(self, n, u, k):
        return super().loss(n, u, k) + 0.25 * (n / SIZES[0]) ** -0.6

    def first(self, n, e):
        return super().first(n, e) + 0.25 * (n / SIZES[0]) ** -0.6


class Interaction(Surface):
    """b grows with ln U, from 0.18 to 0.52."""

    def law(self, n, u):
        return super().law(n, u) * (n / _N) ** (-0.08 * np.log(u / _U))


class Remainder(Surface):
    """However large the model, it takes three passes: the first leaves 0.22 of the floor to all sizes."""

    def law(self, n, u):
        return 3.0 + super().law(n, u)


class Overfitting(Surface):
    """Size gives no speed, and after four passes the loss rises the more the larger the model."""

    def loss(self, n, u, k):
        harm = 0.004 * np.maximum(k - 4, 0) * (n / SIZES[0]) ** 0.4
        return super().loss(n, u, k) * (1 + harm)


@dataclass(frozen=True)
class World:
    """A surface by its seed, and which of the four claims are true of it."""

    surface: Callable[[int], Surface]
    truth: tuple[bool, bool, bool, bool]


WORLDS = {
    "separable": World(lambda seed: Surface(scatter=0.03, seed=seed), (True,) * 4),
    "larger is slower": World(
        lambda seed: Surface(b=-0.2, scatter=0.03, seed=seed), (False, False, False, False)
    ),
    "capacity": World(lambda seed: Capacity(scatter=0.03, seed=seed), (True,) * 4),
    "interaction": World(lambda seed: Interaction(scatter=0.03, seed=seed), (True,) * 4),
    "remainder": World(
        lambda seed: Remainder(middle=2.0, scatter=0.03, seed=seed), (True, False, False, True)
    ),
    "overfitting": World(
        lambda seed: Overfitting(b=0.0, scatter=0.03, seed=seed), (False, False, False, True)
    ),
}


def judged(name: str, seed: int) -> list[str]:
    """The verdicts on the four claims in one repeat of a world; one recipe, without the remedy."""
    table = runs(WORLDS[name].surface(seed), seed).filter(pl.col("weight_decay") < 1)
    return [verdict.holds for verdict in study_epochs(table, L_0, bootstrap=DRAWS, seed=seed).verdicts]


def graded(repeats: int, names: tuple[str, ...] = tuple(WORLDS)) -> pl.DataFrame:
    """world, claim, truth, repeats, and the number of each verdict."""
    rows = []
    for name in names:
        found = [judged(name, seed) for seed in range(repeats)]
        for claim, truth in enumerate(WORLDS[name].truth):
            counts = Counter(one[claim] for one in found)
            row = {"world": name, "claim": claim + 1, "truth": truth, "repeats": repeats}
            rows.append(row | {verdict: counts[verdict] for verdict in VERDICTS})
    return pl.DataFrame(rows)


if __name__ == "__main__":
    result = graded(int(sys.argv[1]))
    output = Path("runs/benchmarks/epochs-worlds.csv")
    write_table(result, output)
    print(result, f"-> {output}", sep="\n")
