"""Profile likelihoods: how much a fit worsens as one quantity moves and the parameters make up for it.

The profile of a quantity q is F(q), the least objective over all parameters that give q. The points are
consistent with those q at which F(q) - F_min is at most the threshold of
`quarry.analysis.fitting.profiles.threshold`.

The set is not forced to be an interval: it may be open on a side, or in several pieces.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import scipy

from quarry import text
from quarry.analysis.fitting.coordinates import to_search
from quarry.analysis.fitting.profiles.curve import Curve, Tracer, crossings, near_crossings
from quarry.analysis.fitting.profiles.quantity import Quantity, find_quantity
from quarry.analysis.fitting.profiles.threshold import local_shape
from quarry.checks import check_level
from quarry.errors import FitError
from quarry.results import Result

if TYPE_CHECKING:
    from quarry.analysis.fitting.intervals import Interval
    from quarry.analysis.fitting.result import Fit
    from quarry.analysis.fitting.search import Data
    from quarry.analysis.laws.law import Values

# A valley is as deep as this part of the threshold; a minimum that much lower was missed by the fit.
_DEPTH = 0.02


@dataclass(frozen=True)
class Profile(Result):
    """The profile of a quantity: values [points] by rising value, the least objective at each [points].

    `minimum` is the least objective, at `best`. The values within `threshold` above it are the `regions`,
    intervals at `level`, and `interval` is the span of them all; a side that the points do not close is None.
    `valleys` are the local minima (value, objective), best first; `logarithmic` says that the values are
    positive and were followed in their logarithm.
    """

    name: str
    values: np.ndarray
    objective: np.ndarray
    best: float
    minimum: float
    threshold: float
    level: float
    interval: "Interval"
    regions: "tuple[Interval, ...]"
    valleys: tuple[tuple[float, float], ...]
    logarithmic: bool
    warnings: tuple[str, ...]

    @property
    def headline(self) -> str:
        return f"profile of {self.name}: {text.interval(self.interval)} at {self.level:.0%}"

    def table(self) -> pl.DataFrame:
        """A row for each value: value, objective, excess over the minimum, inside (whether in a region)."""
        excess = self.objective - self.minimum
        columns = {"value": self.values, "objective": self.objective, "excess": excess}
        return pl.DataFrame(columns | {"inside": excess <= self.threshold})


def profile(
    fit: "Fit",
    quantity: "str | Callable[[Values], Any]",
    *,
    points: int = 48,
    level: float = 0.95,
    name: str | None = None,
) -> Profile:
    """The profile likelihood of a quantity: the least objective over all parameters at each of its values.

    Args:
        fit: The fitted law.
        quantity: A parameter or derived quantity by name, or a function of the parameters by name in plain
            arithmetic, as laws are: the loss at a budget, or the best N for it.
        points: How many values are spread over the range worth showing, beside those of the search. The range
            is followed outward from every minimum until the points exclude it, or to the parameter's bounds.
        level: The probability of the regions.
        name: What to call a function.

    Returns:
        The curve, and the regions that the points are consistent with.

    Raises:
        FitError: There is no such quantity, there are no more runs than parameters, or the law fits exactly.

    Examples:
        >>> import polars as pl, quarry
        >>> sizes = [1e5, 2e5, 5e5, 1e6, 2e6, 5e6]
        >>> noise = [1.002, 0.999, 1.001, 0.998, 1.003, 0.999]
        >>> loss = [(8.8e13 / n) ** 0.076 * factor for n, factor in zip(sizes, noise)]
        >>> fit = quarry.fit(pl.DataFrame({"N": sizes, "loss": loss}), "kaplan-n", bootstrap=0)
        >>> low, high = quarry.profile(fit, "alpha_N").interval
        >>> bool(low < 0.076 < high)
        True
    """
    _check_settings(fit.data, points, level)
    profiled = find_quantity(fit, quantity, name)
    local = local_shape(fit.data, profiled, fit.minima.params[0], level)
    tracer = Tracer(fit.data, profiled, to_search(fit.data.law, fit.minima.params), local)
    curve = tracer.scan().kept(local)
    curve = tracer.with_more(curve, np.linspace(*curve.shown(local), points))
    curve = tracer.with_more(curve, near_crossings(curve, local.threshold))
    return _profile(fit, profiled, curve, local.threshold, level)


def _profile(fit: "Fit", quantity: Quantity, curve: Curve, threshold: float, level: float) -> Profile:
    values = quantity.value(curve.position)
    regions = tuple((_end(quantity, low), _end(quantity, high)) for low, high in _regions(curve, threshold))
    valleys = [(float(values[i]), float(curve.objective[i])) for i in _valleys(curve, threshold)]
    lowest = curve.objective.argmin()
    return Profile(
        name=quantity.name,
        values=values,
        objective=curve.objective,
        best=float(values[lowest]),
        minimum=float(curve.objective[lowest]),
        threshold=threshold,
        level=level,
        interval=(regions[0][0], regions[-1][1]),
        regions=regions,
        valleys=tuple(sorted(valleys, key=lambda valley: valley[1])),
        logarithmic=quantity.log,
        warnings=_warnings(fit, quantity, curve, regions, threshold),
    )


def _end(quantity: Quantity, position: float) -> float | None:
    return float(quantity.value(position)) if math.isfinite(position) else None


def _regions(curve: Curve, threshold: float) -> list[tuple[float, float]]:
    """The pieces within the threshold; infinite where the outermost point is still inside.

    So too where a limit of the search, not the points, ends the outermost piece.
    """
    inside = np.flatnonzero(curve.excess <= threshold)
    first, last = inside[0], inside[-1]
    ends = [at for _, at, _ in crossings(curve, threshold)]
    left = [-math.inf] if first == 0 else []
    right = [math.inf] if last == len(curve.position) - 1 else []
    ends = [*left, *ends, *right]
    ends[0] = -math.inf if curve.stopped[first] else ends[0]
    ends[-1] = math.inf if curve.stopped[last] else ends[-1]
    return list(zip(ends[::2], ends[1::2], strict=True))


def _valleys(curve: Curve, threshold: float) -> np.ndarray:
    """Places of the local minima that are deeper than a small part of the threshold."""
    walled = np.concatenate([[-np.inf], -curve.objective, [-np.inf]])
    return scipy.signal.find_peaks(walled, prominence=_DEPTH * threshold)[0] - 1


def _warnings(
    fit: "Fit", quantity: Quantity, curve: Curve, regions: "tuple[Interval, ...]", threshold: float
) -> tuple[str, ...]:
    low, high = regions[0][0], regions[-1][1]
    sides = "on either side" if low is None and high is None else "below" if low is None else "above"
    warnings = (
        [f"the profile of {quantity.name} is open {sides}: these runs do not bound it"]
        if None in (low, high)
        else []
    )
    if len(regions) > 1:
        pieces = ", or ".join(text.interval(region) for region in regions)
        warnings.append(f"these runs leave {quantity.name} {len(regions)} separate ranges: {pieces}")
    if curve.objective.min() < fit.minima.objective[0] - _DEPTH * threshold:
        warnings.append(
            f"the profile of {quantity.name} found a lower objective than the fit did, "
            f"{curve.objective.min():.6g} below {fit.minima.objective[0]:.6g}: fit again from there"
        )
    return tuple(warnings)


def _check_settings(data: "Data", points: int, level: float) -> None:
    if points < 8:
        raise FitError(f"points={points}: a profile needs at least 8 values")
    check_level(FitError, level)
    if data.n_runs <= (needed := len(data.law.parameters)):
        raise FitError(
            f"{data.law.name}: {text.plural(data.n_runs, 'run')} for {text.plural(needed, 'parameter')} "
            "leave nothing to judge a misfit by"
        )
