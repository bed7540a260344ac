"""Power laws in N and U of quantities that were partly only bounded, over draws of noise and of cells."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from quarry.analysis.epochs.censored_regression import Censored, tobit
from quarry.analysis.epochs.estimates import estimate_row

if TYPE_CHECKING:
    from quarry.analysis.fitting.intervals import IntervalSettings


@dataclass(frozen=True)
class PowerLaw:
    """ln y = intercept + of_n ln(N / n_middle) + of_u ln(U / u_middle), normal about it; arrays [draws].

    NaN in draws that cannot bear it. `known` counts the cells that were not censored, `cells` all.
    """

    intercept: np.ndarray
    of_n: np.ndarray
    of_u: np.ndarray
    deviation: np.ndarray
    n_middle: float
    u_middle: float
    known: int
    cells: int

    def at(self, n: float, u: float) -> np.ndarray:
        """y, [draws]."""
        return np.exp(
            self.intercept + self.of_n * np.log(n / self.n_middle) + self.of_u * np.log(u / self.u_middle)
        )


def power_law(sizes: np.ndarray, unique: np.ndarray, logs: Censored, seed: int) -> PowerLaw | None:
    """Through ln y [draws, N, U], NaN in cells without it; cells have random weights but in the first draw.

    Where only one U was measured `of_u` is NaN and the line is in N alone. None with fewer than four cells.
    """
    there = ~np.isnan(logs.low[0])
    n, u = np.broadcast_to(sizes[:, None], there.shape)[there], np.broadcast_to(unique, there.shape)[there]
    if len(n) < 4 or len(np.unique(n)) < 2:
        return None
    n_middle, u_middle = float(np.exp(np.log(n).mean())), float(np.exp(np.log(u).mean()))
    columns = [np.ones(len(n)), np.log(n / n_middle)]
    both = len(np.unique(u)) > 1
    design = np.stack([*columns, np.log(u / u_middle)] if both else columns, axis=1)
    values = Censored(logs.low[:, there], logs.high[:, there])
    found, deviation = tobit(design, values, _weights(len(values.low), len(n), seed))
    of_u = found[:, 2] if both else np.full(len(found), np.nan)
    known = int(values.known[0].sum())
    return PowerLaw(found[:, 0], found[:, 1], of_u, deviation, n_middle, u_middle, known, len(n))


def laws_table(laws: Mapping[str, PowerLaw | None], settings: "IntervalSettings") -> pl.DataFrame:
    """A row for each law: exponents of N and U with intervals, scatter, cells and how many are uncensored."""
    rows = [
        {"quantity": name,
         **estimate_row(settings, {"of_N": law.of_n, "of_U": law.of_u, "scatter": law.deviation}),
         "known": law.known, "cells": law.cells}
        for name, law in laws.items()
        if law is not None
    ]  # fmt: skip
    return pl.DataFrame(rows, infer_schema_length=None)


def slope(sizes: np.ndarray, logs: np.ndarray) -> np.ndarray:
    """d logs / d ln N of logs [draws, N], over the sizes that the first draw has; NaN with fewer than two."""
    there = ~np.isnan(logs[0])
    if there.sum() < 2:
        return np.full(len(logs), np.nan)
    x = np.log(sizes[there])
    x = x - x.mean()
    return logs[:, there] @ x / (x @ x)


def _weights(draws: int, units: int, seed: int) -> np.ndarray:
    """The weight of each unit: 1 in the first draw, in the others of the Bayesian bootstrap (Rubin 1981).

    It leaves no unit out, so that no draw lacks what the line needs.
    """
    weights = np.random.default_rng(seed).dirichlet(np.ones(units), size=draws - 1)
    return np.vstack([np.ones(units), units * weights])
