"""What the laws that describe the runs say of sizes beyond those trained, and whether they agree.

Each law answers with the size from which on a statement holds. A law counts if it describes the runs as well
as the best of its kind: not rejected by likelihood at 1%, and predicting the largest N as well within noise.
A verdict beyond the sizes trained is one that all of them give, two at least.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import scipy.special

from quarry.analysis.epochs.estimates import estimates, interval_of
from quarry.analysis.epochs.first_reached import first_below
from quarry.analysis.epochs.gap_forms import carried
from quarry.analysis.epochs.power_laws import REJECTED, Bounds, both_laws
from quarry.analysis.fitting.intervals import finite
from quarry.text import number

if TYPE_CHECKING:
    from quarry.analysis.epochs.floors import Floors
    from quarry.analysis.epochs.gap import Gap
    from quarry.analysis.epochs.gap_forms import GapForms
    from quarry.analysis.epochs.grid import FirstPass, Grid
    from quarry.analysis.epochs.noise import Noise
    from quarry.analysis.epochs.passes import Passes
    from quarry.analysis.epochs.power_laws import BothLaws, PowerLaw
    from quarry.analysis.epochs.surfaces import Surface
    from quarry.analysis.fitting.intervals import IntervalSettings

DECIDED_FROM = 0.975
"""A statement is decided where the two-sided 95% interval excludes its opposite."""
SIZES = 61
"""Sizes at which a law is read, from the least trained to `FARTHEST` times that."""
FARTHEST = 1e8
"""The multiple of the least N from which on a size counts as infinite."""
_BEYOND = np.array([4.0, 16.0])
"""Multiples of the largest size at which a law must keep above the passes to each size's own best."""


@dataclass(frozen=True)
class Answer:
    """A law's answer: `sizes` [1 + draws] from which on the statement holds, inf where none, NaN unknown.

    `objection` says why the law does not count; empty if it does.
    """

    law: str
    sizes: np.ndarray
    objection: str = ""

    @property
    def share(self) -> float | None:
        """Of the draws the share in which there is such a size; None without draws."""
        if len(self.sizes) < 2:
            return None
        drawn = self.sizes[1:]
        return float(np.where(np.isnan(drawn), 0.5, np.isfinite(drawn)).mean())

    @property
    def holds(self) -> str:
        return decided(self.share)


def decided(share: float | None) -> str:
    """yes, no or undecided, by a share of draws."""
    if share is None:
        return "undecided"
    return "yes" if share >= DECIDED_FROM else "no" if share <= 1 - DECIDED_FROM else "undecided"


def together(answers: Sequence[Answer]) -> tuple[str, str]:
    """What the laws that count all say, and each one's answer in words."""
    counted = [answer for answer in answers if not answer.objection]
    told = {answer.holds for answer in counted}
    words = "; ".join(f"{answer.law}: {_in_words(answer)}" for answer in counted)
    if any(answer.share is None for answer in counted):
        return "undecided", f"without draws there is no verdict: {words}"
    if len(told) == 1 and len(counted) > 1:
        return told.pop(), words
    if len(told) == 1:
        return "undecided", f"one law alone counts: {words}"
    return "undecided", f"the laws disagree: {words}" if told else "no law counts"


def _in_words(answer: Answer) -> str:
    size = finite(answer.sizes[0])
    if answer.holds == "no":
        return "at no size"
    if answer.share is None:
        return "at no size" if size is None else f"from {number(size, 2)} parameters on"
    if size is None:
        return f"at no size, but at one in {answer.share:.0%} of draws"
    return f"from {number(size, 2)} parameters on, in {answer.share:.0%} of draws"


def answers_table(statements: "dict[str, Sequence[Answer]]", settings: "IntervalSettings") -> pl.DataFrame:
    """A row for each statement and law: whether the law counts, why not, its size and share of draws."""
    rows = []
    for statement, answers in statements.items():
        for answer in answers:
            low, high = interval_of(answer.sizes, settings)
            ends = {"N": finite(answer.sizes[0]), "N_low": low, "N_high": high}
            row = {"statement": statement, "law": answer.law, "counts": not answer.objection}
            rows.append(row | {"objection": answer.objection, "share": answer.share} | ends)
    keys = {"statement": pl.String, "law": pl.String, "counts": pl.Boolean, "objection": pl.String}
    return pl.DataFrame(rows, schema=keys | {"share": pl.Float64} | estimates("N"))


def of_passes(
    passes: "Passes",
    own: "Passes",
    grid: "Grid",
    unique: float,
    seed: int,
    certainty: np.ndarray | None = None,
) -> list[Answer]:
    """By the laws of the passes to a common target: the N from which on one pass over `unique` is enough.

    Before a size reaches the target it comes as near to its own least loss, which is no lower: beyond the
    sizes trained the passes to that, by the law of `own`, are lower bounds, and enter the fit as data. A law
    that cannot meet them without being rejected by the cells measured does not count.
    """
    if passes.laws is None or own.laws is None:
        return []
    beyond = _bounds_of(own.laws.chosen, grid)
    bound = both_laws(grid.sizes, grid.unique, passes.logs, seed, passes.certainty, beyond)
    if bound is None:
        return []
    found = []
    pairs = (passes.laws.separable, bound.separable), (passes.laws.interaction, bound.interaction)
    for name, (free, law) in zip(("k ~ N^-b U^c", "k with N x U"), pairs, strict=True):
        if free is None or law is None:
            continue
        sizes = law.size_at(1.0, unique)
        sizes = np.where(sizes < law.n_middle * FARTHEST, sizes, np.where(np.isnan(sizes), np.nan, np.inf))
        found.append(Answer(name, sizes, _objection(passes.laws, free, law)))
    return found


def _bounds_of(own: "PowerLaw", grid: "Grid") -> Bounds:
    """Lower bounds of ln k at `_BEYOND` times the largest size, at each U."""
    n, u = (x.ravel() for x in np.meshgrid(grid.sizes.max() * _BEYOND, grid.unique, indexing="ij"))
    return Bounds(n, u, np.log(np.stack([own.at(*cell) for cell in zip(n, u, strict=True)], axis=1)))


def _objection(laws: "BothLaws", free: "PowerLaw", bound: "PowerLaw") -> str:
    if np.isnan(free.of_n[0]) or np.isnan(bound.of_n[0]):
        return f"too few for it: {free.unborne}"
    if free is laws.separable and laws.rejected:
        return f"rejected: an interaction of N and U raises the log-likelihood by {laws.gain:.1f}"
    lost = float(free.likelihood[0] - bound.likelihood[0])
    if 2 * lost > REJECTED:
        return f"must go below the passes to each size's own best (log-likelihood {lost:.1f} lower without)"
    return ""


def of_forms(
    found: "Gap", forms: "GapForms | None", unique: float, thresholds: "Sequence[np.ndarray]"
) -> list[list[Answer]]:
    """By each form of the gap: the N from which on the first pass is within each threshold [draws] of the
    floor."""
    if forms is None:
        return [[] for _ in thresholds]
    sizes = found.sizes.min() * np.geomspace(1, FARTHEST, SIZES)
    best = min(forms.held_out, key=lambda name: forms.held_out[name][0])
    gaps = carried(found, unique, sizes)
    objections = {}
    for name in gaps:
        worse = forms.held_out[name] > forms.held_out[best]
        objections[name] = "" if name == best or worse.mean() < DECIDED_FROM else _WORSE.format(best)
    return [
        [Answer(f"gap, {name}", _first(sizes, gaps[name], within), objections[name]) for name in gaps]
        for within in thresholds
    ]


_WORSE = "predicts the largest N worse than {}"


@dataclass(frozen=True)
class Fitted:
    """What the surfaces were fitted to: `trunks`, the (N, U) that count as independent, the least N, and the
    variance of log loss that noise gives its rows, with its degrees of freedom (0: not measured)."""

    trunks: int
    least: float
    variance: float
    freedom: int

    @classmethod
    def of(cls, grid: "Grid", fresh: "FirstPass", noise: "Noise") -> "Fitted":
        """Those of a grid with its first passes."""
        trunks = int((~np.isnan(grid.of_size[0])).sum()) + len(fresh.sizes)
        return cls(trunks, float(grid.sizes.min()), noise.mean_variance(grid.unique), noise.freedom)


def of_surfaces(
    surfaces: "Sequence[Surface]", fitted: Fitted, unique: float, thresholds: "Sequence[float]"
) -> list[list[Answer]]:
    """By each joint surface: the N whose first pass comes within each share of the surface's own floor."""
    sizes = fitted.least * np.geomspace(1, FARTHEST, SIZES)
    carried_on = [
        (
            each,
            each.floor(unique, sizes[::3]),
            each.loss(sizes, unique, 1.0),
            _of_surface(each, surfaces, fitted),
        )
        for each in surfaces
    ]
    return [
        [
            Answer(each.name, _first(sizes, first, (1 + within) * floor), objection)
            for each, floor, first, objection in carried_on
        ]
        for within in thresholds
    ]


def _first(sizes: np.ndarray, values: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The first of `sizes` at which values [draws, sizes] are below the target [draws]; inf where none is."""
    logs = first_below(sizes, values, target)
    with np.errstate(over="ignore"):
        return np.exp(np.where(np.isnan(logs.low), np.nan, logs.high))


def _of_surface(surface: "Surface", surfaces: "Sequence[Surface]", fitted: Fitted) -> str:
    """Why a surface does not count."""
    best = min(surfaces, key=lambda one: one.held_out.mean())
    closest = min(surfaces, key=lambda one: one.variance)
    if fitted.freedom:
        most = scipy.special.fdtri(fitted.trunks, fitted.freedom, 0.99) * fitted.variance
        if surface.variance > most:
            return f"rejected: residuals above the noise of {number(np.sqrt(fitted.variance), 2)}"
    more = max(1, len(closest.law.parameters) - len(surface.law.parameters))
    gain = fitted.trunks * np.log(surface.variance / max(closest.variance, 1e-12))
    if gain > scipy.special.chdtri(more, 0.01):
        return f"rejected: {closest.name} describes the runs better"
    return _WORSE.format(best.name) if surface is not best and _worse(surface, best) else ""


def _worse(surface: "Surface", best: "Surface") -> bool:
    """Whether the errors at the largest N are larger, by a t test over the means of each U."""
    difference = surface.held_out - best.held_out
    means = np.array([difference[surface.groups == u].mean() for u in np.unique(surface.groups)])
    if len(means) < 3 or not means.std() > 0:
        return bool(difference.mean() > 0)
    t = means.mean() / (means.std(ddof=1) / np.sqrt(len(means)))
    return bool(t > scipy.special.stdtrit(len(means) - 1, DECIDED_FROM))


def within_noise(noise: "Noise", floor: np.ndarray) -> float:
    """The share of the floor within which a loss meets it: two standard deviations of log loss.

    Of a run and its branch, and of the floor itself over its draws [1 + draws].
    """
    of_run = np.hypot(noise.run, noise.branch) if noise.freedom else _RUN
    of_floor = np.nanstd(np.log(floor[1:])) if len(floor) > 1 else 0.0
    return float(2 * np.hypot(of_run, of_floor))


_RUN = 0.005
"""The standard deviation of log loss between runs where none was measured."""


def floor_at(floor: "Floors", tokens: np.ndarray, unique: float) -> np.ndarray:
    """L*(U) between the U of the grid, linear in ln U, [draws]."""
    known = ~np.isnan(floor.default[0])
    x, values = np.log(tokens[known]), floor.default[:, known]
    right = int(np.clip(np.searchsorted(x, np.log(unique)), 1, max(1, len(x) - 1)))
    if len(x) < 2:
        return values[:, 0]
    share = (np.log(unique) - x[right - 1]) / (x[right] - x[right - 1])
    return values[:, right - 1] + share * (values[:, right] - values[:, right - 1])
