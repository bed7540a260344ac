"""Joint surfaces L(N, E, U) through the best losses, and what they say of sizes beyond those trained.

Draws of the parameters are normal about the estimate, with the covariance of the Jacobian.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from quarry.analysis.epochs.least_squares import LeastSquares, least_squares, named, predicted
from quarry.analysis.fitting.coordinates import bounds
from quarry.analysis.laws.repeated_data import (
    BOUNDED,
    DATA_CONSTRAINED,
    EFFECTIVE_REUSE,
    OVERFIT_EPOCHS,
    epochs,
)

if TYPE_CHECKING:
    from quarry.analysis.epochs.grid import FirstPass, Grid
    from quarry.analysis.laws.law import Law

SURFACES: "dict[str, Law]" = {
    law.name: law for law in (DATA_CONSTRAINED, EFFECTIVE_REUSE, OVERFIT_EPOCHS, BOUNDED)
} | {
    f"epochs ({', '.join(terms)})": epochs(terms)
    for terms in (("coupling", "reuse"), ("coupling", "reuse", "overfit"))
}
"""The laws of repeated data that have a first pass and a floor, by the name to show."""

_PASSES = np.geomspace(1, 256, 17)
"""The k over which a surface's floor is sought."""


@dataclass(frozen=True)
class Cells:
    """N, U, E and loss [rows] that a surface is fitted to."""

    n: np.ndarray
    unique: np.ndarray
    tokens: np.ndarray
    loss: np.ndarray

    def where(self, rows: np.ndarray) -> "Cells":
        return Cells(self.n[rows], self.unique[rows], self.tokens[rows], self.loss[rows])

    @property
    def inputs(self) -> dict[str, np.ndarray]:
        return {"N": self.n, "U": self.unique, "E": self.tokens}


@dataclass(frozen=True)
class Surface:
    """A fitted law: `params` by name, each [1 + draws, 1], and its errors at the largest N.

    `held_out` are |predicted / measured - 1| [rows] of the fit without them, `groups` [rows] their U;
    `variance` is the mean square of the residuals of log loss, of all rows.
    """

    name: str
    law: "Law"
    params: dict[str, np.ndarray]
    held_out: np.ndarray
    groups: np.ndarray
    variance: float

    def loss(self, n: Any, unique: Any, passes: Any) -> np.ndarray:
        """[1 + draws, ...] at N, U and k that broadcast to one axis."""
        n, unique, passes = (np.atleast_1d(np.asarray(value, float)) for value in (n, unique, passes))
        with np.errstate(all="ignore"):
            return self.law.predict(self.params, {"N": n, "U": unique, "E": passes * unique})

    def floor(self, unique: float, sizes: np.ndarray) -> np.ndarray:
        """The least loss over k and `sizes`, [1 + draws]."""
        n, k = (axis.ravel() for axis in np.meshgrid(sizes, _PASSES, indexing="ij"))
        return np.nanmin(self.loss(n, unique, k), axis=1)


def surface_cells(tuned: "Grid", fresh: "FirstPass") -> Cells:
    """The measured losses of the best recipe at each N, U and k, and of first passes over fresh tokens."""
    n, u, k = np.nonzero(~np.isnan(tuned.losses[0]))
    at_n, at_e = np.nonzero(~np.isnan(fresh.losses[0]))
    return Cells(
        np.concatenate([tuned.sizes[n], fresh.sizes[at_n]]),
        np.concatenate([tuned.unique[u], np.full(len(at_e), fresh.tokens.max(initial=0.0))]),
        np.concatenate([tuned.unique[u] * tuned.passes[k], fresh.tokens[at_e]]),
        np.concatenate([tuned.losses[0, n, u, k], fresh.losses[0, at_n, at_e]]),
    )


def fit_surfaces(cells: Cells, draws: int, seed: int, laws: "dict[str, Law]" = SURFACES) -> list[Surface]:
    """Every law that the cells can bear, fitted to all of them and without the largest N."""
    inside = cells.n < cells.n.max()
    found = []
    for name, law in laws.items():
        if law.reference is not None:
            law = law.reference({key: float(np.exp(np.log(v).mean())) for key, v in cells.inputs.items()})
        if inside.sum() <= 2 * len(law.parameters):
            continue
        best = least_squares(law, cells.inputs, cells.loss, seed)
        fewer, rest = cells.where(inside), cells.where(~inside)
        alone = least_squares(law, fewer.inputs, fewer.loss, seed, best.position)
        errors = np.abs(predicted(law, alone.position[None], rest.inputs)[0] / rest.loss - 1)
        params = named(law, _drawn(law, best, draws, seed))
        found.append(Surface(name, law, params, errors, rest.unique, float((best.residuals**2).mean())))
    return found


def _drawn(law: "Law", best: LeastSquares, draws: int, seed: int) -> np.ndarray:
    """The position, and draws about it by the covariance s^2 (J'J)^-1, within the bounds; [1 + draws, p]."""
    position, residuals = best.position, best.residuals
    variance = residuals @ residuals / max(1, len(residuals) - len(position))
    values, vectors = np.linalg.eigh(np.linalg.pinv(best.jacobian.T @ best.jacobian, rcond=1e-10) * variance)
    shifts = np.random.default_rng(seed).standard_normal((draws, len(position)))
    drawn = position + shifts * np.sqrt(np.maximum(values, 0.0)) @ vectors.T
    return np.clip(np.vstack([position, drawn]), *bounds(law))
