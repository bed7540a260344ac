"""Warnings of the study: what its runs are too few or too short for."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from quarry.text import count

if TYPE_CHECKING:
    from quarry.analysis.epochs.cells import Terminal
    from quarry.analysis.epochs.floors import Floors
    from quarry.analysis.epochs.grid import Grid

_FEW_DEGREES_OF_FREEDOM = 5

# So many runs are named in one sentence.
_NAMED = 5


def study_warnings(surface: "Terminal", tuned: "Grid", floor: "Floors") -> tuple[str, ...]:
    warnings = []
    if np.isnan(floor.irreducible[0]):
        warnings.append(
            f"L_inf needs a floor at four U, and there are {len(tuned.unique)}: no regimes, no slopes"
        )
    falling, cells = _falling_cells(tuned), int((~np.isnan(tuned.of_size[0])).sum())
    if falling:
        warnings.append(
            f"in {falling} of {cells} cells (N, U) the most passes trained are the best: floors may lie lower"
        )
    if surface.noise.freedom and surface.noise.freedom < _FEW_DEGREES_OF_FREEDOM:
        warnings.append(
            f"the noise has only {surface.noise.freedom} degrees of freedom, which widens the intervals"
        )
    return (*warnings, *_outlier_warnings(surface.outliers))


def _outlier_warnings(outliers: pl.DataFrame) -> list[str]:
    """The runs whose losses are no noise, as those of diverged runs."""
    named = [
        f"{row['cluster']} at N = {count(row['N'])}, U = {count(row['U'])}, k = {row['k']:g}"
        for row in outliers.iter_rows(named=True)
    ]
    if not named:
        return []
    more = f" and {len(named) - _NAMED} others" if len(named) > _NAMED else ""
    return [
        f"far from the losses of replicates: {', '.join(named[:_NAMED])}{more}; the noise is measured "
        "without them, the losses of their cells with them (--exclude leaves a diverged run out)"
    ]


def _falling_cells(tuned: "Grid") -> int:
    """The number of cells (N, U) trained at several k whose least loss is at the largest k."""
    measured = tuned.losses[0]
    several = (~np.isnan(measured)).sum(axis=-1) > 1
    filled = np.where(np.isnan(measured), np.inf, measured)
    last = measured.shape[-1] - 1 - (~np.isnan(measured))[..., ::-1].argmax(axis=-1)
    return int((several & (filled.argmin(axis=-1) == last)).sum())
