"""What each law fitted to the runs says of the loss of runs still to be made, with intervals.

The intervals hold the noise of the fitted runs, that of a new run, and the law's own residuals where these
are larger than the noise.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from quarry.analysis.epochs.agreement import floor_at
from quarry.analysis.epochs.cells import numeric_points, terminal
from quarry.analysis.epochs.estimates import estimates, interval_of
from quarry.analysis.epochs.gap_forms import carried
from quarry.analysis.epochs.inputs import held_out_entropy
from quarry.analysis.epochs.passes import RHO
from quarry.analysis.epochs.quantities import Quantities, measure
from quarry.analysis.epochs.surfaces import fit_surfaces, surface_cells
from quarry.analysis.fitting.comparison.repeated_data import RIVALS
from quarry.analysis.fitting.intervals import IntervalSettings, finite
from quarry.analysis.points.loading import PointsLike

if TYPE_CHECKING:
    from quarry.analysis.epochs.noise import Noise

Cell = tuple[float, float, float]
"""N, U and k."""
EQUAL, AT_MOST, ABOVE = "equal", "at most", "above"
SCHEMA = (
    {"law": pl.String}
    | dict.fromkeys(("N", "U", "k"), pl.Float64)
    | {"relation": pl.String}
    | estimates("loss")
    | {"share": pl.Float64}
)


def predictions(
    points: PointsLike,
    cells: Sequence[Cell],
    *,
    rho: float = RHO[-1],
    bootstrap: int = 500,
    seed: int = 0,
    level: float = 0.95,
) -> pl.DataFrame:
    """A row for each cell and law: law, N, U, k, relation, loss, loss_low, loss_high, share.

    The laws are those of repeated data, the forms of the gap (first passes only) with the floor of single
    models, and the laws of the passes to within `rho` of that floor. The last give a bound: the loss is `at
    most` (1 + rho) L*(U) from the passes k_rho(N, U) on, and `above` it before; `share` is that of the draws
    of k_rho that say so. Losses in nats per token.

    Raises PointsError, FitError.
    """
    points = numeric_points(points)
    surface = terminal(points, bootstrap, seed)
    found = measure(surface, held_out_entropy(points.table, None), rho, (), None, seed)
    settings = IntervalSettings.of_noise(level, surface.noise.freedom)
    values = [
        *_by_surfaces(found, cells, surface.noise, bootstrap, seed),
        *_by_gaps(found, cells, surface.noise, seed),
    ]
    rows = [_row(settings, law, cell, losses) for law, cell, losses in values]
    rows += list(_by_passes(found, cells, rho, settings))
    return pl.DataFrame(rows, schema=SCHEMA).sort("N", "U", "k", "law")


def _row(settings: IntervalSettings, law: str, cell: Cell, losses: np.ndarray, **fields: Any) -> dict:
    low, high = interval_of(losses, settings)
    row = dict(zip(("law", "N", "U", "k"), (law, *cell), strict=True)) | {"relation": EQUAL}
    return row | {"loss": finite(losses[0]), "loss_low": low, "loss_high": high, "share": None} | fields


def _by_surfaces(
    found: Quantities, cells: Sequence[Cell], noise: "Noise", draws: int, seed: int
) -> Iterable[tuple[str, Cell, np.ndarray]]:
    laws = {name: law for name, law in RIVALS.items() if {"N", "E"} <= set(law.inputs)}
    for surface in fit_surfaces(surface_cells(found.tuned, found.fresh), draws, seed, laws):
        for number, cell in enumerate(cells):
            losses = surface.loss(*cell)[:, 0]
            yield surface.name, cell, _of_a_run(losses, cell, noise, seed + number, surface.variance)


def _by_gaps(
    found: Quantities, cells: Sequence[Cell], noise: "Noise", seed: int
) -> Iterable[tuple[str, Cell, np.ndarray]]:
    if found.forms is None:
        return
    for number, cell in enumerate(cells):
        n, unique, k = cell
        if k != 1:
            continue
        floor = floor_at(found.floor, found.tuned.unique, unique)
        for name, values in carried(found.gap, unique, np.array([n])).items():
            yield f"gap, {name}", cell, _of_a_run(floor + values[:, 0], cell, noise, seed + number)


def _of_a_run(losses: np.ndarray, cell: Cell, noise: "Noise", seed: int, residual: float = 0.0) -> np.ndarray:
    """Losses [1 + draws] of a law as those of one run: noise in all but the first; `residual` a variance."""
    variance = max(residual, noise.mean_variance(np.array([cell[1]])))
    shifts = np.sqrt(variance) * np.random.default_rng(seed).standard_normal(len(losses) - 1)
    return losses * np.exp(np.concatenate([[0.0], shifts]))


def _by_passes(
    found: Quantities, cells: Sequence[Cell], rho: float, settings: IntervalSettings
) -> Iterable[dict]:
    laws = found.passes[0].laws
    for name, law in (
        ("k ~ N^-b U^c", laws and laws.separable),
        ("k with N x U", laws and laws.interaction),
    ):
        if law is None:
            continue
        for cell in cells:
            n, unique, k = cell
            enough = law.at(n, unique) <= k
            drawn = enough[1:] if len(enough) > 1 else enough
            relation, share = (AT_MOST, drawn.mean()) if enough[0] else (ABOVE, 1 - drawn.mean())
            target = (1 + rho) * floor_at(found.floor, found.tuned.unique, unique)
            yield _row(settings, name, cell, target, relation=relation, share=float(share))


def with_measured(predicted: pl.DataFrame, measured: pl.DataFrame) -> pl.DataFrame:
    """The rows of `predictions` whose N, U and k were trained, with the annealed held-out loss `measured`."""
    runs = measured.filter("annealed", split="validation").select(
        N=pl.col("n_nonembedding").cast(pl.Float64),
        U=pl.col("unique_tokens").cast(pl.Float64),
        k=pl.col("epochs").round_sig_figs(3),
        measured="loss",
    )
    return predicted.join(runs, on=["N", "U", "k"])
