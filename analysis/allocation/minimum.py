"""The minimum of the loss at one budget: its curve interpolated in logarithms, and draws of its noise.

Akima's spline runs through the points and knows no law (Porian et al. 2024, arXiv 2406.19146). A minimum that
the sizes do not enclose is refused, never extrapolated.
"""

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import scipy

from quarry import text

if TYPE_CHECKING:
    from quarry.analysis.allocation.budgets import Curve

METHODS = {"akima": "Akima's spline", "parabola": "a parabola"}

_FEWEST_SIZES = {"akima": 4, "parabola": 3}

_LEAST_INSIDE, _LEAST_UPWARDS = 0.5, 0.975
"""A budget is refused if fewer of its draws have their minimum inside the sizes (Porian), or fewer bend
upwards: with pure noise at 7 sizes 5 in 7 minima lie inside, and half bend upwards."""

_INTERPOLATION_ERROR = 0.01
"""The interpolation's own error in log N, added to that of every budget in the line."""


@dataclass(frozen=True)
class Minimum:
    """The minimum of one budget: log N, log loss, and the log N of each draw, NaN outside the sizes.

    `reason` says why it is refused; empty otherwise. With draws log N is their median.
    """

    curve: "Curve"
    reason: str
    log_n: float = math.nan
    log_loss: float = math.nan
    draws: np.ndarray = field(default_factory=lambda: np.array([]))

    @property
    def inside(self) -> np.ndarray:
        return np.isfinite(self.draws)

    @property
    def variance(self) -> float:
        """The variance of log N, including the interpolation's own error."""
        noise = float(np.var(self.draws[self.inside])) if len(self.draws) else 0.0
        return noise + _INTERPOLATION_ERROR**2


def minimum(curve: "Curve", method: str, levels: np.ndarray, rng: np.random.Generator) -> Minimum:
    """The minimum of a curve, with a draw of its noise for each of `levels`, its standard deviation."""
    if too_few(curve, method):
        sizes = text.plural(len(curve.log_n), "size")
        return Minimum(curve, f"{sizes}, and {METHODS[method]} needs {_FEWEST_SIZES[method]}")
    log_n, log_loss = _least(curve.log_n, curve.log_loss[:, None], method)
    if not math.isfinite(log_n[0]):
        return Minimum(curve, _no_minimum(curve, method))
    found = Minimum(curve, "", float(log_n[0]), float(log_loss[0]))
    return _with_draws(found, method, levels, rng) if len(levels) else found


def too_few(curve: "Curve", method: str) -> bool:
    """Whether the curve has too few sizes for this interpolation."""
    return len(curve.log_n) < _FEWEST_SIZES[method]


def _with_draws(found: Minimum, method: str, levels: np.ndarray, rng: np.random.Generator) -> Minimum:
    curve = found.curve
    noise = levels * rng.standard_normal((len(curve.log_n), len(levels))) / np.sqrt(curve.count)[:, None]
    noisy = curve.log_loss[:, None] + noise
    drawn, _ = _least(curve.log_n, noisy, method)
    inside, upwards = np.isfinite(drawn), _parabola(curve.log_n, noisy)[0] > 0
    if inside.mean() < _LEAST_INSIDE:
        return Minimum(curve, f"only {inside.mean():.0%} of draws of the noise have a minimum inside")
    if upwards.mean() < _LEAST_UPWARDS:
        return Minimum(curve, f"only {upwards.mean():.0%} of draws of the noise bend upwards")
    return Minimum(curve, "", float(np.median(drawn[inside])), found.log_loss, drawn)


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
