"""The effect of the batch size: S_min, E_min and C_min, the critical batch, the gradient noise scale.

B in tokens, S in steps, E in tokens, C in FLOPs. To one loss, (S / S_min - 1)(E / E_min - 1) = 1 and
B_crit = E_min / S_min: Kaplan et al. 2020 (arXiv 2001.08361), eq. 5.1, after McCandlish et al. 2018 (arXiv
1812.06162). `quarry.analysis.points.minimum_steps` has the same for tables of points.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from quarry.analysis.laws.mathematics import power
from quarry.errors import FitError
from quarry.train.record.gradient_noise import gradient_noise

if TYPE_CHECKING:
    from quarry.analysis.laws.law import Values

KAPLAN_CRITICAL_BATCH = {"B_star": 2.1e8, "alpha_B": 0.21}
"""B_star (tokens) and alpha_B of Kaplan et al. 2020, eq. 1.4; they hold for their data, tokens and losses."""


def minimum_steps(steps: Any, batch: Any, b_crit: Any) -> Any:
    """S_min = S / (1 + B_crit / B), the steps at a batch far above B_crit (eq. 5.4)."""
    return steps / (1 + b_crit / batch)


def minimum_tokens(tokens: Any, batch: Any, b_crit: Any) -> Any:
    """E_min = E / (1 + B / B_crit), the tokens at a batch far below B_crit."""
    return tokens / (1 + batch / b_crit)


def minimum_compute(flops: Any, batch: Any, b_crit: Any) -> Any:
    """C_min = C / (1 + B / B_crit), the FLOPs at a batch far below B_crit (eq. 5.5)."""
    return flops / (1 + batch / b_crit)


def critical_batch(loss: Any, params: "Values") -> Any:
    """B_crit(L) = B_star / L^(1 / alpha_B), in tokens (eq. 1.4)."""
    return params["B_star"] / power(loss, 1 / params["alpha_B"])


@dataclass(frozen=True)
class NoiseScale:
    """|G|^2, tr Sigma for a batch of 1, and `b_simple` = tr Sigma / |G|^2, in the unit of the batches."""

    g_squared: float
    trace: float
    b_simple: float


def simple_noise_scale(
    small_norms: np.ndarray, big_norms: np.ndarray, small: float, big: float
) -> NoiseScale:
    """The simple noise scale from square norms of the gradient over two batch sizes, [steps] each.

    `small` and `big` are the two batches, in any one unit. Both unbiased estimates are averaged over the
    steps before their ratio. On repeated data the batches are not fresh draws, and the result is the noise of
    the training set. Raises FitError. McCandlish et al. 2018 (arXiv 1812.06162), appendix A.1 (recalled).
    """
    if not 0 < small < big < np.inf:
        raise FitError(f"small={small}, big={big}: the batches must be positive and small below big")
    norms = [np.asarray(values, float) for values in (small_norms, big_norms)]
    for name, values in zip(("small_norms", "big_norms"), norms, strict=True):
        if values.size == 0 or not (np.isfinite(values) & (values >= 0)).all():
            raise FitError(f"{name}: square norms must be finite, not negative, and at least one")
    of_small, of_big = (float(values.mean()) for values in norms)
    g_squared, trace = gradient_noise(of_small, of_big, small, big)
    if g_squared <= 0 or trace <= 0:
        raise FitError(
            f"|G|^2={g_squared:g}, tr Sigma={trace:g}: too few steps to separate the gradient from its noise"
        )
    return NoiseScale(g_squared, trace, trace / g_squared)
