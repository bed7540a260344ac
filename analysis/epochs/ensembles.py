"""The data floor of ensembles: averages of K runs of N parameters, K to infinity and the best N and k.

A tighter bound than that of single models, and of another model class (Kim et al. 2025): a floor of its own,
by which every verdict is given beside that of single models.
"""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import scipy.special

from quarry.analysis.epochs.estimates import estimates
from quarry.analysis.epochs.noise import DRAW_AT

if TYPE_CHECKING:
    from quarry.analysis.epochs.noise import Noise

_SCHEMA = {"U": pl.Float64} | estimates("ensemble")
_CELL = ("n_nonembedding", "unique_tokens", "tokens", "weight_decay", "dropout", "peak_learning_rate")


def ensemble_floors(table: pl.DataFrame | None, level: float) -> pl.DataFrame:
    """A row for each U of `table` (columns `quarry.train.inspect.ensembles.COLUMNS`): ensemble, _low,
    _high, nats per token.

    The limit of L + c / K for each cell by least squares over K; for each U the least limit. Intervals by the
    jackknife over members, null with fewer than four.
    """
    if table is None:
        return pl.DataFrame(schema=_SCHEMA)
    cells = [_limits(cell) for _, cell in table.group_by(*_CELL, maintain_order=True)]
    best: dict[float, np.ndarray] = {}
    for unique, limits in cells:
        if unique not in best or limits[0] < best[unique][0]:
            best[unique] = limits
    rows = [{"U": unique, **_estimate(limits, level)} for unique, limits in best.items()]
    return pl.DataFrame(rows, schema=_SCHEMA)


def ensemble_draws(
    table: pl.DataFrame | None, unique: np.ndarray, noise: "Noise", draws: int, seed: int
) -> np.ndarray | None:
    """The least limit of each U [1 + draws, U] with simulated noise, NaN at U without ensembles; None without
    a table. The members' noise averages out, that of the draw of U stays."""
    known = ensemble_floors(table, 0.95)
    if table is None or known.is_empty():
        return None
    of_u = dict(known.select("U", "ensemble").iter_rows())
    members = dict(table.group_by("unique_tokens").agg(pl.col("members").max()).iter_rows())
    limits = np.array([of_u.get(u, np.nan) for u in unique])
    shared = np.array([members.get(int(u), 1) for u in unique])
    spread = np.sqrt(noise.draw**2 * DRAW_AT / unique + (noise.run**2 + noise.branch**2) / shared)
    shifts = np.random.default_rng((seed, 3)).standard_normal((draws, len(unique)))
    drawn = limits * np.exp(np.nan_to_num(spread) * shifts)
    return np.vstack([limits, drawn])


def _limits(cell: pl.DataFrame) -> tuple[float, np.ndarray]:
    """U, and the limits: of all members, then without each member."""
    groups = cell.sort("without", "members").group_by("without", maintain_order=True)
    found = [_limit(rows["members"].to_numpy(), rows["loss"].to_numpy()) for _, rows in groups]
    return float(cell["unique_tokens"][0]), np.array(found)


def _limit(members: np.ndarray, losses: np.ndarray) -> float:
    """The loss as K goes to infinity; with one member, its own loss."""
    if len(members) < 2:
        return float(losses[-1])
    return float(np.polyfit(1 / members, losses, 1)[1])


def _estimate(limits: np.ndarray, level: float) -> dict[str, float | None]:
    limit, members = float(limits[0]), len(limits) - 1
    if members < 4:
        return {"ensemble": limit, "ensemble_low": None, "ensemble_high": None}
    spread = ((limits[1:] - limits[1:].mean()) ** 2).sum()
    reach = float(
        scipy.special.stdtrit(members - 1, (1 + level) / 2) * np.sqrt((members - 1) / members * spread)
    )
    return {"ensemble": limit, "ensemble_low": limit - reach, "ensemble_high": limit + reach}
