"""Warnings of the study: what its runs are too few or too short for."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from quarry.analysis.epochs.floors import FEWEST_SIZES
from quarry.analysis.epochs.grid import falling
from quarry.analysis.fitting.warnings import copies_warnings
from quarry.analysis.points.schema import ONE_PASS, TUNED
from quarry.text import count, number

if TYPE_CHECKING:
    from quarry.analysis.epochs.cells import Terminal
    from quarry.analysis.epochs.grid import Grid
    from quarry.analysis.epochs.quantities import Quantities
    from quarry.analysis.epochs.reuse import Reuse

_FEW_DEGREES_OF_FREEDOM = 5

# So many runs are named in one sentence.
_NAMED = 5


def study_warnings(surface: "Terminal", found: "Quantities") -> tuple[str, ...]:
    tuned, floor = found.tuned, found.floor
    warnings = []
    if np.isnan(floor.irreducible[0]):
        known = int((~np.isnan(floor.asymptote[0]) & ~np.isnan(floor.default[0])).sum())
        warnings.append(
            f"L_inf needs four U with a floor for N to infinity, and there are {known}: no regimes, no slopes"
        )
    if few := int((np.isnan(floor.asymptote[0]) & ~np.isnan(floor.default[0])).sum()):
        warnings.append(
            f"at {few} of {int((~np.isnan(floor.default[0])).sum())} U the floor is the least loss trained, "
            f"of fewer than {FEWEST_SIZES} sizes: larger ones may come lower"
        )
    still, cells = _falling_cells(tuned), int((~np.isnan(tuned.of_size[0])).sum())
    if still:
        warnings.append(
            f"in {still} of {cells} cells (N, U) the most passes trained are the best: floors may lie lower"
        )
    if ends := _ends(found.plain, found.reuse):
        warnings.append(
            f"r_inf at the last k of cells that still fall is the worth of {' to '.join(ends)} passes by U: "
            "its exponent in U is partly that of the passes trained"
        )
    if surface.noise.freedom and surface.noise.freedom < _FEW_DEGREES_OF_FREEDOM:
        warnings.append(
            f"the noise has only {surface.noise.freedom} degrees of freedom, which widens the intervals"
        )
    return (*warnings, *_outlier_warnings(surface.outliers))


def table_warnings(table: pl.DataFrame, entropy: float) -> tuple[str, ...]:
    """Copies of runs, which would be replicates without noise, and an L_0 that is none."""
    losses = table.select("N", "U", "E", *TUNED, "loss", "cluster").unique()
    warnings = copies_warnings(losses.drop("cluster"))
    if (least := float(table["loss"].min())) >= entropy:  # pyright: ignore[reportArgumentType]
        warnings.append(
            f"L_0 = {number(entropy)} nats per token is not above the least loss, {number(least)}: what can "
            "be extracted, and the shares of it, mean nothing"
        )
    return tuple(warnings)


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


def _ends(plain: "Grid", reuse: "Reuse") -> list[str]:
    """The fewest and the most passes at which the r_inf of cells that still fall was taken; none if equal."""
    still = falling(plain.losses[0]) & reuse.saturation.known[0]
    last = plain.last[still]
    if not len(last) or last.min() * ONE_PASS >= last.max():
        return []
    return [number(end, 3) for end in (last.min(), last.max())]


def _falling_cells(tuned: "Grid") -> int:
    """The number of cells (N, U) trained at several k whose least loss is at the largest k."""
    several = (~np.isnan(tuned.losses[0])).sum(axis=-1) > 1
    return int((several & falling(tuned.losses[0])).sum())
