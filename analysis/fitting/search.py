"""The search for the minima of a law's objective on one set of points."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from quarry.analysis.fitting.correlation import strongest_correlation
from quarry.analysis.points.columns import law_inputs
from quarry.analysis.points.settings import labels, places, settings
from quarry.errors import FitError

if TYPE_CHECKING:
    from quarry.analysis.fitting.objective import Objective
    from quarry.analysis.laws.law import Law, Nested
    from quarry.analysis.points.best_points import BestPoints

MINIMA = 8
"""The most minima that are kept apart."""

MOST_STARTS = 4500
"""A grid with more combinations than this is sampled."""

# As many without the largest runs; below a cut, so many at most and one in so many of the search's starts.
_FEW_STARTS, _VERY_FEW_STARTS, _OF_STARTS = 512, 128, 32

# With more points than this the grid is searched on some of them, and its minima are polished on all: in 30
# of 30 fits of published and own points the best minimum was the same to nine digits, in 29 by 64 points.
_ENOUGH_POINTS = 128

# Objectives that agree to this fraction, or to residuals of 1e-6, are one minimum, unless the predictions
# differ by a tenth of a typical residual.
_SAME_MINIMUM, _SAME_RESIDUAL, _SAME_PREDICTION = 1e-4, 1e-6, 0.1

# All starts are followed for so many iterations, and this share of them, the best, until they arrive: 24 of
# 25 best minima were the same to nine digits as with all followed for 60 iterations, in six tenths of the
# time; the other, in a valley without a bottom, to eight digits.
_FIRST, _FOLLOWED = 20, 0.25

# As many of the best lanes as the solver takes in one chunk are searched again, for more iterations: an
# apparent further minimum is often a lane that had not converged.
_CANDIDATES, _POLISHING = 64, 1000


@dataclass(frozen=True)
class OtherMinimum:
    """A local minimum beside the best one; `excess` is by what fraction its objective lies above the best."""

    objective: float
    excess: float
    params: dict[str, float]


@dataclass(frozen=True)
class Minima:
    """The distinct minima, best first: params [minima, parameters], objective [minima].

    `agreeing` of `starts` starts reached the best; `reached` [starts] are the objectives of all, ascending.
    """

    params: np.ndarray
    objective: np.ndarray
    starts: int
    agreeing: int
    reached: np.ndarray

    def others(self, names: Sequence[str]) -> tuple[OtherMinimum, ...]:
        """The local minima beside the best one, by rising objective; `names` are those of the parameters."""
        best = self.objective[0]
        return tuple(
            OtherMinimum(
                objective=float(objective),
                excess=float(objective / best - 1) if best > 0 else math.inf,
                params=dict(zip(names, params.tolist(), strict=True)),
            )
            for params, objective in zip(self.params[1:], self.objective[1:], strict=True)
        )


@dataclass(frozen=True)
class Data:
    """The arrays of one fit: inputs and target [points], the run of each, residuals' scale [points].

    For a law of the best points only, `choice` chooses them in each resample of the runs. `recipe` [points]
    numbers the settings, beside the inputs, in which runs of equal size and data differ. The residuals of a
    mixture of laws are as small as those of one law: `effective` parameters make them so, in place of all.
    """

    law: "Law"
    inputs: dict[str, np.ndarray]
    target: np.ndarray
    runs: np.ndarray
    objective: "Objective"
    scale: np.ndarray
    choice: "BestPoints | None" = None
    recipe: np.ndarray | None = None
    effective: int | None = None

    @classmethod
    def of(cls, table: pl.DataFrame, law: "Law", objective: "Objective", noise: str | None = None) -> "Data":
        """`noise` names the column with the standard deviation of each response. Raises FitError."""
        response = table[law.response].cast(pl.Float64).to_numpy()
        inputs, runs = law_inputs(table, law), table["run"].to_numpy()
        scale = np.ones(len(response)) if noise is None else _scale(table, noise, response, objective)
        recipe = labels(table, settings(table, places(table, law))[0]).to_numpy()
        return cls(law, inputs, objective.target(response), runs, objective, scale, recipe=recipe)

    @property
    def points(self) -> int:
        return len(self.target)

    @property
    def fitted(self) -> int:
        """How many parameters make the residuals smaller than the scatter of the runs."""
        return len(self.law.parameters) if self.effective is None else self.effective

    @cached_property
    def n_runs(self) -> int:
        return len(np.unique(self.runs))

    def rows(self, kept: np.ndarray) -> "Data":
        """Only these rows (a mask or indices)."""
        inputs = {name: values[kept] for name, values in self.inputs.items()}
        recipe = None if self.recipe is None else self.recipe[kept]
        own = {name: getattr(self, name)[kept] for name in ("target", "runs", "scale")}
        return replace(self, inputs=inputs, recipe=recipe, **own)

    def chosen(self, weights: np.ndarray) -> np.ndarray:
        """`weights` [draws, points] of a resample, 0 for the points that are not on its frontier."""
        return weights if self.choice is None else self.choice.best(weights)

    def predicted(self, params: np.ndarray) -> np.ndarray:
        """The target that the law gives: [points] for params [parameters]."""
        named = dict(zip(self.law.parameter_names, params, strict=True))
        with np.errstate(all="ignore"):
            return self.objective.target(np.asarray(self.law.predict(named, self.inputs)))

    def residuals(self, params: np.ndarray) -> np.ndarray:
        """Predicted less measured target, scaled: [points]."""
        return self.scale * (self.predicted(params) - self.target)

    def solve(self, starts: np.ndarray, weights: Any = 1.0, target: Any = None, **options: Any):
        """`quarry.analysis.fitting.solver.solve` on these points."""
        from quarry.analysis.fitting.solver import solve  # JAX takes a second to import

        target = self.target if target is None else target
        return solve(
            self.law, starts, self.inputs, target, weights, self.objective, scale=self.scale, **options
        )

    def search(self, most: int = MOST_STARTS) -> Minima:
        """The minima reached from at most so many starts of the grid. Raises FitError if there is none."""
        some = self.rows(_spread_rows(self.points)) if self.points > _ENOUGH_POINTS else self
        params, reached = some._followed(np.concatenate([_grid(self.law, most), *some.nested_starts()]))
        if not np.isfinite(reached[0]):
            raise FitError(f"{self.law.name}: no start gives a finite objective on these points")
        agreeing = int((reached <= some._same(reached[0])).sum())
        candidates = some._distinct_objectives(reached)
        return self._polished(params[candidates], len(reached), agreeing, reached)

    def _followed(self, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where the starts end [starts, parameters] and their objectives there [starts], ascending."""
        first = self.solve(starts, iterations=_FIRST)
        order = np.argsort(first.objective)
        best, others = np.split(order, [math.ceil(_FOLLOWED * len(order))])
        last = self.solve(first.params[best])
        params = np.concatenate([last.params, first.params[others]])
        objective = np.concatenate([last.objective, first.objective[others]])
        order = np.argsort(objective)
        return params[order], objective[order]

    def refit(self, minima: Minima, kept: np.ndarray) -> np.ndarray:
        """The best parameters on the rows `kept`, from the minima of all rows and a part of the grid."""
        starts = self.promising(np.concatenate([_grid(self.law, _FEW_STARTS), minima.params]), kept)
        solution = self.solve(starts, kept.astype(float))
        return solution.params[np.argmin(solution.objective)]

    def promising(self, starts: np.ndarray, kept: np.ndarray) -> np.ndarray:
        """Where the best of `starts` end on some of many rows `kept`; all `starts` where these are few."""
        if kept.sum() <= _ENOUGH_POINTS:
            return starts
        rows = np.flatnonzero(kept)
        found = self.rows(rows[_spread_rows(len(rows))]).solve(starts)
        return found.params[np.argsort(found.objective)[:MINIMA]]

    def nested_starts(self) -> list[np.ndarray]:
        """Starts at the minima of the simpler laws that this one contains."""
        return [self._nested_start(nested) for nested in self.law.nested]

    def _nested_start(self, nested: "Nested") -> np.ndarray:
        # Of a simpler law only the best minima are used: a part of its grid finds them.
        inner = replace(self, law=nested.law).search(_FEW_STARTS)
        combinations = [dict(zip(nested.starts, v, strict=True)) for v in product(*nested.starts.values())]
        return np.array(
            [
                [(known | extra)[name] for name in self.law.parameter_names]
                for params in inner.params[:2]
                for known in [dict(zip(nested.law.parameter_names, params.tolist(), strict=True))]
                for extra in combinations
            ]
        )

    def _polished(self, params: np.ndarray, starts: int, agreeing: int, reached: np.ndarray) -> Minima:
        solution = self.solve(params, iterations=_POLISHING)
        order = np.argsort(solution.objective)
        best = self._distinct(solution.params[order], solution.objective[order])
        return Minima(
            solution.params[order[best]], solution.objective[order[best]], starts, agreeing, reached
        )

    def _same(self, objective: float) -> float:
        """The largest objective that counts as the same minimum."""
        return objective * (1 + _SAME_MINIMUM) + float(np.sum((_SAME_RESIDUAL * self.scale) ** 2))

    def _distinct_objectives(self, objective: np.ndarray) -> list[int]:
        """Places of the first of each minimum in sorted objectives, and of the best lanes beside it."""
        places = list(range(min(len(objective), _CANDIDATES // 2)))
        finite = int(np.searchsorted(objective, np.inf))
        while len(places) < _CANDIDATES:
            after = np.searchsorted(objective, self._same(objective[places[-1]]), side="right")
            further = max(int(after), places[-1] + 1)
            if further >= finite:
                break
            places.append(further)
        return places

    def _distinct(self, params: np.ndarray, objective: np.ndarray) -> list[int]:
        """Places of the distinct minima: another objective, or the same with other predictions."""
        residuals = np.array([self.residuals(row) for row in params])
        typical = np.sqrt(np.mean(residuals[0] ** 2))
        places = [0]
        for i in range(1, len(objective)):
            if len(places) == MINIMA or not np.isfinite(objective[i]):
                break
            known = [j for j in places if objective[i] <= self._same(objective[j])]
            with np.errstate(all="ignore"):
                change = [np.sqrt(np.mean((residuals[i] - residuals[j]) ** 2)) for j in known]
            if all(size > _SAME_PREDICTION * typical + _SAME_RESIDUAL for size in change):
                places.append(i)
        return places

    def jacobian(self, params: np.ndarray) -> np.ndarray:
        """d residual / d parameter, per e-fold for `log` parameters: [points, parameters].

        By the program that fits, without a step: one of its own would have to be compiled.
        """
        return self.solve(params[None], iterations=0, with_jacobian=True).jacobian[0]

    def condition_number(self, params: np.ndarray) -> float:
        """Of the Jacobian with columns scaled to length 1: how nearly the parameters trade off."""
        columns = self.jacobian(params)
        length = np.linalg.norm(columns, axis=0)
        usable = np.isfinite(columns).all() and (length > 0).all()
        return float(np.linalg.cond(columns / length)) if usable else math.inf

    def input_correlation(self) -> float | None:
        """The strongest correlation of the logarithms of two inputs; None for a single input."""
        return strongest_correlation(self.inputs)


def _scale(table: pl.DataFrame, noise: str, response: np.ndarray, objective: "Objective") -> np.ndarray:
    """One over the standard deviation of each target."""
    if noise not in table.columns:
        raise FitError(f"noise={noise!r} is not a column; the points have {', '.join(table.columns)}")
    sigma = table[noise].cast(pl.Float64, strict=False).fill_null(math.nan).to_numpy()
    if not (np.isfinite(sigma) & (sigma > 0)).all():
        raise FitError(f"noise: column {noise} holds a value that is not a positive number")
    return response / sigma if objective.logarithmic else 1 / sigma


def _grid(law: "Law", most: int) -> np.ndarray:
    """The law's grid of starts [starts, parameters]; of more than `most`, a sample, the same each time."""
    size = law.grid()
    if size <= most:
        return np.array(law.starts())
    places = np.random.default_rng(0).choice(size, most, replace=False)
    shape = tuple(len(parameter.starts) for parameter in law.parameters)
    columns = np.unravel_index(places, shape)
    values = [np.array(p.starts)[i] for p, i in zip(law.parameters, columns, strict=True)]
    return np.stack(values, axis=1)


def few_starts(law: "Law", most: int = MOST_STARTS) -> np.ndarray:
    """A small part of the law's grid [starts, parameters], for refits that also start from known minima.

    `most` are the starts of the search that found them.
    """
    return _grid(law, min(_VERY_FEW_STARTS, most // _OF_STARTS))


def _spread_rows(points: int) -> np.ndarray:
    """Indices of `_ENOUGH_POINTS` rows, the same each time."""
    return np.sort(np.random.default_rng(0).choice(points, _ENOUGH_POINTS, replace=False))
