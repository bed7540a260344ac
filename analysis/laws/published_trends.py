"""Published power laws of one variable, and Hoffmann's three estimates of the compute-optimal plan.

N in parameters, U and E in tokens, C in FLOPs (a source's PF-days times `PF_DAY`).
"""

from dataclasses import dataclass
from typing import Any

from quarry.analysis.laws.published import HENIGHAN, HOFFMANN, KAPLAN, PF_DAY, Status

_PORIAN = "Porian et al. 2024 (arXiv 2406.19146)"


@dataclass(frozen=True)
class PublishedTrend:
    """A published power law of one variable: `response` = y_0 (x / x_0)^exponent, in `unit`.

    x is the `variable`: N in parameters, C in FLOPs or U in tokens.
    """

    name: str
    response: str
    unit: str
    variable: str
    y_0: float
    x_0: float
    exponent: float
    source: str
    status: Status
    note: str = ""

    def predict(self, x: Any) -> Any:
        """The response at `x`."""
        return self.y_0 * (x / self.x_0) ** self.exponent


@dataclass(frozen=True)
class Approach:
    """One of Hoffmann's estimates of N_opt ~ C^a and E_opt ~ C^b, with the 80% intervals as printed."""

    name: str
    a: float
    a_interval: tuple[float, float]
    b: float
    b_interval: tuple[float, float]
    source: str = f"{HOFFMANN}, Table 2 (its number recalled)"
    status: Status = "secondary source"


APPROACHES: dict[str, Approach] = {
    approach.name: approach
    for approach in (
        Approach("envelope", 0.50, (0.488, 0.502), 0.50, (0.501, 0.512)),
        Approach("isoflop", 0.49, (0.462, 0.534), 0.51, (0.483, 0.529)),
        Approach("parametric", 0.46, (0.454, 0.455), 0.54, (0.542, 0.543)),
    )
}

PORIAN_EXPONENTS: dict[str, tuple[float, Status]] = {
    "kaplan": (0.835, "secondary source"),
    "head": (0.701, "secondary source"),
    "warmup": (0.602, "secondary source"),
    "decay": (0.571, "secondary source"),
    "tuned": (0.497, "secondary source"),
}
"""a of N_opt ~ C^a at each step on RefinedWeb (Porian 2024, Figure 1, as a lecture's notes read its panels).

That of `head`, where the notes have 0.706, is of the table that the authors released.

Kaplan's own, unadjusted for the batch, is 0.88 (recalled).
"""

CHINCHILLA_PLANS: tuple[tuple[float, float], ...] = (
    (400e6, 8.0e9),
    (1e9, 20.2e9),
    (10e9, 205e9),
    (67e9, 1.5e12),
)
"""N (parameters) and its compute-optimal E (tokens).

Hoffmann et al. 2022, Table 3 (its number recalled); secondary source.
"""

# C_0 in PF-days and the exponent of N_opt.
_HENIGHAN_SIZE = {
    "language": (3.3e-13, 0.73),
    "image-8x8": (5.3e-14, 0.64),
    "image-16x16": (4.8e-12, 0.75),
    "image-32x32": (1.6e-13, 0.65),
    "vq-16x16": (6.2e-14, 0.64),
    "vq-32x32": (9.4e-13, 0.70),
    "text-to-image": (9.4e-13, 0.70),
    "image-to-text": (3.3e-12, 0.72),
    "video-vq": (1.13e-12, 0.71),
    "math": (2.3e-12, 0.69),
}

OPTIMAL_SIZE: dict[str, PublishedTrend] = {
    domain: PublishedTrend(
        f"henighan-{domain}", "N_opt", "parameters", "C", 1.0, c_0 * PF_DAY, beta,
        f"{HENIGHAN}, Table 1", "read in the paper",
    )
    for domain, (c_0, beta) in _HENIGHAN_SIZE.items()
}  # fmt: skip
"""Henighan's N_opt = (C / C_0)^beta by domain, read off the convex hull of loss against compute."""


def _kaplan_trend(
    name: str, response: str, unit: str, y_0: float, exponent: float, where: str, note: str = ""
):
    source = f"{KAPLAN}, {where}"
    return PublishedTrend(name, response, unit, "C", y_0, PF_DAY, exponent, source, "read in the paper", note)


_TWICE = "training at B_crit: twice E_min = B_crit S_min"

TRENDS: dict[str, PublishedTrend] = {
    trend.name: trend
    for trend in (
        _kaplan_trend("kaplan-n-opt", "N_opt", "parameters", 1.3e9, 0.73, "Table 6", "C is C_min"),
        _kaplan_trend("kaplan-b-crit", "B_crit", "tokens", 2.0e6, 0.24, "Table 6", "C is C_min"),
        _kaplan_trend("kaplan-s-min", "S_min", "steps", 5.4e3, 0.03, "Table 6", "C is C_min"),
        _kaplan_trend(
            "kaplan-d-opt", "E", "tokens", 2e10, 0.27, "Table 6",
            f"C is C_min; {_TWICE}; the quoted crossing C* of 1e4 PF-days follows from this one",
        ),
        _kaplan_trend(
            "kaplan-d-opt-6.7", "E", "tokens", 4e10, 0.26, "eq. 6.7",
            "C is C_min; twice Table 6 though the same quantity: the crossing is 10 times later with it",
        ),
        PublishedTrend(
            "kaplan-no-overfitting", "U", "tokens", "N", 5e3, 1.0, 0.74, f"{KAPLAN}, eq. 4.4",
            "read in the paper", "this many unique tokens keep overfitting below 0.02",
        ),
        PublishedTrend(
            "henighan-image-16x16-section-6", "N_opt", "parameters", "C", 2.8e8, PF_DAY, 0.74,
            f"{HENIGHAN}, section 6", "read in the paper", "Table 1 has (C / 4.8e-12 PF-days)^0.75",
        ),
        PublishedTrend(
            "henighan-image-16x16-compute", "C", "FLOPs", "U", 5e-42 * PF_DAY, 1.0, 3.9,
            f"{HENIGHAN}, section 6", "read in the paper", "rounded",
        ),
        PublishedTrend(
            "henighan-image-16x16-compute-recomputed", "C", "FLOPs", "U", 6.4e-42 * PF_DAY, 1.0, 3.85,
            f"{HENIGHAN}, section 6, from N_opt = 2.8e8 C^0.74", "computed", "the paper prints 5e-42 U^3.9",
        ),
        PublishedTrend(
            "porian-learning-rate", "learning rate", "", "N", 3.7, 1.0, -0.36, _PORIAN, "secondary source",
            "tuned for each size; N includes the head",
        ),
        PublishedTrend(
            "porian-batch", "B", "tokens", "N", 0.7576, 1.0, 0.703, _PORIAN, "secondary source",
            "tuned for each size; N includes the head; tokens is our reading of the unit",
        ),
    )
}  # fmt: skip
