"""The data floor L*(U): the least loss of any size, epochs and recipe on U unique tokens."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from quarry.analysis.epochs.estimates import estimate_row
from quarry.analysis.epochs.grid import FirstPass, Grid, least, same_tokens

if TYPE_CHECKING:
    from quarry.analysis.fitting.intervals import IntervalSettings

FEWEST_SIZES, _EXPONENTS = 4, np.geomspace(0.1, 2.0, 50)
"""Values that an asymptote c x^-gamma + L of three parameters needs, and the gamma searched."""
FEWEST_PASSES = 8
"""Up to the fourth pass repeats are worth nearly what fresh tokens are (Muennighoff et al. 2023, 2305.16264):
the least loss of so few passes is one on the way to the floor."""


@dataclass(frozen=True)
class Floors:
    """L*(U) in nats per token, [draws, U], and the loss that no amount of data removes, [draws].

    `grid` is the least loss trained with repeats, an upper bound; `asymptote` that of N to infinity, NaN
    below four sizes. `default` is the asymptote, but never above the grid, and the grid where there is no
    asymptote; NaN where that is no floor: after too few passes, or where runs on fewer tokens, or in one
    pass, came lower than it.
    `irreducible` is the limit in U of the defaults that have an asymptote, NaN below four of them.
    No asymptote is below the entropy rate of the text's source, where that is known.
    """

    grid: np.ndarray
    asymptote: np.ndarray
    default: np.ndarray
    irreducible: np.ndarray


FLOORS = ("shared gamma", "own gamma", "grid", "ensemble")
"""The estimators of the floor: asymptotes in N with one exponent for all U or one for each, the least
trained, and that of ensembles, another model class."""


def floors(
    tuned: Grid, fresh: FirstPass, kind: str = FLOORS[0], ensembles: np.ndarray | None = None
) -> Floors:
    """The floor of each U by one of `FLOORS`, from the least loss of each size over k and recipe.

    `ensembles` [draws, U], NaN where none was averaged, are the floors of ensembles: a single model is one of
    one member, so that their floor is never above that of single models.
    """
    of_size = tuned.of_size
    lowest = least(of_size, 1)
    rate = tuned.entropy_rate
    limits = limit(tuned.sizes, np.moveaxis(of_size, 2, 1), kind != "own gamma", rate)
    own = lowest if kind == "grid" else np.fmin(lowest, limits)
    if kind == "ensemble" and ensembles is not None:
        own = np.fmin(own, ensembles)
    bound = np.fmin(_of_less(own), _once(tuned, fresh))
    none = (own[:1] > bound[:1]) | ~_repeated(tuned)
    default = np.where(none, np.nan, np.fmin(own, bound))
    known = np.where(np.isnan(limits[:1]), np.nan, default)
    irreducible = np.minimum(limit(tuned.unique, known[:, None, :], lowest=rate)[:, 0], least(default, 1))
    return Floors(lowest, limits, default, irreducible)


def floors_table(tuned: Grid, floor: Floors, entropy: float, settings: "IntervalSettings") -> pl.DataFrame:
    """A row for each U: grid, asymptote, floor, and what can be extracted, with intervals."""
    rows = [
        {"U": unique} | estimate_row(settings, {
            "grid": floor.grid[:, u], "asymptote": floor.asymptote[:, u], "floor": floor.default[:, u],
            "information": entropy - floor.default[:, u],
        })
        for u, unique in enumerate(tuned.unique)
    ]  # fmt: skip
    return pl.DataFrame(rows, infer_schema_length=None)


def _repeated(tuned: Grid) -> np.ndarray:
    """Whether some size was trained on U for enough passes to give a floor, [U]."""
    often = tuned.passes >= FEWEST_PASSES
    return (~np.isnan(tuned.losses[0][:, :, often])).any(axis=(0, 2))


def _of_less(own: np.ndarray) -> np.ndarray:
    """The least floor of any smaller U, [draws, U]: a bound, since more tokens include fewer."""
    lower = np.full_like(own, np.nan)
    lower[:, 1:] = np.fmin.accumulate(own, axis=1)[:, :-1]
    return lower


def _once(tuned: Grid, fresh: FirstPass) -> np.ndarray:
    """The least loss of any size that saw U tokens once, [draws, U]; NaN where none did."""
    once = np.full((len(tuned.losses), len(tuned.unique)), np.nan)
    for e, u in same_tokens(fresh, tuned):
        once[:, u] = least(fresh.losses[:, :, e], 1)
    return once


def limit(x: np.ndarray, losses: np.ndarray, shared: bool = True, lowest: float = 0.0) -> np.ndarray:
    """L of c x^-gamma + L through each line of losses [draws, lines, x]; [draws, lines].

    c is not negative, and L not below `lowest`: the gamma of lines that end below it is fitted without that
    bound, and their L is `lowest`.

    Least squares over gamma, which the lines of a draw share where `shared`, and c and L of each. x without a
    loss (NaN in the first draw) are left out; NaN for lines with fewer than four.
    """
    found = np.full(losses.shape[:2], np.nan)
    there = ~np.isnan(losses[0])
    lines = np.flatnonzero(there.sum(axis=1) >= FEWEST_SIZES)
    if not len(lines):
        return found
    ends, misfit = _over_exponents(x, losses, there, lines)
    misfit = np.broadcast_to(misfit.sum(axis=1, keepdims=True), misfit.shape) if shared else misfit
    best = misfit.argmin(axis=0)[None]
    found[:, lines] = np.maximum(np.take_along_axis(ends, best, axis=0)[0].T, lowest)
    return found


def _over_exponents(
    x: np.ndarray, losses: np.ndarray, there: np.ndarray, lines: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Ends and sums of squares [gammas, lines, draws]."""
    fits = np.array([_line_by_exponent(x[there[j]] / x[0], losses[:, j, there[j]]) for j in lines])
    return fits[:, :, 0].swapaxes(0, 1), fits[:, :, 1].swapaxes(0, 1)


def _line_by_exponent(x: np.ndarray, y: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """`_line` of y [draws, x] on x to each power."""
    y_mean = y.mean(axis=1)
    return [_line(x**-gamma, y, y_mean) for gamma in _EXPONENTS]


def _line(x: np.ndarray, y: np.ndarray, y_mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Value at x = 0 and sum of squares of the line through y [draws, x], rising or level."""
    x_mean = x.mean()
    from_mean = x - x_mean
    slope = np.maximum(y @ from_mean / (from_mean @ from_mean), 0.0)
    end = y_mean - slope * x_mean
    return end, ((y - end[:, None] - slope[:, None] * x) ** 2).sum(axis=1)
