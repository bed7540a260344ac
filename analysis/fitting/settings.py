"""How a law is fitted: what is minimised, what is resampled, which intervals."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from quarry.analysis.fitting.objective import Objective, Residuals
from quarry.checks import check_choice, check_settings
from quarry.errors import FitError

Resampling = Literal["run", "point", "noise"]
"""What a bootstrap draw varies: which runs, which rows, or the seed noise around the fitted law."""

IntervalKind = Literal["percentile", "bca"]
"""The percentile interval, widened for few runs (Hesterberg 2015), or BCa (Efron 1987)."""

# Where Huber terms turn linear: in log loss (Hoffmann et al. 2022), and in standard deviations of the noise
# (Huber's value for 95% efficiency under normal noise).
_HUBER_DELTA, _HUBER_DELTA_OF_NOISE = 1e-3, 1.345


@dataclass(frozen=True)
class FitSettings:
    """The options of a fit; `quarry.analysis.fitting.estimation.fit` explains each.

    Raises FitError, LawError for a value that cannot be used.
    """

    freeze: Mapping[str, float] = field(default_factory=dict)
    objective: Residuals = "huber"
    huber_delta: float | None = None
    noise: str | None = None
    above: float = 1.0
    critical: Mapping[str, float] | None = None
    bootstrap: int = 1000
    resampling: Resampling = "run"
    interval: IntervalKind = "percentile"
    seed: int = 0
    level: float = 0.95

    def __post_init__(self):
        check_settings(FitError, self.bootstrap, self.seed, self.level)
        check_choice(FitError, "resampling", self.resampling, get_args(Resampling))
        check_choice(FitError, "interval", self.interval, get_args(IntervalKind))
        self.minimised()

    def minimised(self) -> Objective:
        """The objective, with the default of `huber_delta` filled in. Raises LawError."""
        default = _HUBER_DELTA_OF_NOISE if self.noise else _HUBER_DELTA
        delta = default if self.huber_delta is None else self.huber_delta
        return Objective.of(self.objective, delta, self.above)
