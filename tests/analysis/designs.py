"""Synthetic scale points of known laws."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from analysis.laws import CHINCHILLA, KAPLAN_N, POWER_OFFSET, Law


@dataclass(frozen=True)
class Design:
    """A law, its true parameters, and where it is measured with what log-normal noise."""

    law: Law
    true: tuple[float, ...]
    inputs: dict[str, np.ndarray]
    noise: float

    @property
    def params(self) -> dict[str, float]:
        return dict(zip(self.law.parameter_names, self.true, strict=True))

    def log_losses(self, repeats: int, seed: int = 0) -> np.ndarray:
        """[repeats, points]."""
        exact = np.log(self.law.loss(self.params, self.inputs))
        return exact + self.noise * np.random.default_rng(seed).standard_normal((repeats, len(exact)))

    def table(self, seed: int = 0) -> pl.DataFrame:
        return pl.DataFrame({**self.inputs, "loss": np.exp(self.log_losses(1, seed)[0])})


def _grid(sizes: int, counts: int) -> dict[str, np.ndarray]:
    n, tokens = np.meshgrid(np.geomspace(1e6, 1e9, sizes), np.geomspace(1e8, 1e11, counts))
    return {"N": n.ravel(), "E": tokens.ravel()}


KAPLAN = Design(KAPLAN_N, (8.8e13, 0.076), {"N": np.tile(np.geomspace(1e5, 1e9, 10), 4)}, 0.005)
OFFSET = Design(POWER_OFFSET, (1.7, 1e6, 0.3), {"N": np.tile(np.geomspace(1e4, 1e8, 10), 4)}, 0.005)
GRID = Design(CHINCHILLA, (1.69, 406.4, 410.7, 0.34, 0.28), _grid(7, 7), 0.002)
DESIGNS = {"kaplan-n": KAPLAN, "power-offset": OFFSET, "chinchilla": GRID}
