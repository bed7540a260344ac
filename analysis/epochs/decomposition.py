"""The loss of each cell above L_inf split into parts due to data, model and epochs; the regimes."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from quarry.analysis.epochs.estimates import estimate_row

if TYPE_CHECKING:
    from quarry.analysis.epochs.floors import Floors
    from quarry.analysis.epochs.grid import Grid
    from quarry.analysis.fitting.intervals import IntervalSettings

TERMS = ("data", "model", "epoch")
_MAIN_SHARE, _LABELLED_FROM = 0.5, 0.8
"""The share of the sum that makes a term the main one, and of the draws in which it must be for a label."""


def cells_table(
    plain: "Grid", tuned: "Grid", floor: "Floors", unigram_entropy: float, settings: "IntervalSettings"
) -> pl.DataFrame:
    """A row for each N, U and k of the plain recipe, with intervals.

    eta = (L_0 - L) / (L_0 - L*), excess L - L*, relative L / L* - 1, reducible excess / (L* - L_inf), and the
    exact split L - L_inf = data + model + epoch: L* - L_inf, the least loss of this N over k and recipe above
    L*, and the loss above that. Quantities that need an L_inf are null where there is none. `regime` is the
    term with over half of the sum in over 80% of the draws, else mixed; its probabilities are p_data,
    p_model, p_epoch. `slope_N`, `slope_U` and `slope_k` are -d ln(L - L_inf) / d ln x between the neighbours
    measured.
    """
    best = tuned.of_size
    reducible = plain.losses - floor.irreducible[:, None, None, None]
    slopes = {f"slope_{name}": _slopes(axis, x, reducible) for name, axis, x in _axes(plain)}
    rows = []
    for n, u, k in zip(*np.nonzero(~np.isnan(plain.losses[0])), strict=True):
        loss, low = plain.losses[:, n, u, k], floor.default[:, u]
        of_size = np.fmin(best[:, np.flatnonzero(tuned.sizes == plain.sizes[n])[0], u], loss)
        terms = {"data": low - floor.irreducible, "model": of_size - low, "epoch": loss - of_size}
        found = {"loss": loss, "eta": (unigram_entropy - loss) / (unigram_entropy - low)}
        found |= {"excess": loss - low, "relative": loss / low - 1, **terms}
        with np.errstate(divide="ignore", invalid="ignore"):
            found["reducible"] = found["excess"] / terms["data"]
        found |= {name: values[:, n, u, k] for name, values in slopes.items()}
        cell = {"N": plain.sizes[n], "U": plain.unique[u], "k": plain.passes[k]}
        rows.append(cell | estimate_row(settings, found) | _regime(terms))
    return pl.DataFrame(rows, infer_schema_length=None)


def _axes(grid: "Grid") -> list[tuple[str, int, np.ndarray]]:
    return [("N", 1, grid.sizes), ("U", 2, grid.unique), ("k", 3, grid.passes)]


def _slopes(axis: int, x: np.ndarray, values: np.ndarray) -> np.ndarray:
    """-d ln values / d ln x along one axis, central where both neighbours were measured, NaN where none."""
    with np.errstate(invalid="ignore"):
        logs, order = np.moveaxis(np.log(values), axis, -1), np.log(x)
    if len(x) < 2:
        return np.full(values.shape, np.nan)
    forward = np.full(logs.shape, np.nan)
    forward[..., :-1] = -np.diff(logs) / np.diff(order)
    backward = np.full(logs.shape, np.nan)
    backward[..., 1:] = forward[..., :-1]
    both = np.where(
        np.isnan(forward), backward, np.where(np.isnan(backward), forward, (forward + backward) / 2)
    )
    return np.moveaxis(both, -1, axis)


def _regime(terms: dict[str, np.ndarray]) -> dict:
    """The label of a cell and the share of the draws (without draws, of the measurement) for each term."""
    stacked = np.stack([terms[name] for name in TERMS])
    if np.isnan(stacked[:, 0]).any():
        return {"regime": None} | {f"p_{name}": None for name in TERMS}
    drawn = stacked[:, 1:] if stacked.shape[1] > 1 else stacked
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = (drawn / drawn.sum(axis=0) > _MAIN_SHARE).mean(axis=1)
    label = TERMS[int(shares.argmax())] if shares.max() >= _LABELLED_FROM else "mixed"
    return {"regime": label} | {f"p_{name}": float(p) for name, p in zip(TERMS, shares, strict=True)}
