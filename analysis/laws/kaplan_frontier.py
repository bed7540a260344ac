"""Kaplan's compute-efficient frontier, which follows from L(N, S_min) and B_crit(L).

Kaplan et al. 2020 (arXiv 2001.08361), sections 5 and 6 and appendix B. `p` has the parameters of `kaplan-ns`
and `critical-batch` together: N_c, S_c, alpha_N, alpha_S, B_star, alpha_B. Compute, steps and tokens are
C_min, S_min and E_min, with C_min = 6 N B_crit S_min: a run at B = B_crit takes twice of each. Losses are in
nats per token.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import scipy

from quarry.analysis.laws.batch_size import critical_batch
from quarry.analysis.laws.law import Values
from quarry.checks import check_positive
from quarry.errors import FitError

_NAMES = ("N_c", "S_c", "alpha_N", "alpha_S", "B_star", "alpha_B")


@dataclass(frozen=True)
class EfficientPlan:
    """The size and training that reach the lowest loss for `flops` = C_min = 6 `n` `tokens`.

    `n` is in parameters, `steps` is S_min, `batch` is B_crit in tokens, `tokens` is E_min = B_crit S_min.
    Losses are in nats per token; `converged_loss` is that of the same size trained to convergence. At
    B = B_crit the run takes 2 S_min steps, 2 E_min tokens and 2 C_min FLOPs.
    """

    flops: float
    n: float
    steps: float
    batch: float
    tokens: float
    loss: float
    converged_loss: float

    def to_json(self) -> dict[str, float]:
        """The plan as strict JSON values."""
        return asdict(self)


def plan_efficient_run(flops: float, ns: Mapping[str, float], critical: Mapping[str, float]) -> EfficientPlan:
    """The compute-efficient run for a budget, by fits of `kaplan-ns` and `critical-batch`.

    Source: Kaplan et al. 2020 (arXiv 2001.08361), eq. B.5 to B.10.

    Args:
        flops: C_min in FLOPs: the compute at a batch far below the critical one.
        ns: The parameters of `kaplan-ns`: N_c, S_c, alpha_N, alpha_S.
        critical: The parameters of `critical-batch`: B_star, alpha_B.

    Returns:
        N, steps, batch and tokens of the run, its loss, and the converged loss of that N.

    Raises:
        FitError: The budget is not positive or buys less than one parameter or step, or a parameter is
            missing or not positive.

    Examples:
        >>> import quarry
        >>> fits = [quarry.find_published(name).params for name in ("kaplan-ns", "critical-batch")]
        >>> plan = quarry.plan_efficient_run(1e21, *fits)
        >>> print(f"{plan.n:.2g} parameters, loss {plan.loss:.2f}")
        3.1e+09 parameters, loss 2.37
    """
    p = _all_params(ns, critical)
    check_positive(FitError, flops=flops)
    n, steps = float(optimal_size(flops, p)), float(optimal_steps(flops, p))
    if not (1 <= n < math.inf and 1 <= steps < math.inf):
        raise FitError(f"flops={flops:g} would buy N={n:.3g} parameters and S_min={steps:.3g} steps")
    loss = float(optimal_loss(flops, p))
    return EfficientPlan(
        flops=float(flops),
        n=n,
        steps=steps,
        batch=float(critical_batch(loss, p)),
        tokens=flops / (6 * n),
        loss=loss,
        converged_loss=float(converged_loss(n, p)),
    )


def _all_params(ns: Mapping[str, float], critical: Mapping[str, float]) -> dict[str, float]:
    p = {**ns, **critical}
    if missing := [name for name in _NAMES if name not in p]:
        raise FitError(f"the plan needs the parameter {missing[0]}; there are {', '.join(p)}")
    check_positive(FitError, **{name: p[name] for name in _NAMES})
    return p


def converged_loss(n: Any, p: Values) -> Any:
    """L(N, S -> infinity), the lowest loss of a size."""
    return (p["N_c"] / n) ** p["alpha_N"]


def stopping_fraction(p: Values) -> Any:
    """f = alpha_N / alpha_S: efficient training stops this far above the converged loss (eq. B.5)."""
    return p["alpha_N"] / p["alpha_S"]


def compute_exponent(p: Values) -> Any:
    """alpha_C of L(C_min): 1 / (1 / alpha_S + 1 / alpha_B + 1 / alpha_N) (eq. 6.4 and B.7)."""
    return 1 / (1 / p["alpha_S"] + 1 / p["alpha_B"] + 1 / p["alpha_N"])


def compute_scale(p: Values) -> Any:
    """C_c of L(C_min) = (C_c / C_min)^alpha_C, in FLOPs (eq. B.8)."""
    f = stopping_fraction(p)
    return (
        6 * p["N_c"] * p["B_star"] * p["S_c"]
        * (1 + f) ** (1 / p["alpha_S"] + 1 / p["alpha_N"])
        * f ** (-1 / p["alpha_S"])
    )  # fmt: skip


def optimal_loss(flops: Any, p: Values) -> Any:
    """The lowest loss at C_min = `flops` (eq. B.6)."""
    return (compute_scale(p) / flops) ** compute_exponent(p)


def optimal_size(flops: Any, p: Values) -> Any:
    """N_opt of C_min = `flops`, in parameters (eq. B.9)."""
    growth = (flops / compute_scale(p)) ** (compute_exponent(p) / p["alpha_N"])
    return p["N_c"] * growth * (1 + stopping_fraction(p)) ** (1 / p["alpha_N"])


def optimal_steps(flops: Any, p: Values) -> Any:
    """S_min of C_min = `flops` (eq. B.10)."""
    scale = compute_scale(p)
    growth = (flops / scale) ** (compute_exponent(p) / p["alpha_S"])
    return scale / (6 * p["N_c"] * p["B_star"]) * (1 + stopping_fraction(p)) ** (-1 / p["alpha_N"]) * growth


def loss_at(n: float, flops: float, p: Values) -> float:
    """L(N, C_min), the root of eq. B.3, in which B_crit depends on the loss itself.

    Raises FitError if `n` or `flops` is not positive.
    """
    check_positive(FitError, n=n, flops=flops)
    floor = converged_loss(n, p)
    unscaled = 6 * p["B_star"] * p["S_c"] * n / flops

    def excess(log_loss: float) -> float:
        steps_term = (unscaled * math.exp(-log_loss / p["alpha_B"])) ** p["alpha_S"]
        return log_loss - math.log(floor + steps_term)

    lowest = math.log(floor)
    bracket = (lowest, lowest - excess(lowest))
    return math.exp(scipy.optimize.root_scalar(excess, bracket=bracket, method="brentq", xtol=1e-14).root)


@dataclass(frozen=True)
class Ratios:
    """Ratios of parameters, steps and compute between two trainings to the same loss."""

    n: float
    steps: float
    flops: float


def convergence_ratios(f: float, other: float, p: Values) -> Ratios:
    """Training stopped `f` above its converged loss, relative to training stopped `other` above its own.

    Raises FitError unless both are positive. Kaplan et al. 2020, eq. B.12 to B.14.
    """
    check_positive(FitError, f=f, other=other)
    n = ((1 + f) / (1 + other)) ** (1 / p["alpha_N"])
    steps = ((1 + 1 / f) / (1 + 1 / other)) ** (1 / p["alpha_S"])
    return Ratios(n, steps, n * steps)


def excess_steps(ratio: Any, p: Values) -> Any:
    """S_min of a size N = `ratio` N_eff, relative to the efficient size's for the same loss (eq. B.17).

    Raises FitError if the size is too small to reach the loss.
    """
    check_positive(FitError, ratio=ratio)
    left = 1 + (1 - (1 / ratio) ** p["alpha_N"]) / stopping_fraction(p)
    if np.any(left <= 0):
        raise FitError(f"N / N_eff={ratio}: so small a model never reaches the loss")
    return left ** (-1 / p["alpha_S"])


def excess_compute(ratio: Any, p: Values) -> Any:
    """C_min of a size N = `ratio` N_eff, relative to the efficient size's for the same loss (eq. B.16).

    Raises FitError if the size is too small to reach the loss.
    """
    return ratio * excess_steps(ratio, p)


def minimum_steps_to(loss: Any, n: Any, p: Values) -> Any:
    """S_min, the steps that `n` parameters need to reach `loss` at a batch far above B_crit.

    S_c (loss - (N_c / N)^alpha_N)^(-1 / alpha_S), from eq. 1.6. Raises FitError if the converged loss of `n`
    is above `loss`.
    """
    _check_reached(loss, n, p)
    return p["S_c"] * (loss - converged_loss(n, p)) ** (-1 / p["alpha_S"])


def minimum_tokens_to(loss: Any, n: Any, p: Values) -> Any:
    """E_min, the tokens that `n` parameters need to reach `loss` at a batch far below B_crit.

    B_crit(loss) times `minimum_steps_to`, from eq. 1.4. Raises FitError if the converged loss of `n` is above
    `loss`.
    """
    return critical_batch(loss, p) * minimum_steps_to(loss, n, p)


def tokens_over_infinite_size(loss: Any, n: Any, p: Values) -> Any:
    """E_min of `n` parameters, relative to that of N -> infinity: at least 1.

    It bounds the tokens that more parameters could save. Raises FitError if the converged loss of `n` is
    above `loss`.
    """
    _check_reached(loss, n, p)
    return (1 - converged_loss(n, p) / loss) ** (-1 / p["alpha_S"])


def _check_reached(loss: Any, n: Any, p: Values) -> None:
    check_positive(FitError, loss=loss, n=n)
    floor = converged_loss(n, p)
    if np.any(np.asarray(loss) <= floor):
        raise FitError(f"loss={loss}: N={n} never reaches it, its converged loss is {floor}")
