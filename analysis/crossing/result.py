"""The crossing of separately fitted laws: where it lies, how far the runs determine it, and its JSON."""

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from quarry import text
from quarry.analysis.crossing.four_laws import Growth, Laws, LossLaw
from quarry.analysis.crossing.known_laws import (
    Crossing,
    NoCrossing,
    flops_interval,
    flops_median,
    never_share,
)
from quarry.analysis.crossing.misfit import log_losses
from quarry.results import Result, quantities

if TYPE_CHECKING:
    from quarry.analysis.crossing.misfit import Misfits
    from quarry.analysis.points.table import Exclusion


@dataclass(frozen=True)
class Reading:
    """Where a law is read at the crossing, `at`, and the range it was fitted on, `low` to `high`.

    `further`: than any of its backtests; None without backtests.
    """

    law: str
    low: float
    high: float
    at: float
    further: bool | None = None

    @property
    def decades(self) -> float:
        """Decades outside the fitted range: positive above it, negative below it, 0 inside."""
        return max(0.0, math.log10(self.at / self.high)) + min(0.0, math.log10(self.at / self.low))


@dataclass(frozen=True)
class CrossingResult(Result):
    """The crossing of separately fitted laws, and how far the runs determine it.

    `log10_flops` [draws] are log10 C* of the bootstrap by run: inf where L(C) never falls below L(D(C)), 0
    where it lies below from 1 FLOP on, nan where a draw holds too few points for the laws. `log10_shifted`
    are the same with a misfit of each law, from `misfits`. `draws` [draws] are the refitted parameters by
    name, with D(C) = D_0 C^p and N(C) = N_0 C^q. `frontier` and `floor` are the points that L(C) and L(D)
    were fitted on.
    """

    crossing: Crossing | NoCrossing
    compute: LossLaw
    data: LossLaw
    tokens: Growth
    sizes: Growth
    offset: str
    log10_flops: np.ndarray
    log10_shifted: np.ndarray
    misfits: "Misfits"
    level: float
    draws: dict[str, np.ndarray]
    frontier: pl.DataFrame
    floor: pl.DataFrame
    excluded: "tuple[Exclusion, ...]"
    settings: dict[str, Any]
    warnings: tuple[str, ...]

    @property
    def headline(self) -> str:
        if isinstance(self.crossing, NoCrossing):
            return f"L(C) and L(D) do not cross: {self.crossing.reason}"
        return f"L(C) meets L(D) at C* = {text.power(self.crossing.flops)} FLOPs"

    def table(self) -> pl.DataFrame:
        """C* (FLOPs) with and without the misfit of the laws: value, low and high, null where unbounded."""
        value = None if isinstance(self.crossing, NoCrossing) else self.crossing.flops
        ends = {"C*": self.interval, "C*, draws of the runs alone": self.parameter_interval}
        return quantities({name: (value, interval) for name, interval in ends.items()})

    @property
    def laws(self) -> Laws:
        return Laws(self.compute, self.data, self.tokens, self.sizes)

    @property
    def convention(self) -> str:
        return self.crossing.convention

    @property
    def median(self) -> float | None:
        """The median of C*, FLOPs; None where it is not finite."""
        return flops_median(self.log10_flops)

    @property
    def interval(self) -> tuple[float | None, float | None]:
        """The interval of C* at `level`, FLOPs, with the misfit of both laws; None on a side not finite."""
        return flops_interval(self.log10_shifted, self.level)

    @property
    def parameter_interval(self) -> tuple[float | None, float | None]:
        """The same by the draws of the runs alone, as if both laws went on exactly."""
        return flops_interval(self.log10_flops, self.level)

    @property
    def p_none(self) -> float | None:
        """The share of the fitted draws without a crossing."""
        return never_share(self.log10_flops)

    @property
    def p_unfitted(self) -> float | None:
        """The share of the draws that were not fitted."""
        return float(np.isnan(self.log10_flops).mean()) if len(self.log10_flops) else None

    @property
    def readings(self) -> tuple[Reading, ...]:
        """Where L(C), L(D) and N(C) are read at the crossing; empty if there is none."""
        if isinstance(self.crossing, NoCrossing):
            return ()
        read = (
            ("L(C)", self.frontier["C"], self.crossing.flops),
            ("L(D)", self.floor["U"], self.crossing.tokens),
            ("N(C)", self.frontier["N"], self.sizes.at(self.crossing.flops)),
        )
        return tuple(
            Reading(law, float(x.to_numpy().min()), float(x.to_numpy().max()), at, self._further(law, at))
            for law, x, at in read
        )

    def _further(self, law: str, at: float) -> bool | None:
        if law not in self.misfits:
            return None
        outlook = self.misfits[law].outlook
        beyond = outlook.extrapolation
        return bool(beyond.distance(dict.fromkeys(beyond.ranges, np.array(at))) > outlook.furthest)

    def losses(self, flops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """L(C) and L(D(C)) of each fitted draw with its misfit, at `flops`: both [fitted draws, flops]."""
        if not self.draws:
            return np.array([]), np.array([])
        fitted = ~np.isnan(self.draws["p"])
        compute, data = log_losses(self.draws, self.misfits, flops)
        with np.errstate(over="ignore"):
            return np.exp(compute[fitted]), np.exp(data[fitted])

    def to_json(self) -> dict[str, Any]:
        """Strict JSON values; `log10_flops` has a null for each fitted draw without a crossing."""
        fitted = self.log10_flops[~np.isnan(self.log10_flops)]
        intervals = ("interval", "parameter_interval", "level")
        plain = ("convention", "offset", "median", *intervals, "p_none", "p_unfitted", "settings")
        return {name: getattr(self, name) for name in plain} | {
            "crossing": asdict(self.crossing),
            "laws": {name: asdict(getattr(self, name)) for name in ("compute", "data", "tokens", "sizes")},
            "log10_flops": [float(value) if math.isfinite(value) else None for value in fitted],
            "readings": [asdict(reading) | {"decades": reading.decades} for reading in self.readings],
            "points": {"frontier": len(self.frontier), "floor": len(self.floor)},
            "excluded": [asdict(exclusion) for exclusion in self.excluded],
            "warnings": list(self.warnings),
        }
