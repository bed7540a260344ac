"""Overfitting by L(N, U): Kaplan et al. 2020 (arXiv 2001.08361), section 4 and eq. 5.7.

`nd` has the parameters of `kaplan-nd` and `ns` those of `kaplan-ns`. U is the number of unique tokens.
"""

from typing import Any

import numpy as np

from quarry.analysis.laws.kaplan import KAPLAN_ND
from quarry.analysis.laws.kaplan_frontier import converged_loss
from quarry.analysis.laws.law import Values
from quarry.analysis.laws.published import PUBLISHED
from quarry.analysis.laws.published_trends import TRENDS
from quarry.checks import check_positive
from quarry.errors import FitError

_TABLE_2 = PUBLISHED["kaplan-nd"].params


def overfitting(n: Any, unique: Any, nd: Values = _TABLE_2) -> Any:
    """delta L = L(N, U) / L(N, infinity) - 1 (Kaplan et al. 2020, eq. 4.3). Raises FitError."""
    check_positive(FitError, n=n, unique=unique)
    growth = (n / nd["N_c"]) ** (nd["alpha_N"] / nd["alpha_D"])
    return np.expm1(nd["alpha_D"] * np.log1p(growth * nd["D_c"] / unique))


def tokens_to_avoid_overfitting(n: Any, delta: float = 0.02, nd: Values = _TABLE_2) -> Any:
    """The unique tokens at which `n` parameters overfit by `delta`. Raises FitError."""
    check_positive(FitError, n=n, delta=delta)
    growth = (n / nd["N_c"]) ** (nd["alpha_N"] / nd["alpha_D"])
    return growth * nd["D_c"] / np.expm1(np.log1p(delta) / nd["alpha_D"])


def tokens_by_rule(n: Any) -> Any:
    """The unique tokens that keep overfitting below 0.02 by Kaplan's rule, 5e3 N^0.74 (eq. 4.4)."""
    return TRENDS["kaplan-no-overfitting"].predict(n)


def data_for(growth: Any, nd: Values = _TABLE_2) -> Any:
    """The factor of unique tokens that `growth` times the parameters need, at equal overfitting."""
    return growth ** (nd["alpha_N"] / nd["alpha_D"])


def stopping_step(n: Any, unique: Any, ns: Values, nd: Values = _TABLE_2) -> Any:
    """A lower bound on the S_min of the lowest held-out loss (Kaplan et al. 2020, eq. 5.7).

    S_c / (L(N, U) - L(N, infinity))^(1 / alpha_S), with both losses from `nd`. Raises FitError.
    """
    check_positive(FitError, n=n, unique=unique)
    gap = KAPLAN_ND.predict(nd, {"N": n, "U": unique}) - converged_loss(n, nd)
    if np.any(gap <= 0):
        raise FitError(f"unique={unique}: N={n} does not overfit this much data: training has no early stop")
    return ns["S_c"] * gap ** (-1 / ns["alpha_S"])
