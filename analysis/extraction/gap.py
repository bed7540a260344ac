"""The gap between the first pass and the floor, g(N, E) = L_first(N, E) - L*(U = E), and its competing forms.

Additive A N^-a + H E^-b: what one pass leaves undone does not depend on N, and no size closes the gap.
Multiplicative A N^-a + H E^-b N^-c: it vanishes with N. (Henighan et al. 2020, Figure 14, left as a number.)
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from analysis.extraction.floors import Floors
from analysis.extraction.grid import FirstPass, Grid
from analysis.extraction.told import Telling, estimates

_EXPONENTS = np.array([0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0])
_VANISHING = np.geomspace(0.02, 0.8, 24)
_SAME = np.log(2) / 10
"""ln E and ln U nearer than this are one: tokens of the first pass are rounded to a tenth of a doubling."""


@dataclass(frozen=True)
class Gap:
    """`values` [draws, N, E], NaN where there is none, at `sizes` and `tokens`."""

    sizes: np.ndarray
    tokens: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class GapForms:
    """Both forms of the gap, fitted in every draw to relative error, arrays [draws].

    `held_out`, a form's mean squared relative error at the largest N by fits without it; `vanishing` is c of
    the multiplicative form, 0 where the additive one fits better.
    """

    held_out: dict[str, np.ndarray]
    vanishing: np.ndarray
    cells: int


def gap(fresh: FirstPass, tuned: Grid, floor: Floors) -> Gap:
    """Where the first pass was measured at an E that is also a U with a floor."""
    pairs = [
        (e, u)
        for e, tokens in enumerate(fresh.tokens)
        for u, unique in enumerate(tuned.unique)
        if abs(np.log(tokens / unique)) < _SAME
    ]
    values = [fresh.losses[:, :, e] - floor.default[:, None, u] for e, u in pairs]
    tokens = tuned.unique[[u for _, u in pairs]]
    empty = np.empty((*fresh.losses.shape[:2], 0))
    return Gap(fresh.sizes, tokens, np.stack(values, axis=-1) if values else empty)


def gap_forms(found: Gap) -> GapForms | None:
    """None with fewer than three sizes and two E, or where some gap is not positive."""
    there = ~np.isnan(found.values[0])
    n = np.broadcast_to(found.sizes[:, None], there.shape)[there]
    e = np.broadcast_to(found.tokens, there.shape)[there]
    values = found.values[:, there]
    if len(np.unique(n)) < 3 or len(np.unique(e)) < 2 or (values[0] <= 0).any():
        return None
    values = np.maximum(values, 0.05 * values[:1])  # a draw below zero is as small as the noise lets it be
    inside = n < n.max()
    additive, vanishing = _best(n, e, values, inside, [0.0]), _best(n, e, values, inside, _VANISHING)
    held_out = {"additive": additive.error, "multiplicative": vanishing.error}
    whole = np.ones(len(n), bool)
    return GapForms(held_out, _best(n, e, values, whole, [0.0, *_VANISHING]).vanishing, len(n))


@dataclass(frozen=True)
class _Best:
    """The best form of each draw: its exponent c, and its error on the rows left out."""

    vanishing: np.ndarray
    error: np.ndarray


def _best(n, e, values, fitted, vanishing) -> _Best:
    """Over a grid of exponents, A and H by least squares of relative error, neither negative."""
    misfits, kept = [], []
    for a in _EXPONENTS:
        for b in _EXPONENTS:
            for c in vanishing:
                of_n, of_e = (n / n.min()) ** -a, (e / e.min()) ** -b * (n / n.min()) ** -c
                size, level = _two_terms(of_n[fitted], of_e[fitted], values[:, fitted])
                wrong = (size[:, None] * of_n + level[:, None] * of_e) / values - 1
                misfits.append((wrong[:, fitted] ** 2).mean(axis=1))
                error = (wrong[:, ~fitted] ** 2).mean(axis=1) if (~fitted).any() else np.zeros(len(values))
                kept.append((np.full(len(values), c), error))
    place, draws = np.argmin(misfits, axis=0), np.arange(len(values))
    return _Best(*(np.stack([row[j] for row in kept])[place, draws] for j in range(2)))


def _two_terms(x: np.ndarray, y: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A and H of A x + H y [rows] against values [draws, rows], of relative error, not negative; [draws]."""
    x, y = x / values, y / values
    xx, yy, xy = (x * x).sum(1), (y * y).sum(1), (x * y).sum(1)
    of_x, of_y = x.sum(1), y.sum(1)
    determinant = np.maximum(xx * yy - xy**2, 1e-12 * xx * yy)
    first, second = (of_x * yy - of_y * xy) / determinant, (of_y * xx - of_x * xy) / determinant
    first_alone, second_alone = of_x / xx, of_y / yy
    return (
        np.where(second < 0, first_alone, np.where(first < 0, 0.0, first)),
        np.where(second < 0, 0.0, np.where(first < 0, second_alone, second)),
    )


def gap_table(found: Gap, telling: Telling) -> pl.DataFrame:
    """A row for each N and E: gap, _low, _high."""
    rows = [
        {"N": found.sizes[n], "E": found.tokens[e], **telling.row({"gap": found.values[:, n, e]})}
        for n, e in zip(*np.nonzero(~np.isnan(found.values[0])), strict=True)
    ]
    return pl.DataFrame(rows, schema={"N": pl.Float64, "E": pl.Float64} | estimates("gap"))
