"""Profile likelihoods: how much a fit worsens as one quantity moves and the parameters make up for it.

The profile of a quantity q is F(q), the least objective over all parameters that give q. The points are
consistent with those q at which

    F(q) - F_min  <=  1/2 t^2 V_qq / (H^-1)_qq,      H = J' diag(E[psi']) J,      V = H^-1 M H^-1

with t the Student quantile at (1 + level) / 2 of R - p degrees of freedom (R runs, p free parameters), J the
Jacobian of the residuals, psi the derivative of the objective's term by its residual, and
M = R / (R - p) sum over runs of g g', g the summed score J' psi of a run, so that rows of one run count
together. X_qq is q' X q with q the gradient of the quantity. Were the terms half the squares of independent
normal residuals over their variance, V = H^-1, and this is the likelihood-ratio interval; V_qq / (H^-1)_qq
puts right the scale, the robustness and the clustering (Kent 1982, Biometrika 69, 19-27: likelihoods that
are not the true one). For a balanced normal linear law it is the exact F interval.

Of a Huber objective E[psi'] is the probability of a residual within delta. Where delta is far below the
noise, few residuals lie there: it is then delta / h for those within h and 0 for the others (Powell 1991, for
medians), h being 1.5 times the width of Hall and Sheather 1988. One probability for all points would not do:
on the 234 points of Chinchilla it made the standard errors two thirds of the bootstrap's, where this agrees
to 10%.

Measured over 200 or 300 repeats of Chinchilla's law with clustered noise, equal or rising, 16 to 49 runs,
Huber terms or squares: 95% regions of L_inf, alpha and a held the truth 91% to 97% of the time.

The set is not forced to be an interval: it may be open on a side, or in several pieces.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache, partial
from statistics import NormalDist
from typing import Any

import numpy as np
import polars as pl
import scipy

from analysis import text
from analysis.fit import Fit
from analysis.intervals import Interval
from analysis.laws import Law, Parameter, Values
from analysis.search import Data
from analysis.uncertainty import search_coordinate

# Distances from a minimum double from this fraction of the expected half-width to the limit.
_NEAREST = 2.0**-4

# A derived quantity is followed this far: a factor of 1e12 if positive, else so many expected half-widths.
_FARTHEST_LOG, _FARTHEST = math.log(1e12), 1e4

# The pull is so many times as stiff as the profile is curved.
_STIFFNESS = 100.0

# Points are fitted again from these neighbours until none gains this part of the threshold, or so often.
_NEIGHBOURS, _SETTLED, _SWEEPS = (-3, -1, 0, 1, 3), 1e-3, 8

# A crossing of the threshold is refined in so many places.
_REFINED = 6

# As in analysis.uncertainty: on a bound, within this part of its range; what points do not feel.
_AT_BOUND, _UNFELT = 2e-4, 3e-6

# A closed side is shown to so many thresholds, an open one for so many half-widths; for as many a minimum's
# own slope is trusted.
_SHOWN, _OPEN = 2.0, 4.0

# A valley is as deep as this part of the threshold; a minimum that much lower was missed by the fit.
_DEPTH = 0.02

# The width over which residuals are counted, in those of Hall and Sheather.
_WIDER = 1.5

# Residuals of this size are rounding; directions this much weaker than the strongest are not felt.
_EXACT, _SINGULAR = 1e-20, 1e-9


class ProfileError(ValueError):
    """A quantity that cannot be profiled, or a setting out of its range."""


@dataclass(frozen=True)
class Profile:
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
    interval: Interval
    regions: tuple[Interval, ...]
    valleys: tuple[tuple[float, float], ...]
    logarithmic: bool
    warnings: tuple[str, ...]

    def table(self) -> pl.DataFrame:
        """A row for each value: value, objective, excess over the minimum, inside (whether in a region)."""
        excess = self.objective - self.minimum
        columns = {"value": self.values, "objective": self.objective, "excess": excess}
        return pl.DataFrame(columns | {"inside": excess <= self.threshold})


def profile(
    fit: Fit,
    quantity: str | Callable[[Values], Any],
    *,
    points: int = 48,
    level: float = 0.95,
    name: str | None = None,
) -> Profile:
    """The profile of a parameter, a derived quantity of the law, or a function of the parameters by name.

    A function is plain arithmetic, as laws are: the loss at a budget, the best N for it; `name` is what it is
    called. The range is followed outward from every minimum until the fit is ruled out, or to the parameter's
    bounds; `points` values are spread over what is worth showing, beside those of the search.

    Raises ProfileError, also with no more runs than parameters and where the law fits exactly.
    """
    _check_settings(fit.data, points, level)
    found = _quantity(fit, quantity, name)
    local = _local(fit.data, found, fit.minima.params[0], level)
    tracer = _Tracer(fit.data, found, _theta(fit.data.law, fit.minima.params), local)
    curve = tracer.scan().kept(local)
    curve = tracer.with_more(curve, np.linspace(*curve.shown(local), points))
    curve = tracer.with_more(curve, _near_crossings(curve, local.threshold))
    return _profile(fit, found, curve, local.threshold, level)


@dataclass(frozen=True)
class _Quantity:
    """What is profiled, by its position: its logarithm if `log`.

    `place` is that of a parameter, else None. `position` takes parameters by name, numbers, arrays or traced.
    """

    name: str
    log: bool
    place: int | None
    limits: tuple[float, float]
    position: Callable[[Values], Any]

    def value(self, position: Any) -> Any:
        return np.exp(position) if self.log else position


@dataclass(frozen=True)
class _Local:
    """The expected shape at the best minimum.

    `width` is the distance at which the objective has risen by `threshold`, `direction` [parameters] how the
    parameters of least objective move with the quantity.
    """

    threshold: float
    width: float
    direction: np.ndarray


@dataclass(frozen=True)
class _Curve:
    """Profile points by rising position: all [points], but theta [points, parameters].

    `cost` is the objective with the pull to `target`; `stopped` marks points that owe their objective to a
    limit of the search on another parameter.
    """

    target: np.ndarray
    position: np.ndarray
    objective: np.ndarray
    cost: np.ndarray
    stopped: np.ndarray
    theta: np.ndarray

    @property
    def excess(self) -> np.ndarray:
        return self.objective - self.objective.min()

    def sorted(self) -> "_Curve":
        """By rising position, the finite points, of those at one position the lowest."""
        order = np.lexsort((self.objective, self.position))
        order = order[np.isfinite(self.objective[order]) & np.isfinite(self.position[order])]
        order = order[np.diff(self.position[order], prepend=-np.inf) > 0]
        return self.rows(order)

    def rows(self, places: Any) -> "_Curve":
        return _Curve(*(getattr(self, field.name)[places] for field in fields(self)))

    def joined(self, other: "_Curve") -> "_Curve":
        pairs = ((getattr(self, field.name), getattr(other, field.name)) for field in fields(self))
        return _Curve(*(np.concatenate(pair) for pair in pairs)).sorted()

    def kept(self, local: "_Local") -> "_Curve":
        """As far as is worth showing, and the first point beyond on each side."""
        inside = np.flatnonzero(self.excess <= _SHOWN * local.threshold)
        return self.rows(slice(max(inside[0] - 1, 0), inside[-1] + 2))

    def shown(self, local: "_Local") -> tuple[float, float]:
        """The positions worth showing: an open side to a few half-widths."""
        excess, best = self.excess[[0, -1]], self.position[self.objective.argmin()]
        ends = self.position[[0, -1]]
        closed = excess > local.threshold
        far = _OPEN * max(np.abs(ends - best)[closed], default=local.width)
        low, high = np.where(closed, ends, np.clip(ends, best - far, best + far))
        return float(low), float(high)


@dataclass(frozen=True)
class _Tracer:
    """Follows the profile of `quantity` from `minima`, theta [minima, parameters]."""

    data: Data
    quantity: _Quantity
    minima: np.ndarray
    local: _Local

    def scan(self) -> _Curve:
        """Points outward from every minimum, each reached from every minimum."""
        centres = np.array([self.position(theta) for theta in self.minima])
        targets = _outward(centres, self.local.width, self.quantity.limits)
        farthest = _OPEN * self.local.width
        shift = np.nan_to_num(np.clip(targets[:, None] - centres, -farthest, farthest))
        starts = self.minima + shift[:, :, None] * self.local.direction
        return self.settled(self.lowest(targets, starts).sorted())

    def with_more(self, curve: _Curve, targets: np.ndarray) -> _Curve:
        """Also points at `targets`, from those on both sides and from the mean of these."""
        if not targets.size:
            return curve
        right = np.clip(np.searchsorted(curve.position, targets), 1, len(curve.position) - 1)
        sides = curve.theta[right - 1], curve.theta[right]
        more = self.lowest(targets, np.stack([*sides, (sides[0] + sides[1]) / 2], axis=1))
        return self.settled(curve.joined(more))

    def settled(self, curve: _Curve) -> _Curve:
        """Every point fitted again from its neighbours, until that helps none."""
        for _ in range(_SWEEPS):
            places = np.arange(len(curve.target))
            starts = [curve.theta[np.clip(places + away, 0, places[-1])] for away in _NEIGHBOURS]
            again = self.lowest(curve.target, np.stack(starts, axis=1))
            gain = curve.cost - again.cost
            curve = again.sorted()
            if gain.max() < _SETTLED * self.local.threshold:
                break
        return curve

    def position(self, theta: np.ndarray) -> float:
        with np.errstate(all="ignore"):
            return float(self.quantity.position(_named(self.data.law, _natural(self.data.law, theta))))

    def lowest(self, targets: np.ndarray, starts: np.ndarray) -> _Curve:
        """The best of `starts` [targets, starts, parameters] at each target."""
        each = starts.shape[1]
        solved = self.solved(np.repeat(targets, each), starts.reshape(-1, starts.shape[2]))
        best = np.argmin(solved.cost.reshape(-1, each), axis=1) + each * np.arange(len(targets))
        return solved.rows(best)

    @property
    def stiffness(self) -> float:
        """A point pulled there is on the profile whatever it is: it lies a hundredth short of the target."""
        return 2 * _STIFFNESS * self.local.threshold / self.local.width**2

    def solved(self, targets: np.ndarray, theta: np.ndarray) -> _Curve:
        """What each lane reaches: a parameter is held at its target, another quantity pulled to it."""
        law, place = self.data.law, self.quantity.place
        if place is None:
            from analysis.solver import Pull

            solution = self.data.solve(
                _inside(law, theta), pull=Pull(self.quantity.position, targets, self.stiffness)
            )
            with np.errstate(all="ignore"):
                position = np.asarray(self.quantity.position(_named(law, solution.params)))
        else:
            held = np.arange(len(law.parameters)) == place
            start = _inside(law, np.where(held, targets[:, None], theta))
            solution, position = self.data.solve(start, held=tuple(held.tolist())), targets
        cost = solution.objective + 0.5 * self.stiffness * (position - targets) ** 2
        cost = np.where(np.isfinite(cost), cost, np.inf)
        stopped = self.stopped(solution.params, solution.sensitivity)
        return _Curve(targets, position, solution.objective, cost, stopped, _theta(law, solution.params))

    def stopped(self, params: np.ndarray, sensitivity: np.ndarray) -> np.ndarray:
        """Lanes with a parameter, other than the one held, on a limit of the search that the points feel."""
        parameters = self.data.law.parameters
        low, high = _at_bounds(self.data.law, params)
        low &= ~np.array([parameter.physical_lower for parameter in parameters])
        felt = sensitivity > _UNFELT * np.median(self.data.scale)
        return ((low | high) & felt & (np.arange(len(parameters)) != self.quantity.place)).any(axis=1)


def _outward(centres: np.ndarray, width: float, limits: tuple[float, float]) -> np.ndarray:
    """Targets at doubling distances from every centre, and the limits themselves."""
    low = max(limits[0], np.nanmin(centres) - _FARTHEST * width)
    high = min(limits[1], np.nanmax(centres) + _FARTHEST * width)
    nearest = _NEAREST * width
    distances = nearest * 2.0 ** np.arange(math.ceil(math.log2(2 * (high - low) / nearest)))
    distances = np.concatenate([-distances[::-1], [0.0], distances])
    targets = (centres[np.isfinite(centres), None] + distances).ravel()
    targets = np.unique(np.clip(targets, low, high))
    return targets[np.diff(targets, prepend=-np.inf) > 1e-3 * nearest]


def _near_crossings(curve: _Curve, threshold: float) -> np.ndarray:
    """Positions within every step that enters or leaves the region, near where it should cross."""
    crossings = _crossings(curve, threshold)
    share = np.linspace(0, 1, _REFINED + 2)[1:-1]
    spans = [np.interp(share, [0, 0.5, 1], [left, at, right]) for left, at, right in crossings]
    return np.concatenate(spans) if spans else curve.position[:0]


def _crossings(curve: _Curve, threshold: float) -> list[tuple[float, float, float]]:
    """(left, crossing, right) of every step across the threshold: linear in the root of the excess."""
    root = np.sqrt(np.maximum(curve.excess, 0)) - math.sqrt(threshold)
    steps = np.flatnonzero((root[:-1] <= 0) != (root[1:] <= 0))
    share = root[steps] / (root[steps] - root[steps + 1])
    left, right = curve.position[steps], curve.position[steps + 1]
    return list(zip(left.tolist(), (left + share * (right - left)).tolist(), right.tolist(), strict=True))


def _profile(fit: Fit, quantity: _Quantity, curve: _Curve, threshold: float, level: float) -> Profile:
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


def _end(quantity: _Quantity, position: float) -> float | None:
    return float(quantity.value(position)) if math.isfinite(position) else None


def _regions(curve: _Curve, threshold: float) -> list[tuple[float, float]]:
    """The pieces within the threshold; infinite where the outermost point is still inside.

    So too where a limit of the search, not the points, ends the outermost piece.
    """
    inside = np.flatnonzero(curve.excess <= threshold)
    first, last = inside[0], inside[-1]
    ends = [at for _, at, _ in _crossings(curve, threshold)]
    left = [-math.inf] if first == 0 else []
    right = [math.inf] if last == len(curve.position) - 1 else []
    ends = [*left, *ends, *right]
    ends[0] = -math.inf if curve.stopped[first] else ends[0]
    ends[-1] = math.inf if curve.stopped[last] else ends[-1]
    return list(zip(ends[::2], ends[1::2], strict=True))


def _valleys(curve: _Curve, threshold: float) -> np.ndarray:
    """Places of the local minima that are deeper than a small part of the threshold."""
    walled = np.concatenate([[-np.inf], -curve.objective, [-np.inf]])
    return scipy.signal.find_peaks(walled, prominence=_DEPTH * threshold)[0] - 1


def _warnings(
    fit: Fit, quantity: _Quantity, curve: _Curve, regions: tuple[Interval, ...], threshold: float
) -> tuple[str, ...]:
    low, high = regions[0][0], regions[-1][1]
    sides = "on either side" if low is None and high is None else "below" if low is None else "above"
    found = [f"{quantity.name} is not bounded {sides} by these runs"] if None in (low, high) else []
    if len(regions) > 1:
        pieces = ", or ".join(text.interval(region) for region in regions)
        found.append(f"these runs leave {quantity.name} {len(regions)} separate ranges: {pieces}")
    if curve.objective.min() < fit.minima.objective[0] - _DEPTH * threshold:
        found.append(
            f"the profile of {quantity.name} found a lower objective than the fit did, "
            f"{curve.objective.min():.6g} below {fit.minima.objective[0]:.6g}: fit again from there"
        )
    return tuple(found)


def _quantity(fit: Fit, quantity: str | Callable[[Values], Any], name: str | None) -> _Quantity:
    """Raises ProfileError."""
    law, frozen = fit.data.law, fit.diagnostics["frozen"]
    if not isinstance(quantity, str):
        own = name or getattr(quantity, "__name__", "quantity").strip("<>")
        return _followed(fit, own, quantity, tuple(frozen.items()))
    if quantity in law.parameter_names:
        return _parameter(law, law.parameter_names.index(quantity))
    if quantity in frozen:
        raise ProfileError(f"{quantity} is frozen at {frozen[quantity]:g}: it has no profile")
    for derived in law.derived:
        if derived.name == quantity:
            return _followed(fit, quantity, derived.value, ())
    known = ", ".join((*law.parameter_names, *(derived.name for derived in law.derived)))
    raise ProfileError(f"{law.name} has no {quantity!r} to profile: choose of {known}, or give a function")


def _parameter(law: Law, place: int) -> _Quantity:
    parameter = law.parameters[place]
    low, high = search_coordinate(parameter, np.array([parameter.lower, parameter.upper])).tolist()
    position = partial(_parameter_position, parameter)
    return _Quantity(parameter.name, parameter.log, place, (low, high), position)


def _parameter_position(parameter: Parameter, params: Values) -> Any:
    return search_coordinate(parameter, params[parameter.name])


def _followed(
    fit: Fit, name: str, value: Callable[[Values], Any], frozen: tuple[tuple[str, float], ...]
) -> _Quantity:
    """A function of the parameters. Raises ProfileError where it is not finite at the best of them."""
    law = fit.data.law
    with np.errstate(all="ignore"):
        found = [float(value({**_named(law, row), **dict(frozen)})) for row in fit.minima.params]
    if not math.isfinite(found[0]):
        raise ProfileError(f"{name} is {found[0]} at the best parameters: it has no profile")
    log = min(found[0], *found) > 0
    middle = math.log(found[0]) if log else 0.0
    far = _FARTHEST_LOG if log else math.inf
    return _Quantity(name, log, None, (middle - far, middle + far), _position(value, frozen, log))


@cache  # one function for each quantity: the solver compiles once for each
def _position(value: Callable[[Values], Any], frozen: tuple[tuple[str, float], ...], log: bool):
    def position(params: Values) -> Any:
        import jax

        found = value({**params, **dict(frozen)})
        if not log:
            return found
        return jax.numpy.log(found) if isinstance(found, jax.Array) else np.log(found)

    return position


def _local(data: Data, quantity: _Quantity, params: np.ndarray, level: float) -> _Local:
    """Raises ProfileError."""
    residuals, jacobian = data.residuals(params), data.jacobian(params)
    curvature = expected_curvature(data, residuals)
    variance, response = _response(data.law, quantity, params, np.sqrt(curvature)[:, None] * jacobian)
    influence = jacobian @ response if variance > 0 else np.ones(data.points)
    scores = _by_run(data, influence * data.objective.slopes(residuals))
    freedom = data.n_runs - len(params)
    ratio = data.n_runs / freedom * float(scores @ scores) / (variance or float(curvature.sum()))
    threshold = 0.5 * float(scipy.special.stdtrit(freedom, (1 + level) / 2)) ** 2 * ratio
    if not threshold > _EXACT * float(np.median(data.scale)) ** 2:
        raise ProfileError(f"{data.law.name} goes through every point: they do not say how far off it may be")
    width, (low, high) = math.sqrt(2 * threshold * variance), quantity.limits
    return _Local(threshold, min(width or math.inf, (high - low) / 8), response / (variance or 1.0))


def _response(
    law: Law, quantity: _Quantity, params: np.ndarray, jacobian: np.ndarray
) -> tuple[float, np.ndarray]:
    """q' H^-1 q and H^-1 q [parameters] of H = J' J; 0 where the points do not feel the quantity.

    Parameters on a bound stay there.
    """
    slope, size = _slope(law, quantity, params), np.linalg.norm(jacobian, axis=0)
    used = np.isfinite(size) & (size > 0) & ~np.logical_or(*_at_bounds(law, params))
    _, singular, vt = np.linalg.svd(jacobian[:, used] / size[used], full_matrices=False)
    firm = singular > _SINGULAR * singular.max(initial=0.0)
    along = (vt[firm] @ (slope[used] / size[used])) / singular[firm]
    response = np.zeros(len(params))
    response[used] = (along / singular[firm]) @ vt[firm] / size[used]
    return float(along @ along), response


def expected_curvature(data: Data, residuals: np.ndarray) -> np.ndarray:
    """E[psi'] at each point [points]: of Huber terms the probability of a residual within delta."""
    delta, side = data.objective.delta, np.where(residuals < 0, data.objective.above, 1.0)
    if math.isinf(delta):
        return side
    width = max(delta, _WIDER * _bandwidth(residuals))
    return side * (np.abs(residuals) <= width) * delta / width


def _bandwidth(residuals: np.ndarray) -> float:
    """Half the width over which residuals are counted (Hall and Sheather 1988, at the median)."""
    normal = NormalDist()
    z, density = normal.inv_cdf(0.975), normal.pdf(0.0)
    share = len(residuals) ** (-1 / 3) * z ** (2 / 3) * (1.5 * density**2) ** (1 / 3)
    spread = float(np.median(np.abs(residuals))) / normal.inv_cdf(0.75)
    return spread * normal.inv_cdf(0.5 + min(share, 0.3))


def _by_run(data: Data, values: np.ndarray) -> np.ndarray:
    """Sums of `values` [points] over the rows of each run."""
    _, index = np.unique(data.runs, return_inverse=True)
    return np.bincount(index.reshape(-1), values)


def _slope(law: Law, quantity: _Quantity, params: np.ndarray) -> np.ndarray:
    """d position / d theta [parameters]. Raises ProfileError."""
    if quantity.place is not None:
        return np.eye(len(params))[quantity.place]
    import jax

    from analysis.solver import float64_on_cpu

    def position(theta: Any) -> Any:
        pairs = zip(law.parameters, theta, strict=True)
        return quantity.position({p.name: jax.numpy.exp(t) if p.log else t for p, t in pairs})

    try:
        with float64_on_cpu():
            slope = np.asarray(jax.jacfwd(position)(jax.numpy.asarray(_theta(law, params))))
    except TypeError:  # what JAX raises where a traced number meets math or NumPy
        raise ProfileError(
            f"{quantity.name}: the function must be plain arithmetic in the parameters, without math or NumPy"
        ) from None
    if not (np.isfinite(slope).all() and slope.any()):
        raise ProfileError(f"{quantity.name} does not follow from {', '.join(law.parameter_names)}")
    return slope


def _check_settings(data: Data, points: int, level: float) -> None:
    if points < 8:
        raise ProfileError(f"points={points}: a profile needs at least 8 values")
    if not 0.5 <= level < 1:
        raise ProfileError(f"level={level}: must be at least 0.5 and below 1")
    if data.n_runs <= (needed := len(data.law.parameters)):
        raise ProfileError(
            f"{data.law.name}: {text.plural(data.n_runs, 'run')} for {text.plural(needed, 'parameter')} "
            "leave nothing to judge a misfit by"
        )


def _at_bounds(law: Law, params: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which of the parameters [..., parameters] lie on their lower and on their upper bound."""
    lower, upper = _theta(
        law, np.array([[p.lower for p in law.parameters], [p.upper for p in law.parameters]])
    )
    theta, margin = _theta(law, params), _AT_BOUND * (upper - lower)
    return theta <= lower + margin, theta >= upper - margin


def _is_log(law: Law) -> np.ndarray:
    return np.array([parameter.log for parameter in law.parameters])


def _theta(law: Law, params: np.ndarray) -> np.ndarray:
    """Parameters [..., parameters] in the coordinates of the search."""
    log = _is_log(law)
    return np.where(log, np.log(np.where(log, params, 1.0)), params)


def _natural(law: Law, theta: np.ndarray) -> np.ndarray:
    log = _is_log(law)
    return np.where(log, np.exp(np.where(log, theta, 0.0)), theta)


def _inside(law: Law, theta: np.ndarray) -> np.ndarray:
    """Natural parameters within their bounds."""
    lower, upper = ([getattr(p, side) for p in law.parameters] for side in ("lower", "upper"))
    return np.clip(_natural(law, theta), lower, upper)


def _named(law: Law, params: np.ndarray) -> dict[str, Any]:
    """Parameters [..., parameters] by name."""
    return dict(zip(law.parameter_names, np.moveaxis(params, -1, 0), strict=True))
