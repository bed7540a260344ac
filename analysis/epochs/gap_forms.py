"""Competing forms of the gap g(N, E): does it vanish as N grows, at fixed E?

With n = N / N_least and e = E / E_least, two forms leave a remainder that no size removes, and two vanish:

- additive: A n^-a + H e^-b
- remainder: R e^-r + G e^-b n^-a(e)
- multiplicative: A n^-a + H e^-b n^-c
- steeper: G e^-b n^-a(e)

where a(e) = a + d ln e: the more tokens, the faster the gap falls with N. All are judged by what they
predict of each larger N from the three or more smaller ones (rolling origin).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from quarry.analysis.epochs.estimates import estimate_row, estimates

if TYPE_CHECKING:
    from quarry.analysis.epochs.gap import Gap
    from quarry.analysis.epochs.noise import Noise
    from quarry.analysis.fitting.intervals import IntervalSettings

REMAIN, VANISH = ("additive", "remainder"), ("multiplicative", "steeper")
_EXPONENTS = np.array([0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0])
_VANISHING = np.geomspace(0.02, 0.8, 24)
_REMAINDERS = [(share, r) for share in (0.1, 0.3, 0.5, 0.7, 0.9, 0.97) for r in (0.0, 0.1, 0.2, 0.4, 0.6)]
"""R as a share of the most it can be, and r."""
_FEWEST_SIZES = 3
"""Sizes from which a larger one is predicted."""
_FARTHEST = np.log(1e8)
"""ln of the multiple of the least N from which a size counts as infinite."""


@dataclass(frozen=True)
class GapLaw:
    """`steeper` of all cells: ln g = level - a ln n - b ln e - d ln n ln e; `coefficients` [draws, 4]."""

    n_least: float
    e_least: float
    coefficients: np.ndarray

    def exponent(self, e: float) -> np.ndarray:
        """a(E) of g ~ N^-a at fixed E, [draws]."""
        _, of_n, _, both = self.coefficients.T
        return -(of_n + both * np.log(e / self.e_least))

    def size_at(self, gap: np.ndarray, e: float) -> np.ndarray:
        """The N at which the gap is this small, [draws]; infinite where it never is."""
        level, _, of_e, _ = self.coefficients.T
        falls = self.exponent(e)
        with np.errstate(divide="ignore", invalid="ignore"):  # a gap of 0 is never reached
            above = level + of_e * np.log(e / self.e_least) - np.log(gap)
            times = np.where(falls > 0, above / falls, np.inf)
        return np.where(times < _FARTHEST, self.n_least * np.exp(np.minimum(times, _FARTHEST)), np.inf)


@dataclass(frozen=True)
class GapForms:
    """`held_out`, each form's mean squared relative error at larger N by fits of the smaller, [draws].

    `vanishes` [draws]: the best form that vanishes predicts better than the best that leaves a remainder.
    """

    held_out: dict[str, np.ndarray]
    vanishes: np.ndarray
    law: GapLaw
    tokens: np.ndarray
    cells: int

    @property
    def middle(self) -> float:
        """The geometric mean of the E."""
        return float(np.exp(np.log(self.tokens).mean()))


def gap_forms(found: "Gap") -> GapForms | None:
    """All four, in every draw; None with fewer than four sizes and two E, or where a gap is not positive."""
    there = ~np.isnan(found.values[0])
    n = np.broadcast_to(found.sizes[:, None], there.shape)[there]
    e = np.broadcast_to(found.tokens, there.shape)[there]
    values = found.values[:, there]
    if len(np.unique(n)) <= _FEWEST_SIZES or len(np.unique(e)) < 2 or (values[0] <= 0).any():
        return None
    values = np.maximum(values, 0.05 * values[:1])  # a draw below zero is as small as the noise lets it be
    n_least, e_least = float(n.min()), float(e.min())
    n, e = n / n_least, e / e_least
    held_out = _held_out(n, e, values)
    remain, vanish = (np.min([held_out[name] for name in names], axis=0) for names in (REMAIN, VANISH))
    law = GapLaw(n_least, e_least, _log_linear(n, e, values, np.zeros_like(values), np.ones(len(n), bool)))
    return GapForms(held_out, vanish < remain, law, found.tokens, len(n))


def carried(found: "Gap", e: float, sizes: np.ndarray) -> dict[str, np.ndarray]:
    """By form, the gap at `sizes` and E = `e` by its fit to all cells, [draws, sizes]."""
    there = ~np.isnan(found.values[0])
    cells = int(there.sum())
    n = np.concatenate([np.broadcast_to(found.sizes[:, None], there.shape)[there], sizes])
    tokens = np.concatenate([np.broadcast_to(found.tokens, there.shape)[there], np.full(len(sizes), e)])
    values = found.values[:, there]
    values = np.maximum(values, 0.05 * values[:1])
    values = np.concatenate([values, np.ones((len(values), len(sizes)))], axis=1)
    inside = np.arange(len(n)) < cells
    return _predictions(n / n[inside].min(), tokens / tokens[inside].min(), values, inside)


def forms_table(forms: GapForms | None, settings: "IntervalSettings") -> pl.DataFrame:
    """By form: whether it vanishes, and its relative error (root mean square) at sizes it did not see."""
    schema = {"form": pl.String, "vanishes": pl.Boolean} | estimates("held_out")
    rows = [
        {"form": name, "vanishes": name in VANISH, **estimate_row(settings, {"held_out": np.sqrt(error)})}
        for name, error in (forms.held_out.items() if forms else ())
    ]
    return pl.DataFrame(rows, schema=schema)


def gap_laws(
    found: "Gap", forms: GapForms | None, noise: "Noise", settings: "IntervalSettings"
) -> pl.DataFrame:
    """By E: the exponent a of g ~ N^-a, and N_merge, at which two standard deviations of runs are left."""
    schema = {"E": pl.Float64} | estimates("exponent", "N_merge")
    if forms is None:
        return pl.DataFrame(schema=schema)
    within = 2 * np.hypot(noise.run, noise.branch) if noise.freedom else np.nan
    rows = [
        {"E": e}
        | estimate_row(settings, {
            "exponent": forms.law.exponent(e),
            "N_merge": forms.law.size_at(within * found.floor[:, j], e),
        })
        for j, e in enumerate(found.tokens.tolist())
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=schema)


def _held_out(n: np.ndarray, e: np.ndarray, values: np.ndarray) -> dict[str, np.ndarray]:
    """By form, the mean over sizes of the error at each by fits of the smaller ones, [draws]."""
    steps = [
        _at_next(n[n <= size], e[n <= size], values[:, n <= size]) for size in np.unique(n)[_FEWEST_SIZES:]
    ]
    return {name: np.mean([step[name] for step in steps], axis=0) for name in steps[0]}


def _at_next(n: np.ndarray, e: np.ndarray, values: np.ndarray) -> dict[str, np.ndarray]:
    """By form, the mean squared relative error at the largest N, [draws]."""
    inside = n < n.max()
    return {
        name: ((predicted / values[:, ~inside] - 1) ** 2).mean(axis=1)
        for name, predicted in _predictions(n, e, values, inside).items()
    }


def _predictions(
    n: np.ndarray, e: np.ndarray, values: np.ndarray, inside: np.ndarray
) -> dict[str, np.ndarray]:
    """By form, the predictions [draws, rows] of the rows outside by its best fit to those `inside`.

    n and e start at 1.
    """
    zero = np.zeros_like(values)
    return {
        "additive": _sums(n, e, values, inside, np.zeros(1)),
        "remainder": _best(_remainders(n, e, values, inside), values, inside),
        "multiplicative": _sums(n, e, values, inside, _VANISHING),
        "steeper": _steeper(n, e, values, zero, inside)[:, ~inside],
    }


def _best(candidates: Iterable[np.ndarray], values: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Of the candidate [draws, rows] that is best inside, the predictions of the other rows."""
    least = np.full(len(values), np.inf)
    best = np.full((len(values), int((~inside).sum())), np.nan)
    for predicted in candidates:
        fit = ((predicted[:, inside] / values[:, inside] - 1) ** 2).mean(axis=1)
        better = fit < least
        least = np.where(better, fit, least)
        best = np.where(better[:, None], predicted[:, ~inside], best)
    return best


def _sums(n, e, values, inside, vanishing) -> np.ndarray:
    """A n^-a + H e^-b n^-c: the best of a grid of exponents in each draw, [draws, rows outside].

    A and H by least squares of the relative error, neither negative. All exponents at once: the sums of
    squares of every candidate and draw are products of matrices [candidates, rows] and [rows, draws].
    """
    a, b, c = (x.ravel()[:, None] for x in np.meshgrid(_EXPONENTS, _EXPONENTS, vanishing, indexing="ij"))
    x, y = n**-a, e**-b * n**-c
    inner, other, weight = x[:, inside], y[:, inside], 1 / values[:, inside].T
    sums = (inner**2 @ weight**2, other**2 @ weight**2, (inner * other) @ weight**2)
    of_x, of_y = inner @ weight, other @ weight
    size, level = _two_terms(*sums, of_x, of_y)
    misfit = size**2 * sums[0] + level**2 * sums[1] + 2 * size * level * sums[2]
    best = (misfit - 2 * size * of_x - 2 * level * of_y).argmin(axis=0)
    draws = np.arange(len(values))
    first, second = size[best, draws, None], level[best, draws, None]
    return first * x[best][:, ~inside] + second * y[best][:, ~inside]


def _remainders(n, e, values, inside) -> Iterable[np.ndarray]:
    """R e^-r + G e^-b n^-a(e) over a grid of R and r; R is below every gap that it was fitted to."""
    for share, r in _REMAINDERS:
        most = (values * e**r)[:, inside].min(axis=1, keepdims=True)
        yield _steeper(n, e, values, share * most * e**-r, inside)


def _steeper(n, e, values, rest, inside) -> np.ndarray:
    """`rest` + G e^-b n^-a(e) [draws, rows]."""
    return rest + np.exp(_log_linear(n, e, values, rest, inside) @ _design(n, e).T)


def _design(n: np.ndarray, e: np.ndarray) -> np.ndarray:
    return np.stack([np.ones(len(n)), np.log(n), np.log(e), np.log(n) * np.log(e)], axis=1)


def _log_linear(n, e, values, rest, inside) -> np.ndarray:
    """Coefficients [draws, 4] of ln(values - rest), of the least relative error of values."""
    above = (values - rest)[:, inside]
    weights = above / values[:, inside]
    design = _design(n, e)[inside] * weights[:, :, None]
    normal = np.einsum("dri,drj->dij", design, design) + 1e-9 * np.eye(4)
    right = np.einsum("dri,dr->di", design, weights * np.log(above))
    return np.linalg.solve(normal, right[..., None])[..., 0]


def _two_terms(
    xx: np.ndarray, yy: np.ndarray, xy: np.ndarray, of_x: np.ndarray, of_y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A and H of A x + H y against 1, not negative, from the sums of x^2, y^2, x y, x and y."""
    determinant = np.maximum(xx * yy - xy**2, 1e-12 * xx * yy)
    first, second = (of_x * yy - of_y * xy) / determinant, (of_y * xx - of_x * xy) / determinant
    first_alone, second_alone = of_x / xx, of_y / yy
    return (
        np.where(second < 0, first_alone, np.where(first < 0, 0.0, first)),
        np.where(second < 0, 0.0, np.where(first < 0, second_alone, second)),
    )
