"""How much of what finite data hold a model takes, by its size and its epochs: floor and efficiency.

L*(U), the data floor, is the least loss of any size, epochs and recipe on U unique tokens; I(U) = L_0 - L*(U)
is what can be extracted, and eta = (L_0 - L) / I the share that a run extracted. Annealed losses only.
"""

import math
from dataclasses import dataclass

import numpy as np
import polars as pl
import scipy

from analysis.extraction.terminal import EpochsError, terminal
from analysis.intervals import widened_quantile
from analysis.points import Points
from analysis.settings import check_settings

# Sizes that an asymptote c N^-gamma + L* of three parameters needs, and the gamma that are tried.
_SIZES, _GAMMAS = 4, np.geomspace(0.05, 2.0, 60)


@dataclass(frozen=True)
class Extraction:
    """The data floor and the efficiency of every cell; losses in nats per token.

    `floors`, a row for each U: grid (least cell mean, an upper bound), asymptote (N to infinity; null below
    four sizes), information I(U) from the asymptote, or from the grid without one. `efficiency`, a row for
    each cell: eta, excess L - L*, relative L / L* - 1, and the exact split of the excess: model, the least
    loss of this N over epochs and recipes above L*, and epoch, the loss above that. Each estimate has _low
    and _high at `level`, null without draws. `noise` is the standard deviation of log loss between seeds.
    """

    floors: pl.DataFrame
    efficiency: pl.DataFrame
    level: float
    noise: float


def extraction(
    points: Points | pl.DataFrame,
    unigram_entropy: float,
    *,
    bootstrap: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Extraction:
    """Floor and efficiency of annealed `points`; `unigram_entropy` is L_0 of the held-out text, nats/token.

    Intervals are of simulated seed noise, as measured between runs alike, everything done again in each draw.
    Raises EpochsError.
    """
    if not (math.isfinite(unigram_entropy) and unigram_entropy > 0):
        raise EpochsError(f"unigram_entropy={unigram_entropy}: must be positive and finite")
    check_settings(bootstrap, seed, level, EpochsError)
    surface = terminal(points, bootstrap, seed)
    losses = np.concatenate([[surface.cells["loss"].to_numpy()], surface.draws])
    widening = _widening(surface.freedom, level)
    floors, rows = [], []
    for (u,), own in surface.cells.with_row_index("cell").group_by("U", maintain_order=True):
        at = losses[:, own["cell"].to_numpy()]
        grid, limit = at.min(axis=1), _asymptote(own["N"].to_numpy(), at)
        floor = grid if limit is None else limit
        found = {"grid": grid, "asymptote": limit, "information": unigram_entropy - floor}
        floors.append({"U": u} | _told(found, level, widening))
        floor, loss = floor[:, None], at
        eta = (unigram_entropy - loss) / (unigram_entropy - floor)
        told = {"eta": eta, "excess": loss - floor, "relative": loss / floor - 1}
        best = _best_of_size(own["N"].to_numpy(), loss)
        told |= {"model": best - floor, "epoch": loss - best}
        for place, cell in enumerate(own.drop("cell").to_dicts()):
            rows.append(cell | _told({name: v[:, place] for name, v in told.items()}, level, widening))
    return Extraction(_frame(floors), _frame(rows), level, surface.noise)


def _frame(rows: list[dict]) -> pl.DataFrame:
    return pl.DataFrame(rows, infer_schema_length=None)


def _widening(freedom: int, level: float) -> float:
    """Student's quantile over the normal one: the noise itself is estimated."""
    tail = (1 + level) / 2
    return float(scipy.stats.t.ppf(tail, freedom) / scipy.stats.norm.ppf(tail)) if freedom else 1.0


def _told(found: dict[str, np.ndarray | None], level: float, widening: float) -> dict[str, float | None]:
    """Estimate (the first value), _low and _high of each."""
    row: dict[str, float | None] = {}
    for name, values in found.items():
        middle = None if values is None else float(values[0])
        row |= {name: middle, f"{name}_low": None, f"{name}_high": None}
        if values is not None and len(values) > 1:
            for side, end in ((-1, "low"), (1, "high")):
                value = widened_quantile(values[1:], values[0], (1 + side * level) / 2, widening)
                row[f"{name}_{end}"] = float(value)
    return row


def _asymptote(n: np.ndarray, losses: np.ndarray) -> np.ndarray | None:
    """L* of c N^-gamma + L* through each size's least loss [draws, cells], c not negative; [draws]."""
    sizes, index = np.unique(n, return_inverse=True)
    if len(sizes) < _SIZES:
        return None
    least = np.stack([losses[:, index == place].min(axis=1) for place in range(len(sizes))], axis=1)
    fits = [_line((sizes / sizes[0]) ** -gamma, least) for gamma in _GAMMAS]
    floor, misfit = (np.stack(part) for part in zip(*fits, strict=True))
    return floor[misfit.argmin(axis=0), np.arange(len(losses))]


def _best_of_size(n: np.ndarray, losses: np.ndarray) -> np.ndarray:
    """The least loss of each cell's own size, [draws, cells]."""
    sizes, index = np.unique(n, return_inverse=True)
    return np.stack([losses[:, index == place].min(axis=1) for place in range(len(sizes))], axis=1)[:, index]


def _line(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Value at x = 0 and sum of squares of the line through y [draws, sizes], rising or level."""
    from_mean = x - x.mean()
    slope = np.maximum(y @ from_mean / (from_mean @ from_mean), 0.0)
    floor = y.mean(axis=1) - slope * x.mean()
    return floor, ((y - floor[:, None] - slope[:, None] * x) ** 2).sum(axis=1)
