"""Where L(C) falls below L(D(C)), from the constants of the two laws.

L(C), the least loss of C FLOPs in one epoch, falls faster along the optimal plan than L(D), the least loss
from D unique tokens over any number of epochs, at the tokens D(C) of that plan. Extrapolated, L(C) is less
than L(D(C)) from some C* on: the inconsistency of Kaplan et al. 2020 (arXiv
2001.08361), section 6.3.

C* is a ratio whose denominator, alpha_C - alpha_D p, is small and uncertain. Its
distribution has a heavy tail and no useful standard error, so it is described by the quantiles of its draws,
where no crossing counts as C* = inf.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy

from quarry import text
from quarry.analysis.crossing.four_laws import REACH, Growth, LossLaw
from quarry.analysis.fitting.intervals import OPEN, Interval, quantiles
from quarry.analysis.laws.published import PUBLISHED
from quarry.analysis.laws.published_trends import TRENDS
from quarry.checks import check_positive
from quarry.errors import FitError

MEASURED = "D = E on the measured one-epoch frontier"

CONVENTIONS = {
    "Kaplan Table 6: D = 2e10 C^.27, C in PF-days": TRENDS["kaplan-d-opt"],
    "Kaplan eq. 6.7: D = 4e10 C^.26, C in PF-days": TRENDS["kaplan-d-opt-6.7"],
}
"""The tokens D(C) of a budget, by name. C* depends on this choice."""

_LARGEST = 700.0
"""exp of a larger number overflows."""


@dataclass(frozen=True)
class Crossing:
    """Where L(C) falls below L(D(C)): C* (FLOPs), L* (nats per token), D* (tokens), N* if N(C) is known."""

    flops: float
    loss: float
    tokens: float
    n: float | None
    convention: str


@dataclass(frozen=True)
class NoCrossing:
    """L(C) does not fall below L(D(C)); `reason` says why."""

    reason: str
    convention: str


def published_crossings() -> dict[str, Crossing | NoCrossing]:
    """The crossing of Kaplan's L(C_min) and L(D) under each of `CONVENTIONS`."""
    c, d = PUBLISHED["kaplan-c-min"].params, PUBLISHED["kaplan-d"].params
    compute, data = LossLaw(c["C_c"], c["alpha_C"]), LossLaw(d["D_c"], d["alpha_D"])
    sizes = Growth.of(TRENDS["kaplan-n-opt"])
    return {name: meeting(compute, data, Growth.of(own), sizes, name) for name, own in CONVENTIONS.items()}


def naive_crossing(
    C_c: float, alpha_C: float, D_c: float, alpha_D: float, D_0: float, p: float,
    *, L_inf: float = 0.0, sizes: Growth | None = None, convention: str = "D = D_0 C^p",
) -> Crossing | NoCrossing:  # fmt: skip
    """The crossing of L(C) = L_inf + (C_c/C)^alpha_C and L(D) = L_inf + (D_c/D)^alpha_D at D = D_0 C^p.

    ln C* = [alpha_C ln C_c - alpha_D ln(D_c / D_0)] / (alpha_C - alpha_D p): FLOPs if C_c and D_0 are in
    FLOPs (Kaplan et al. 2020, section 6.3). Raises FitError for a number that is not positive, or a
    negative L_inf.
    """
    check_positive(FitError, C_c=C_c, alpha_C=alpha_C, D_c=D_c, alpha_D=alpha_D, D_0=D_0, p=p)
    if not (math.isfinite(L_inf) and L_inf >= 0):
        raise FitError(f"L_inf={L_inf:g}: must be finite and not negative")
    laws = LossLaw(C_c, alpha_C, L_inf), LossLaw(D_c, alpha_D, L_inf)
    return meeting(*laws, Growth(D_0, p), sizes, convention)


def meeting(
    compute: LossLaw, data: LossLaw, tokens: Growth, sizes: Growth | None = None, convention: str = MEASURED
) -> Crossing | NoCrossing:
    """The C within `REACH` at which `compute` falls below `data` at the tokens of C.

    With one irreducible loss for both the reducible losses cross in closed form; with two it is searched.
    """
    position = log10_meeting(compute, data, tokens)
    if not 0 < position < math.inf:
        return NoCrossing(_why_not(compute, data, tokens, position), convention)
    flops = 10.0**position
    d, n = float(tokens.at(flops)), float(sizes.at(flops)) if sizes else None
    loss = float(data.at(d))
    if not all(0 < value < math.inf for value in (loss, d, n) if value is not None):
        return NoCrossing(f"no crossing: at {text.power(flops)} FLOPs L, D(C) or N(C) overflows", convention)
    return Crossing(flops, loss, d, n, convention)


def _why_not(compute: LossLaw, data: LossLaw, tokens: Growth, position: float) -> str:
    if position <= 0:
        return "no crossing: L(C) lies below L(D(C)) from 1 FLOP on"
    falls = data.exponent * tokens.exponent
    if compute.offset == data.offset and compute.exponent <= falls:
        return (
            f"no crossing: L(C) falls as C^-{compute.exponent:.3g}, no faster than L(D(C)), which falls as "
            f"C^-{falls:.3g}"
        )
    return f"no crossing: L(C) stays above L(D(C)) from 1 to {text.power(REACH[1])} FLOPs"


def log10_meeting(compute: LossLaw, data: LossLaw, tokens: Growth) -> float:
    """log10 C*: inf if there is none within `REACH`, and 0 if L(C) lies below from 1 FLOP on."""
    gap = _Gap.of(compute, data, tokens)
    return gap.closed_form() if gap.offset == 0 else gap.searched()


@dataclass(frozen=True)
class _Gap:
    """L(C) - L(D(C)) of log C: reducible losses at 1 FLOP (logs), exponents, the difference of offsets."""

    log_compute: float
    falls: float
    log_data: float
    data_falls: float
    offset: float

    @classmethod
    def of(cls, compute: LossLaw, data: LossLaw, tokens: Growth) -> "_Gap":
        log_compute = compute.exponent * math.log(compute.scale)
        log_data = data.exponent * (math.log(data.scale) - math.log(tokens.scale))
        falls = data.exponent * tokens.exponent
        return cls(log_compute, compute.exponent, log_data, falls, compute.offset - data.offset)

    def at(self, log_flops: float) -> float:
        compute, data = self.log_compute - self.falls * log_flops, self.log_data - self.data_falls * log_flops
        return self.offset + math.exp(min(compute, _LARGEST)) - math.exp(min(data, _LARGEST))

    def closed_form(self) -> float:
        """log10 of the C at which the reducible losses are equal."""
        if self.falls <= self.data_falls:
            return math.inf
        low, high = map(math.log10, REACH)
        position = (self.log_compute - self.log_data) / (self.falls - self.data_falls) / math.log(10)
        return max(position, low) if position <= high else math.inf

    def searched(self) -> float:
        """log10 of the C at which the gap falls through zero: it turns once at most."""
        low, high = map(math.log, REACH)
        turn = self.turn()
        ends = [low, turn, high] if low < turn < high else [low, high]
        for left, right in pairwise(ends):
            if self.at(left) > 0 >= self.at(right):
                return scipy.optimize.root_scalar(self.at, bracket=(left, right)).root / math.log(10)
        return 0.0 if self.at(low) <= 0 and self.at(high) <= 0 else math.inf

    def turn(self) -> float:
        """The one log C at which the gap stops falling or rising; nan if it never does."""
        if min(self.falls, self.data_falls) <= 0 or self.falls == self.data_falls:
            return math.nan
        at_one_flop = math.log(self.falls / self.data_falls) + self.log_compute - self.log_data
        return at_one_flop / (self.falls - self.data_falls)


def flops_median(positions: np.ndarray) -> float | None:
    """The median of draws of log10 C in FLOPs; None where it is no number, or without draws.

    `positions` [draws] are inf and 0 as of `log10_meeting`, and NaN in a draw that was not fitted, which
    counts as inf.
    """
    if len(positions) == 0:
        return None
    known = np.where(np.isnan(positions), math.inf, positions)
    return _flops(np.quantile(known, 0.5, method="higher"))


def flops_interval(positions: np.ndarray, level: float) -> Interval:
    """The outer quantiles at `level` of such draws, in FLOPs; None on a side that the draws leave open.

    A draw that was not fitted limits neither side.
    """
    if len(positions) == 0:
        return OPEN
    missing = np.isnan(positions)
    low, high = quantiles(positions, level, missing, missing)
    return _flops(low), _flops(high)


def _flops(position: float) -> float | None:
    return 10.0 ** float(position) if 0 < position < math.inf else None


def never_share(positions: np.ndarray) -> float | None:
    """The share of the fitted draws in which there is no such C; None without any."""
    fitted = positions[~np.isnan(positions)]
    return float(np.isinf(fitted).mean()) if len(fitted) else None
