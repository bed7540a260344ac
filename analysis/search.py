"""The search for the minima of a law's objective on one set of points."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from analysis.laws import Law
from analysis.selection import FitError, inputs_of

_OTHER_MINIMA = 2

# Objectives that agree to this fraction, or to residuals of 1e-3 delta, are one minimum.
_SAME_MINIMUM, _SAME_RESIDUAL = 1e-4, 1e-3

# As many of the best lanes as the solver takes in one chunk are searched again: what looked like another
# minimum is often a lane that had not arrived.
_CANDIDATES = 64


@dataclass(frozen=True)
class Minima:
    """The distinct minima found, best first: params [minima, parameters], objective [minima]."""

    params: np.ndarray
    objective: np.ndarray
    starts: int
    agreeing: int

    def others(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """The other local minima, with their objectives."""
        return [
            {"objective": float(objective), "params": dict(zip(names, params.tolist(), strict=True))}
            for params, objective in zip(self.params[1:], self.objective[1:], strict=True)
        ]


@dataclass(frozen=True)
class Data:
    """The arrays of one fit."""

    law: Law
    inputs: dict[str, np.ndarray]
    log_loss: np.ndarray
    runs: np.ndarray
    delta: float

    @classmethod
    def of(cls, table: pl.DataFrame, law: Law, delta: float) -> "Data":
        runs = table["run"].to_numpy()
        return cls(law, inputs_of(table, law), np.log(table["loss"].to_numpy()), runs, delta)

    @property
    def points(self) -> int:
        return len(self.log_loss)

    @property
    def n_runs(self) -> int:
        return len(np.unique(self.runs))

    def search(self, weights: np.ndarray) -> Minima:
        """The minima reached from the law's grid of starts. Raises FitError if there is none."""
        params, objective = self._solve(np.array(self.law.starts()), weights)
        if not np.isfinite(objective[0]):
            raise FitError(f"{self.law.name}: no start gives a finite objective on these points")
        agreeing = objective <= self._same(objective[0])
        candidates = self._distinct(objective, _CANDIDATES)
        polished, polished_objective = self._solve(params[candidates], weights)
        best = self._distinct(polished_objective, 1 + _OTHER_MINIMA)
        return Minima(polished[best], polished_objective[best], len(objective), int(agreeing.sum()))

    def _solve(self, starts: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        from analysis.solver import solve  # JAX takes a second to import

        solution = solve(self.law, starts, self.inputs, self.log_loss, weights, self.delta)
        order = np.argsort(solution.objective)
        return solution.params[order], solution.objective[order]

    def _same(self, objective: float) -> float:
        """The largest objective that counts as the same minimum."""
        return objective * (1 + _SAME_MINIMUM) + self.points * (_SAME_RESIDUAL * self.delta) ** 2

    def _distinct(self, objective: np.ndarray, most: int) -> list[int]:
        """Places of the first of each minimum in sorted objectives."""
        places = [0]
        for i in range(1, len(objective)):
            if len(places) < most and self._same(objective[places[-1]]) < objective[i] < np.inf:
                places.append(i)
        return places

    def condition_number(self, params: np.ndarray) -> float:
        """Of the Jacobian with columns scaled to length 1: how nearly the parameters trade off."""
        from analysis.solver import jacobian

        columns = jacobian(self.law, params, self.inputs)
        length = np.linalg.norm(columns, axis=0)
        return float(np.linalg.cond(columns / length)) if (length > 0).all() else math.inf

    def input_correlation(self) -> float | None:
        """The correlation of the logarithms of two inputs; None for a law of one."""
        if len(self.inputs) != 2:
            return None
        one, two = (np.log(values) for values in self.inputs.values())
        spread = one.std() * two.std()
        return float(np.mean((one - one.mean()) * (two - two.mean())) / spread) if spread > 0 else 1.0
