"""A law fitted by least squares of log loss in SciPy, from the best of many starts.

A fit takes a tenth of a second; the search of `quarry.fit`, which finds every minimum, compiles for seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy

from quarry.analysis.fitting.coordinates import bounds, to_natural

if TYPE_CHECKING:
    from quarry.analysis.laws.law import Law

_STARTS, _REFINED, _STEP = 2000, 3, 1e-6
"""Starts drawn at random from the law's grid, how many of the best are refined, a step of derivatives."""


@dataclass(frozen=True)
class LeastSquares:
    """`position` [parameters] in coordinates of the search, Jacobian [rows, parameters], residuals [rows]."""

    position: np.ndarray
    jacobian: np.ndarray
    residuals: np.ndarray


def least_squares(
    law: "Law",
    inputs: Mapping[str, np.ndarray],
    loss: np.ndarray,
    seed: int,
    start: np.ndarray | None = None,
    huber: float | None = None,
) -> LeastSquares:
    """The least squares of ln(predicted / loss) [rows], from `start` or from the best of random starts.

    With `huber` residuals beyond it count linearly.
    """
    starts = _best_starts(law, inputs, loss, seed) if start is None else start[None]
    problem = _Problem(law, inputs, loss)
    found = [
        scipy.optimize.least_squares(
            problem.residuals,
            one,
            jac=problem.jacobian,  # pyright: ignore[reportArgumentType]
            bounds=tuple(bounds(law)),
            x_scale="jac",
            max_nfev=100,
            loss="linear" if huber is None else "huber",
            f_scale=huber or 1.0,
        )
        for one in starts
    ]
    best = min(found, key=lambda one: one.cost)
    return LeastSquares(best.x, best.jac, best.fun)


def named(law: "Law", positions: np.ndarray) -> dict[str, np.ndarray]:
    """Natural parameters by name, each [positions, 1]."""
    natural = to_natural(law, positions)
    return {name: natural[:, j, None] for j, name in enumerate(law.parameter_names)}


def predicted(law: "Law", positions: np.ndarray, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """Losses [positions, rows]."""
    with np.errstate(all="ignore"):
        return law.predict(named(law, positions), inputs)


def _residuals(
    law: "Law", positions: np.ndarray, inputs: Mapping[str, np.ndarray], loss: np.ndarray
) -> np.ndarray:
    """ln(predicted / measured), [positions, rows]."""
    values = predicted(law, positions, inputs)
    return np.log(np.where(np.isfinite(values) & (values > 0), values, 1e3) / loss)


@dataclass
class _Problem:
    """Residuals and their Jacobian, from one call of the law: SciPy asks for both, one after the other."""

    law: "Law"
    inputs: Mapping[str, np.ndarray]
    loss: np.ndarray
    _evaluated: tuple[np.ndarray, np.ndarray] | None = None

    def residuals(self, position: np.ndarray) -> np.ndarray:
        """ln(predicted / measured) [rows] at a position [parameters]."""
        shifted = np.vstack([position, position + _STEP * np.eye(len(position))])
        residuals = _residuals(self.law, shifted, self.inputs, self.loss)
        self._evaluated = position.copy(), ((residuals[1:] - residuals[0]) / _STEP).T
        return residuals[0]

    def jacobian(self, position: np.ndarray) -> np.ndarray:
        """d residuals / d position [rows, parameters], by forward differences."""
        if self._evaluated is None or not np.array_equal(self._evaluated[0], position):
            self.residuals(position)
        assert self._evaluated is not None
        return self._evaluated[1]


def _best_starts(law: "Law", inputs: Mapping[str, np.ndarray], loss: np.ndarray, seed: int) -> np.ndarray:
    """Of random starts from the law's grid the best, [starts, parameters]."""
    random = np.random.default_rng(seed)
    drawn = np.stack([random.choice(p.starts, _STARTS) for p in law.parameters], axis=1)
    low, high = bounds(law)
    margin = 1e-6 * (high - low)
    with np.errstate(all="ignore"):
        positions = np.where([p.log for p in law.parameters], np.log(drawn), drawn)
        positions = np.clip(positions, low + margin, high - margin)
        error = np.abs(np.log(predicted(law, positions, inputs) / loss)).mean(axis=1)
    return positions[np.argsort(np.nan_to_num(error, nan=1e6, posinf=1e6))[:_REFINED]]
