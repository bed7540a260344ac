"""Published fits of the laws, as their sources print them, each with how sure we are of it.

N in parameters, U and E in tokens, C in FLOPs (a source's PF-days times `PF_DAY`), losses in nats per token.
Where a source contradicts itself, both numbers are here under their own names. `published_trends.py` has the
power laws that papers print for optimal sizes, batches and learning rates.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from quarry.analysis.laws.batch_size import KAPLAN_CRITICAL_BATCH
from quarry.analysis.laws.chinchilla import CHINCHILLA
from quarry.analysis.laws.kaplan import (
    CONTEXT,
    CRITICAL_BATCH,
    KAPLAN_C,
    KAPLAN_D,
    KAPLAN_N,
    KAPLAN_ND,
    KAPLAN_NS,
)
from quarry.analysis.laws.law import Law
from quarry.analysis.laws.power_laws import in_variable
from quarry.analysis.laws.repeated_data import DATA_CONSTRAINED
from quarry.errors import LawError

PF_DAY = 8.64e19
"""FLOPs in a petaflop/s-day."""

Status = Literal["read in the paper", "secondary source", "recalled", "computed"]


@dataclass(frozen=True)
class PublishedFit:
    """The parameters of a law as a paper prints them, in the law's units, with any standard errors."""

    name: str
    law: Law
    params: dict[str, float]
    source: str
    status: Status
    note: str = ""
    standard_error: Mapping[str, float] = field(default_factory=dict)


def find_published(name: str) -> PublishedFit:
    """The published fit called `name`.

    Args:
        name: A key of `quarry.PUBLISHED`.

    Returns:
        The fit: its law, its parameters, and its source.

    Raises:
        LawError: There is no such fit; the message lists the choices.

    Examples:
        >>> import quarry
        >>> quarry.find_published("besiroglu").law.name
        'chinchilla'
    """
    if name not in PUBLISHED:
        raise LawError(f"no published fit {name!r}: choose one of {', '.join(PUBLISHED)}")
    return PUBLISHED[name]


KAPLAN = "Kaplan et al. 2020 (arXiv 2001.08361)"
HENIGHAN = "Henighan et al. 2020 (arXiv 2010.14701)"
HOFFMANN = "Hoffmann et al. 2022 (arXiv 2203.15556)"
_THREE_SETS = "the constants of eq. 1.1, Table 2 and Table 3 differ: three separate fits"


def _kaplan(name: str, law: Law, where: str, note: str, **params: float) -> PublishedFit:
    return PublishedFit(name, law, params, f"{KAPLAN}, {where}", "read in the paper", note)


_KAPLAN_FITS = (
    _kaplan("kaplan-n", KAPLAN_N, "eq. 1.1", _THREE_SETS, N_c=8.8e13, alpha_N=0.076),
    _kaplan("kaplan-d", KAPLAN_D, "eq. 1.2", "Table 2 is a separate fit", D_c=5.4e13, alpha_D=0.095),
    _kaplan(
        "kaplan-c",
        KAPLAN_C,
        "eq. 3.3",
        "naive: batch fixed at 2^19 tokens",
        C_c=1.6e7 * PF_DAY,
        alpha_C=0.057,
    ),
    _kaplan(
        "kaplan-c-min",
        KAPLAN_C,
        "eq. 1.3",
        "C is C_min; alpha_C is 0.050 here, 0.052 in eq. B.7, 0.054 in section 6.4, 0.0525 from Table 3",
        C_c=3.1e8 * PF_DAY,
        alpha_C=0.050,
    ),
    _kaplan(
        "kaplan-nd", KAPLAN_ND, "Table 2", _THREE_SETS, N_c=6.4e13, D_c=1.8e13, alpha_N=0.076, alpha_D=0.103
    ),
    _kaplan(
        "kaplan-ns", KAPLAN_NS, "Table 3", _THREE_SETS, N_c=6.5e13, S_c=2.1e3, alpha_N=0.077, alpha_S=0.76
    ),
    _kaplan(
        "critical-batch",
        CRITICAL_BATCH,
        "eq. 1.4",
        "B_star is 2e8 in the text; eq. B.4 prints 1 / alpha_B as 5, which is 4.76",
        **KAPLAN_CRITICAL_BATCH,
    ),
)

_CONTEXT_LEGEND = ((4.0, 3.2, 0.47), (3.4, 4.0, 0.56), (2.9, 4.5, 0.56), (2.7, 4.9, 0.60), (2.4, 5.1, 0.61),
                   (2.3, 5.4, 0.62))  # fmt: skip
_CONTEXT_FITS = tuple(
    _kaplan(f"kaplan-context-{size}", CONTEXT, "Figure 20", "sizes from 1, the smallest, to 6", a=a, b=b, c=c)
    for size, (a, b, c) in enumerate(_CONTEXT_LEGEND, start=1)
)

# L_inf, x_0, alpha; None: the source gives no L_inf.
_HENIGHAN_N = {
    "language": (None, 1.47e14, 0.070),
    "image-8x8": (3.12, 8.0e1, 0.24),
    "image-16x16": (2.64, 2.8e2, 0.22),
    "image-32x32": (2.20, 6.3e1, 0.13),
    "vq-16x16": (3.99, 2.7e4, 0.13),
    "vq-32x32": (3.07, 1.9e4, 0.14),
    "text-to-image-text": (None, 5.6e8, 0.037),
    "text-to-image-image": (2.0, 5.1e3, 0.16),
    "image-to-text-text": (None, 7.0e8, 0.039),
    "image-to-text-image": (2.0, 5.5e3, 0.15),
    "video-vq": (1.01, 3.7e4, 0.24),
    "math": (0.28, 1.1e4, 0.16),
}
_HENIGHAN_C = {
    "language": (None, 3.47e8, 0.048),
    "image-8x8": (3.13, 1.8e-8, 0.19),
    "image-16x16": (2.64, 1.6e-8, 0.16),
    "image-32x32": (2.21, 3.6e-9, 0.10),
    "vq-16x16": (4.09, 6.1e-7, 0.11),
    "vq-32x32": (3.17, 2.6e-6, 0.12),
    "text-to-image": (1.93, 1.5e-6, 0.15),
    "image-to-text": (1.97, 1.5e-6, 0.16),
    "video-vq": (0.95, 2.2e-5, 0.14),
    "math": (0.14, 1.4e-5, 0.17),
}
_HENIGHAN_NOTES = {
    "language": "language data do not identify L_inf: none is given, 0 stands for it",
    "text-to-image-text": "no L_inf is given, 0 stands for it",
    "image-to-text-text": "no L_inf is given, 0 stands for it",
    "text-to-image": "text and image losses combined",
    "image-to-text": "text and image losses combined",
    "math": "the extrapolation test set",
}


def _henighan(domain: str, x: str, unit: float, row: tuple[float | None, float, float]) -> PublishedFit:
    l_inf, x_0, alpha = row
    return PublishedFit(
        f"henighan-{domain}-{x.lower()}",
        in_variable("power-offset", x),
        {"L_inf": l_inf or 0.0, "x_0": x_0 * unit, "alpha": alpha},
        f"{HENIGHAN}, Table 1",
        "read in the paper",
        _HENIGHAN_NOTES.get(domain, ""),
    )


_HENIGHAN_FITS = (
    *(_henighan(domain, "N", 1.0, row) for domain, row in _HENIGHAN_N.items()),
    *(_henighan(domain, "C", PF_DAY, row) for domain, row in _HENIGHAN_C.items()),
)

_CHINCHILLA_FITS = (
    PublishedFit(
        "hoffmann",
        CHINCHILLA,
        {"L_inf": 1.6934, "A": 406.4, "B": 410.7, "alpha": 0.3392, "beta": 0.2849},
        f"{HOFFMANN}, approach 3, before rounding",
        "secondary source",
    ),
    PublishedFit(
        "hoffmann-rounded",
        CHINCHILLA,
        {"L_inf": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28},
        f"{HOFFMANN}, approach 3, as printed",
        "secondary source",
        "the rounding of the exponents alone moves tokens per parameter at 5.76e23 FLOPs from 59 to 93",
    ),
    PublishedFit(
        "besiroglu",
        CHINCHILLA,
        {"L_inf": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658},
        "Besiroglu et al. 2024 (arXiv 2404.10102): 240 points read again from Hoffmann's Figure 4",
        "secondary source",
        standard_error={"L_inf": 0.03, "A": 124.58, "B": 1293.23, "alpha": 0.02, "beta": 0.02},
    ),
    PublishedFit(
        "muennighoff",
        DATA_CONSTRAINED,
        {
            "L_inf": math.exp(0.6254804),
            "A": math.exp(6.255414),
            "B": math.exp(7.3049974),
            "alpha": 0.3526596,
            "beta": 0.3526596,
            "R_D": 15.387756,
            "R_N": 5.309743,
        },
        "Muennighoff et al. 2023 (arXiv 2305.16264), the constants of the released code",
        "secondary source",
        "the paper rounds to A 521, B 1488, L_inf 1.87; runs with rising loss were dropped",
    ),
)

PUBLISHED: dict[str, PublishedFit] = {
    fit.name: fit for fit in (*_KAPLAN_FITS, *_CONTEXT_FITS, *_HENIGHAN_FITS, *_CHINCHILLA_FITS)
}
