"""The misfit of L(C) and L(D) beyond their points, in every draw of a crossing.

Each law is backtested as a fit is (`quarry.analysis.fitting.prediction`), with the prior of laws fitted to
ends of the runs of ladders. A draw's misfit is one normal number per law, times what grows with the distance
beyond the law's own points. D(C) and N(C) are taken as fitted: an error of a tenth in D moves the reducible
part of L(D) by a hundredth, its exponent being small.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from quarry.analysis.crossing.four_laws import REACH
from quarry.analysis.fitting.noise import run_scatter
from quarry.analysis.fitting.prediction.distance import fitted_ranges
from quarry.analysis.fitting.prediction.outlook import Outlook, outlook_of
from quarry.analysis.fitting.prediction.prior import SURFACE, prior_named
from quarry.analysis.fitting.prediction.rolling_origin import backtest
from quarry.analysis.fitting.search import Minima

if TYPE_CHECKING:
    from quarry.analysis.crossing.four_laws import Laws
    from quarry.analysis.crossing.law_draws import Samples
    from quarry.analysis.fitting.search import Data

# Decades between the C at which the gap between the laws is looked at.
_STEP = 0.05


@dataclass(frozen=True)
class LawMisfit:
    """What is known of one law beyond its points, and `amplitudes` [draws]: log loss a decade out."""

    outlook: Outlook
    amplitudes: np.ndarray

    @classmethod
    def of(cls, data: "Data", params: np.ndarray, draws: int, seed: int, level: float) -> "LawMisfit":
        """By backtests of a law fitted with `params` [parameters]."""
        found = backtest(data, Minima(params[None, :], np.zeros(1), 1, 1, np.zeros(1)), seed)
        noise, ranges = run_scatter(data, params), fitted_ranges(data.inputs)
        outlook = outlook_of(found, prior_named(SURFACE), noise, ranges, level)
        random, beyond = np.random.default_rng(seed), outlook.extrapolation
        scales = random.choice(beyond.scales, draws, p=beyond.weights)
        return cls(outlook, scales * random.standard_normal(draws))

    def shift(self, x: np.ndarray) -> np.ndarray:
        """The misfit of log loss at x, [grid] or [draws, grid], in each draw: [draws, grid]."""
        beyond = self.outlook.extrapolation
        grown = (beyond.distance(dict.fromkeys(beyond.ranges, x)) / math.log(10)) ** beyond.growth
        return self.amplitudes[:, None] * grown


Misfits = Mapping[str, LawMisfit]
"""By the name of the law: L(C) and L(D)."""


def measure_misfits(samples: "Samples", laws: "Laws", draws: int, seed: int, level: float) -> Misfits:
    """The misfits of both laws, with as many draws as the runs have resamples."""
    return {
        name: LawMisfit.of(data, params, draws, seed + i, level)
        for i, (name, data, params) in enumerate(samples.fitted_data(laws), 1)
    }


def shifted_positions(params: Mapping[str, np.ndarray], misfits: Misfits, start: float) -> np.ndarray:
    """log10 C* of each draw with its misfit [draws], as `log10_meeting` gives it without.

    `params` [draws] are those of `drawn_laws`. Of several crossings it is the one nearest `start`, the least
    log10 C of the points, on the side where the laws meet.
    """
    log10_c = np.arange(math.log10(REACH[0]), math.log10(REACH[1]), _STEP)
    gap = log_gap(params, misfits, 10.0**log10_c)
    above, at = gap > 0, int(np.searchsorted(log10_c, start))
    falls = above[:, :-1] & ~above[:, 1:]
    later, earlier = falls[:, at:], falls[:, :at]
    place = np.where(
        above[:, at], at + np.argmax(later, axis=1), at - 1 - np.argmax(earlier[:, ::-1], axis=1)
    )
    found = np.where(above[:, at], later.any(axis=1), earlier.any(axis=1))
    left, right = (np.take_along_axis(gap, place[:, None] + i, axis=1)[:, 0] for i in (0, 1))
    with np.errstate(all="ignore"):
        crossed = log10_c[place] + _STEP * left / (left - right)
    missing = np.where(above[:, at] | above[:, -1], np.inf, 0.0)
    return np.where(np.isnan(gap[:, at]), np.nan, np.where(found, crossed, missing))


def log_gap(params: Mapping[str, np.ndarray], misfits: Misfits, flops: np.ndarray) -> np.ndarray:
    """log L(C) - log L(D(C)) of each draw at `flops` [grid]: [draws, grid]."""
    compute, data = log_losses(params, misfits, flops)
    return compute - data


def log_losses(
    params: Mapping[str, np.ndarray], misfits: Misfits, flops: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """log L(C) and log L(D(C)) of each draw with its misfits, at `flops` [grid]: both [draws, grid]."""
    own: dict[str, Any] = {name: values[:, None] for name, values in params.items()}
    with np.errstate(all="ignore"):
        log_tokens = np.log(own["D_0"]) + own["p"] * np.log(flops)
        offsets = (own.get(f"L_inf_{x}", own.get("L_inf", 0.0)) for x in "CD")
        compute, data = (
            np.logaddexp(np.log(offset), own[f"alpha_{x}"] * (np.log(own[f"{x}_c"]) - log_x))
            for x, offset, log_x in zip("CD", offsets, (np.log(flops), log_tokens), strict=True)
        )
        shifts = misfits["L(C)"].shift(flops), misfits["L(D)"].shift(np.exp(log_tokens))
        return compute + shifts[0], data + shifts[1]
