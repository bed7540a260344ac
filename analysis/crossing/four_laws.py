"""The four laws of a crossing: the losses L(C) and L(D), and the growth of the plan, D(C) and N(C)."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from quarry.analysis.laws.published_trends import PublishedTrend

REACH = (1.0, 1e60)
"""FLOPs between which a crossing is searched."""


@dataclass(frozen=True)
class LossLaw:
    """L(x) = offset + (scale / x)^exponent, in nats per token."""

    scale: float
    exponent: float
    offset: float = 0.0

    def at(self, x: Any) -> Any:
        """L(x); inf where it overflows."""
        with np.errstate(over="ignore", divide="ignore"):
            return self.offset + np.divide(self.scale, x) ** self.exponent


@dataclass(frozen=True)
class Growth:
    """y(C) = scale C^exponent, C in FLOPs: the tokens D(C) or the size N(C) of the optimal plan."""

    scale: float
    exponent: float

    def at(self, flops: Any) -> Any:
        """y(C); 0 or inf where it underflows or overflows."""
        with np.errstate(over="ignore", under="ignore"):
            return np.exp(math.log(self.scale) + self.exponent * np.log(flops))

    @classmethod
    def of(cls, trend: "PublishedTrend") -> "Growth":
        return cls(trend.predict(1.0), trend.exponent)


class Laws(NamedTuple):
    """L(C), L(D), D(C) and N(C)."""

    compute: LossLaw
    data: LossLaw
    tokens: Growth
    sizes: Growth


def drawn_laws(params: Mapping[str, np.ndarray]) -> Iterator[Laws]:
    """The laws of each draw that was fitted, from parameters [draws] by name; other draws are NaN."""
    for row in zip(*params.values(), strict=True):
        own = dict(zip(params, map(float, row), strict=True))
        if math.isnan(own["p"]):
            continue
        shared = own.get("L_inf", 0.0)
        yield Laws(
            LossLaw(own["C_c"], own["alpha_C"], own.get("L_inf_C", shared)),
            LossLaw(own["D_c"], own["alpha_D"], own.get("L_inf_D", shared)),
            Growth(own["D_0"], own["p"]),
            Growth(own["N_0"], own["q"]),
        )
