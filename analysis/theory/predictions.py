"""Passes, reuse, gap and overfitting that a solvable model predicts exactly, and their exponents."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from quarry.analysis.theory import exact
from quarry.analysis.theory.exact import Solvable
from quarry.analysis.theory.simulated import Ladder

PASSES = tuple(2.0**j for j in range(17))
"""The numbers of passes among which the best is chosen."""


@dataclass(frozen=True)
class Mean:
    """A model whose loss is the mean over several seeds."""

    model: Solvable
    seeds: tuple[int, ...]

    @property
    def L_inf(self) -> float:
        """The irreducible loss, nats per token."""
        return self.model.L_inf

    def loss(self, n: float, unique: float, epochs: float, seed: int = 0) -> float:
        """Held-out loss, nats per token; `seed` is added to all seeds."""
        return float(np.mean([self.model.loss(n, unique, epochs, seed + s) for s in self.seeds]))


def cells(ladder: Ladder, rho: float = 0.1) -> pl.DataFrame:
    """A row for each N and U of the ladder, computed exactly: floor, k_rho, r_inf, k_opt, rise, gap.

    floor L*(U): the least loss of any size of the ladder. k_rho: passes until the loss is within rho of the
    reducible floor, L* - L_inf, above it; infinite if never. r_inf: the reuse rate at the best number of
    passes k_opt (of `PASSES`). rise: the increase of the loss from k_opt to the most passes. gap g: the loss
    of one pass above the floor.
    """
    model = Mean(ladder.model, ladder.seeds)
    return pl.DataFrame([row for unique in ladder.unique for row in _rows(model, ladder.sizes, unique, rho)])


def _rows(model: Solvable, sizes: tuple[float, ...], unique: float, rho: float) -> list[dict[str, float]]:
    losses = np.array([[model.loss(n, unique, k) for k in PASSES] for n in sizes])
    floor = float(losses.min())
    enough = floor + rho * (floor - model.L_inf)
    return [_cell(model, n, unique, floor, enough, row) for n, row in zip(sizes, losses, strict=True)]


def _cell(
    model: Solvable, n: float, unique: float, floor: float, enough: float, losses: np.ndarray
) -> dict[str, float]:
    best = int(np.argmin(losses))
    reached = losses[best] <= enough
    return {
        "N": n,
        "U": unique,
        "floor": floor,
        "k_rho": exact.epochs_to(model, n, unique, enough) if reached else float("inf"),
        "r_inf": exact.reuse_rate(model, n, unique, PASSES[best]),
        "k_opt": PASSES[best],
        "rise": float(losses[-1] - losses[best]),
        "gap": float(losses[0] - floor),
    }


def exponents(predicted: pl.DataFrame) -> dict[str, float]:
    """b, c of ln k_rho = a - b ln N + c ln U and p, q of r_inf ~ U^p N^-q, by least squares over the cells.

    Only cells that reach the floor (k_rho is finite): elsewhere the size limits the loss. NaN with too few
    cells.
    """
    table = predicted.filter(pl.col("k_rho").is_finite() & pl.col("r_inf").is_finite())
    c, b = _plane(table, "k_rho")
    p, q = _plane(table, "r_inf")
    return {"b": b, "c": c, "p": p, "q": q, "cells": float(table.height)}


def _plane(table: pl.DataFrame, name: str) -> tuple[float, float]:
    """The exponents of U and of 1/N in the column `name`."""
    if table["N"].n_unique() < 2 or table["U"].n_unique() < 2 or table.height < 3:
        return float("nan"), float("nan")
    design = np.column_stack([np.ones(table.height), np.log(table["U"]), -np.log(table["N"])])
    solved = np.linalg.lstsq(design, np.log(table[name].to_numpy()), rcond=None)[0]
    return float(solved[1]), float(solved[2])
