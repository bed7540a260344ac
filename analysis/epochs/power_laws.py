"""Power laws in N and U of quantities that were partly only bounded, over draws of noise and of cells."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import scipy.special

from quarry.analysis.epochs.censored_regression import Censored, log_likelihood, tobit
from quarry.analysis.epochs.estimates import estimate_row, interval_of
from quarry.analysis.fitting.intervals import finite

if TYPE_CHECKING:
    from quarry.analysis.fitting.intervals import IntervalSettings

_SIGNIFICANT, REJECTED = (float(scipy.special.chdtri(1, level)) for level in (0.05, 0.01))
"""Twice the gain in log-likelihood of one parameter more that is significant at 5%, and at 1%."""


@dataclass(frozen=True)
class PowerLaw:
    """ln y = intercept + of_n n + of_u u + of_both n u, normal about it; n = ln(N / n_middle), u likewise.

    Arrays [draws], NaN in draws that cannot bear it; of_both is 0 in the separable law. `likelihood` is the
    log-likelihood. `known` counts the cells that were not censored, `cells` all.
    """

    intercept: np.ndarray
    of_n: np.ndarray
    of_u: np.ndarray
    of_both: np.ndarray
    deviation: np.ndarray
    likelihood: np.ndarray
    n_middle: float
    u_middle: float
    known: int
    cells: int

    def exponent(self, u: float) -> np.ndarray:
        """d ln y / d ln N at U, [draws]."""
        return self.of_n + self.of_both * np.log(u / self.u_middle)

    @property
    def unborne(self) -> str:
        """Why the cells do not bear the law, where they do not."""
        if self.known < 3:
            return f"only {self.known} of {self.cells} cells (N, U) show it, the others bound it"
        return f"N and U do not vary apart among the {self.known} of {self.cells} cells (N, U) that show it"

    def at(self, n: float | np.ndarray, u: float) -> np.ndarray:
        """y at one N, or at one of each draw; [draws]."""
        of_u = np.nan_to_num(self.of_u) * np.log(u / self.u_middle)
        return np.exp(self.intercept + of_u + self.exponent(u) * np.log(n / self.n_middle))

    def size_at(self, y: float, u: float) -> np.ndarray:
        """The N from which on the law is below y at U, [draws]; infinite where it does not fall with N."""
        falls, here = self.exponent(u), self.at(self.n_middle, u)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            size = self.n_middle * np.exp(np.log(y / here) / falls)
        return np.where(np.isnan(falls), np.nan, np.where(falls < 0, size, np.inf))


@dataclass(frozen=True)
class Bounds:
    """Lower bounds `low` [draws, cells] of ln y at N and U [cells] where nothing was measured."""

    n: np.ndarray
    unique: np.ndarray
    low: np.ndarray

    def joined(self, values: Censored, weights: np.ndarray) -> tuple[Censored, np.ndarray]:
        """Values and weights [draws, units] with the bounds behind them, each of weight 1."""
        low = np.hstack([values.low, self.low])
        high = np.hstack([values.high, np.full_like(self.low, np.inf)])
        return Censored(low, high), np.hstack([weights, np.ones_like(self.low)])


def _design(n: np.ndarray, u: np.ndarray, both: bool, interaction: bool) -> np.ndarray:
    """1, ln n, and with `both` ln u, and with `interaction` their product; [units, terms]."""
    columns = [np.ones(len(n)), np.log(n)]
    columns += [np.log(u)] if both else []
    columns += [np.log(n) * np.log(u)] if interaction else []
    return np.stack(columns, axis=1)


def power_law(
    sizes: np.ndarray,
    unique: np.ndarray,
    logs: Censored,
    seed: int,
    *,
    interaction: bool = False,
    certainty: np.ndarray | None = None,
    bounds: Bounds | None = None,
) -> PowerLaw | None:
    """Through ln y [draws, N, U], NaN in cells without it; cells have random weights but in the first draw.

    `certainty` [draws, N, U] multiplies the weights: the probability that the cell has a y at all; `bounds`
    enter as further cells that are censored, and not the likelihood. Where only
    one U was measured `of_u` is NaN and the line is in N alone. None with fewer than four cells, or with
    `interaction` at one U.
    """
    there = ~np.isnan(logs.low[0])
    n, u = np.broadcast_to(sizes[:, None], there.shape)[there], np.broadcast_to(unique, there.shape)[there]
    both = len(np.unique(u)) > 1
    if len(n) < 4 or len(np.unique(n)) < 2 or (interaction and not both):
        return None
    n_middle, u_middle = float(np.exp(np.log(n).mean())), float(np.exp(np.log(u).mean()))
    design = _design(n / n_middle, u / u_middle, both, interaction)
    values = Censored(logs.low[:, there], logs.high[:, there])
    weights = _weights(len(values.low), len(n), seed)
    if certainty is not None:
        weights = weights * certainty[:, there]
    fitted = design, values, weights
    if bounds is not None:
        more = _design(bounds.n / n_middle, bounds.unique / u_middle, both, interaction)
        fitted = np.vstack([design, more]), *bounds.joined(values, weights)
    found, deviation = tobit(*fitted)
    return PowerLaw(
        found[:, 0],
        found[:, 1],
        found[:, 2] if both else np.full(len(found), np.nan),
        found[:, 3] if interaction else np.zeros(len(found)),
        deviation,
        log_likelihood(design, values, found, deviation, weights if certainty is not None else None),
        n_middle,
        u_middle,
        int(values.known[0].sum()),
        len(n),
    )


@dataclass(frozen=True)
class BothLaws:
    """The separable law and that with an interaction of N and U, of the same cells; None where none bears it.

    `chosen` is the latter where its likelihood is significantly higher at 5%.
    """

    separable: PowerLaw
    interaction: PowerLaw | None

    @property
    def gain(self) -> float:
        """By how much the interaction raises the log-likelihood of what was measured; 0 without it."""
        if self.interaction is None:
            return 0.0
        gain = float(self.interaction.likelihood[0] - self.separable.likelihood[0])
        return max(0.0, gain) if np.isfinite(gain) else 0.0

    def pooled(self, settings: "IntervalSettings") -> bool:
        """Whether one exponent of N stands for all U: the interval of the interaction holds 0."""
        if self.interaction is None:
            return True
        low, high = interval_of(self.interaction.of_both, settings)
        return (low is None or low <= 0) and (high is None or high >= 0)

    @property
    def chosen(self) -> PowerLaw:
        better = self.interaction is not None and 2 * self.gain > _SIGNIFICANT
        return self.interaction if better and self.interaction is not None else self.separable

    @property
    def rejected(self) -> bool:
        """Whether the separable law is rejected at 1%."""
        return 2 * self.gain > REJECTED


def both_laws(
    sizes: np.ndarray,
    unique: np.ndarray,
    logs: Censored,
    seed: int,
    certainty: np.ndarray | None = None,
    bounds: Bounds | None = None,
) -> BothLaws | None:
    """Both laws through ln y [draws, N, U]; None where the separable one has too few cells."""
    plain, coupled = (
        power_law(sizes, unique, logs, seed, interaction=interaction, certainty=certainty, bounds=bounds)
        for interaction in (False, True)
    )
    if plain is None:
        return None
    return BothLaws(plain, None if coupled is None or np.isnan(coupled.of_n[0]) else coupled)


def laws_table(laws: Mapping[str, PowerLaw | None], settings: "IntervalSettings") -> pl.DataFrame:
    """A row for each law: exponents of N, U and both, scatter, log-likelihood, cells and known ones."""
    rows = [
        {"quantity": name,
         **estimate_row(settings, {"of_N": law.of_n, "of_U": law.of_u, "of_both": law.of_both,
                                   "scatter": law.deviation}),
         "likelihood": finite(law.likelihood[0]), "known": law.known, "cells": law.cells}
        for name, law in laws.items()
        if law is not None
    ]  # fmt: skip
    return pl.DataFrame(rows, infer_schema_length=None)


def slope(sizes: np.ndarray, logs: np.ndarray) -> np.ndarray:
    """d logs / d ln N of logs [draws, N], over the sizes that the first draw has; NaN with fewer than two."""
    there = ~np.isnan(logs[0])
    if there.sum() < 2:
        return np.full(len(logs), np.nan)
    x = np.log(sizes[there])
    x = x - x.mean()
    return logs[:, there] @ x / (x @ x)


def _weights(draws: int, units: int, seed: int) -> np.ndarray:
    """The weight of each unit: 1 in the first draw, in the others of the Bayesian bootstrap (Rubin 1981).

    It leaves no unit out, so that no draw lacks what the line needs.
    """
    weights = np.random.default_rng(seed).dirichlet(np.ones(units), size=draws - 1)
    return np.vstack([np.ones(units), units * weights])
