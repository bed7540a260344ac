"""Runs of a known surface of sizes, unique tokens and passes, with noise of draws, runs and branches.

L(N, U, k) = L*(U) (1 + RHO (k / k*)^-T), so that k*(N, U) = K_0 N^-b U^c exp(effect of the cell) passes come
within RHO of the floor, and N to infinity comes down to it as N^-bT.
"""

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from quarry.analysis.epochs.noise import DRAW_AT

RHO, T, L_INF, L_0 = 0.10, 0.7, 1.0, 3.2
SIZES, UNIQUE = 6e3 * 2.0 ** np.arange(6), 2.0 ** np.array([16, 18, 20, 22])
PASSES, FRESH = 2.0 ** np.arange(6), 2.0 ** np.arange(16, 27)
NOISE = {"draw": 0.002, "run": 0.003, "branch": 0.001}
REPLICATES = 3
REMEDY = 1.3
"""What the remedy's U counts as, in plain U."""


def floor(unique):
    return L_INF + 8.0 * unique**-0.2


@dataclass
class Surface:
    """b and c of k*, the passes at the middle of the sizes and U, the scatter of ln k* between cells."""

    b: float = 0.35
    c: float = -0.15
    middle: float = 4.0
    scatter: float = 0.0
    seed: int = 0
    effects: dict = field(default_factory=dict)

    def __post_init__(self):
        random = np.random.default_rng((self.seed, 1))
        self.effects = {
            (n, u): self.scatter * random.standard_normal() for n in SIZES.tolist() for u in UNIQUE.tolist()
        }

    def law(self, n, u):
        """k* without the effects of cells."""
        n_middle, u_middle = np.exp(np.log(SIZES).mean()), np.exp(np.log(UNIQUE).mean())
        return self.middle * (n / n_middle) ** -self.b * (u / u_middle) ** self.c

    def needed(self, n, u):
        """k*."""
        return self.law(n, u) * np.exp(self.effects.get((n, u), 0.0))

    def loss(self, n, u, k):
        return floor(u) * (1 + RHO * (k / self.needed(n, u)) ** -T)

    def first(self, n, e):
        """Of tokens seen once: the surface without the effects of cells."""
        return floor(e) * (1 + RHO * self.law(n, e) ** T)


def runs(surface: Surface, seed: int, noise: float = 1.0) -> pl.DataFrame:
    """Trunks with their branches: every cell, the remedy, replicates of the smallest size, fresh tokens."""
    random = np.random.default_rng((seed, 2))
    sds = {name: noise * value for name, value in NOISE.items()}
    of_draw = {
        (u, d): sds["draw"] * np.sqrt(DRAW_AT / u) * random.standard_normal()
        for u in UNIQUE.tolist()
        for d in range(REPLICATES)
    }
    rows = []

    def trunk(name, n, u, ks, losses, draw=0, decay=0.1):
        shared = sds["run"] * random.standard_normal()
        for k, loss in zip(ks, losses, strict=True):
            own = sds["branch"] * random.standard_normal() + (k > 1) * of_draw.get((u, draw), 0.0)
            row = {"N": n, "U": u, "E": k * u, "loss": loss * np.exp(shared + own), "annealed": True}
            rows.append(row | {"run": name, "draw": draw, "weight_decay": decay})

    for n in SIZES.tolist():
        for u in UNIQUE.tolist():
            losses = np.array([surface.loss(n, u, k) for k in PASSES])
            trunk(f"{n}/{u}", n, u, PASSES, losses)
            # The remedy gives the losses of the same passes over REMEDY times as many tokens.
            remedied = losses * floor(REMEDY * u) / floor(u)
            trunk(f"{n}/{u}/decay", n, u, PASSES, remedied, decay=1.6)
            for copy in range(1, REPLICATES) if n == SIZES[0] else ():
                trunk(f"{n}/{u}/seed{copy}", n, u, PASSES, losses)
                trunk(f"{n}/{u}/draw{copy}", n, u, PASSES, losses, draw=copy)
        trunk(f"{n}/fresh", n, FRESH[-1], FRESH / FRESH[-1], [surface.first(n, e) for e in FRESH])
    return pl.DataFrame(rows)
