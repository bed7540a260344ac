"""The minimum of the loss at one budget: its curve interpolated in logarithms, and draws of its noise.

Akima's spline runs through the points and knows no law (Porian et al. 2024, arXiv 2406.19146). A minimum that
the sizes do not enclose is refused, never extrapolated.
"""

import math
import sys
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import scipy

from quarry import text

if TYPE_CHECKING:
    from quarry.analysis.allocation.budgets import Curve
    from quarry.analysis.allocation.loss_noise import LossNoise

METHODS = {"akima": "Akima's spline", "parabola": "a parabola"}

_FEWEST_SIZES = {"akima": 4, "parabola": 3}

_LEAST_INSIDE, _LEAST_UPWARDS = 0.5, 0.975
"""A budget is refused if its minimum lies inside the sizes in fewer draws of the noise (Porian), or if its
parabola bends upwards with less probability: with pure noise at 7 sizes 5 in 7 minima lie inside, and half
bend upwards."""
_DECIDING_DRAWS, _BEYOND_DOUBT = 400, 10.0
"""The same draws decide it whatever intervals are asked for; none where both ends lie so many standard
deviations above the least loss."""

_INTERPOLATION_ERROR = 0.025
"""The standard deviation of Akima's minimum in log N without noise, over the square of the spacing of the
sizes in log N. Measured with 5 to 12 sizes over factors of 2 to 16 either way: 0.022 where alpha and beta are
0.46 and 0.31, 0.003 where they are nearly equal."""


@dataclass(frozen=True)
class Minimum:
    """The minimum of one budget: log N, log loss, and the log N of each draw, NaN outside the sizes.

    `reason` says why it is refused; empty otherwise.
    """

    curve: "Curve"
    reason: str
    log_n: float = math.nan
    log_loss: float = math.nan
    draws: np.ndarray = field(default_factory=lambda: np.array([]))

    @property
    def inside(self) -> np.ndarray:
        return np.isfinite(self.draws)


def minimum(curve: "Curve", method: str, noise: "LossNoise | None") -> Minimum:
    """The minimum of the interpolant, refused if the sizes do not enclose it or the noise explains it."""
    if too_few(curve, method):
        sizes = text.plural(len(curve.log_n), "size")
        return Minimum(curve, f"{sizes}, and {METHODS[method]} needs {_FEWEST_SIZES[method]}")
    log_n, log_loss = _least(curve.log_n, curve.log_loss[:, None], method)
    if not math.isfinite(log_n[0]):
        return Minimum(curve, _no_minimum(curve, method))
    reason = _drowned(curve, method, noise) if noise else ""
    return Minimum(curve, reason, float(log_n[0]), float(log_loss[0]))


def with_draws(
    found: Minimum, method: str, noise: "LossNoise", draws: int, rng: np.random.Generator
) -> Minimum:
    """The minimum with draws of the noise and of the interpolation's own error, [draws]."""
    curve = found.curve
    drawn, _ = _least(curve.log_n, _noisy(curve, noise, draws, rng), method)
    above = np.clip(np.searchsorted(curve.log_n, found.log_n), 1, len(curve.log_n) - 1)
    error = _INTERPOLATION_ERROR * (curve.log_n[above] - curve.log_n[above - 1]) ** 2
    return replace(found, draws=drawn + error * rng.standard_normal(draws))


def _noisy(curve: "Curve", noise: "LossNoise", draws: int, rng: np.random.Generator) -> np.ndarray:
    """Draws of the log losses, [sizes, draws]."""
    scale = noise.levels(draws, rng) / np.sqrt(curve.count)[:, None]
    return curve.log_loss[:, None] + scale * rng.standard_normal(scale.shape)


def _drowned(curve: "Curve", method: str, noise: "LossNoise") -> str:
    """Why noise of this size may have made the minimum; empty if it did not."""
    inside, upwards = _share_inside(curve, method, noise), _bends_upwards(curve, noise)
    if inside < _LEAST_INSIDE:
        return f"only {inside:.0%} of draws of the noise have a minimum inside"
    if upwards < _LEAST_UPWARDS:
        return f"only {upwards:.0%} of draws of the noise bend upwards"
    return ""


def _share_inside(curve: "Curve", method: str, noise: "LossNoise") -> float:
    """The share of draws of the noise whose minimum the sizes enclose, by draws where it is in doubt."""
    if min(curve.log_loss[0], curve.log_loss[-1]) - curve.log_loss.min() > _BEYOND_DOUBT * noise.sd:
        return 1.0
    noisy = _noisy(curve, noise, _DECIDING_DRAWS, np.random.default_rng(0))
    return float(np.isfinite(_least(curve.log_n, noisy, method)[0]).mean())


def _bends_upwards(curve: "Curve", noise: "LossNoise") -> float:
    """The probability that the parabola through the losses bends upwards, by Student's t of the noise."""
    per_loss = _parabola(curve.log_n, np.eye(len(curve.log_n)))[0]
    spread = noise.sd * math.sqrt(float(np.sum(per_loss**2 / curve.count)))
    bend = float(per_loss @ curve.log_loss)
    return float(scipy.special.stdtr(noise.freedom, bend / max(spread, sys.float_info.min)))


def too_few(curve: "Curve", method: str) -> bool:
    """Whether the curve has too few sizes for this interpolation."""
    return len(curve.log_n) < _FEWEST_SIZES[method]


def _no_minimum(curve: "Curve", method: str) -> str:
    lowest = int(np.argmin(curve.log_loss))
    if lowest in (0, len(curve.log_n) - 1):
        word, side = ("smallest", "below") if lowest == 0 else ("largest", "above")
        n = text.count(math.exp(curve.log_n[lowest]))
        return f"the loss is least at the {word} size, N = {n}: the optimum may lie {side} the sizes"
    return f"{METHODS[method]} has no minimum inside the sizes"


def interpolated(curve: "Curve", method: str, log_n: np.ndarray) -> np.ndarray:
    """log loss along the interpolant at `log_n`."""
    if method == "akima":
        return scipy.interpolate.Akima1DInterpolator(curve.log_n, curve.log_loss)(log_n)
    return np.polyval(_parabola(curve.log_n, curve.log_loss), log_n - curve.log_n.mean())


def _parabola(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Coefficients, highest first, about the mean of x, for each column of y [sizes, draws]."""
    return np.polyfit(x - x.mean(), y, 2)


def _least(x: np.ndarray, y: np.ndarray, method: str) -> tuple[np.ndarray, np.ndarray]:
    """Position and value of the minimum of each column of y [sizes, draws]; NaN if not inside x [sizes]."""
    position, value = (_least_akima if method == "akima" else _least_parabola)(x, y)
    inside = (position > x[0]) & (position < x[-1])
    return np.where(inside, position, np.nan), np.where(inside, value, np.nan)


def _least_akima(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least of the knots and of the minima of the cubics between them."""
    c3, c2, c1, _ = scipy.interpolate.Akima1DInterpolator(x, y).c
    with np.errstate(all="ignore"):
        step = -c1 / (c2 + np.sqrt(c2**2 - 3 * c3 * c1))
    step = np.where((step > 0) & (step < np.diff(x)[:, None]), step, 0.0)
    between = ((c3 * step + c2) * step + c1) * step + y[:-1]
    position = np.vstack([np.broadcast_to(x[:, None], y.shape), x[:-1, None] + step])
    value = np.vstack([y, between])
    lowest = np.argmin(value, axis=0), np.arange(y.shape[1])
    return position[lowest], value[lowest]


def _least_parabola(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    c2, c1, c0 = _parabola(x, y)
    with np.errstate(all="ignore"):
        vertex = np.where(c2 > 0, -c1 / (2 * c2), np.nan)
        return vertex + x.mean(), c0 + c1 * vertex / 2
