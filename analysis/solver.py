"""Robust least squares from many starts at once: the fitting engine.

It minimises, for every lane (a start, or a bootstrap draw from a start) independently,

    sum_i weight_i * Huber_delta(log L(params, inputs_i) - log loss_i)

by batched Levenberg-Marquardt with iteratively reweighted Huber terms, in one compiled float64 program. The
sum, not the mean, of the Huber terms: a mean shrinks the objective until an optimiser's tolerance stops it
early (Besiroglu et al. 2024, arXiv 2404.10102).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.experimental
import jax.numpy as jnp
import numpy as np
from jax import Array

from analysis.laws import Law

ITERATIONS = 60

# Arrays of [lanes, points] in a chunk of this many lanes stay in a core's cache: 4,500 starts on 234 points
# took 2.6 s in chunks of 64 and 3.7 s in one piece.
_LANES_PER_CHUNK = 64

# The largest step of one iteration. Without it most starts overshoot into a dead term (B / E^beta = 0 at
# every point): 5% of the 4,500 starts reached the optimum, with it 49%.
_MAX_STEP_LOG, _MAX_STEP = 3.0, 0.3

# A ridge well above the rounding of a correlation, for parameters that imitate each other exactly.
_TINY, _ROUNDING = 1e-150, 1e-14

_DAMPING_START, _DAMPING_RANGE = 0.1, (1e-9, 1e9)


@dataclass(frozen=True)
class Solution:
    """What each lane reached: params [lanes, parameters], objective [lanes], sensitivity [lanes, parameters].

    A sensitivity is the root mean square change of log loss over the weighted points, per unit of a parameter
    (per e-fold for `log` ones), less what changes of the others imitate. At zero the points say nothing of
    the parameter.
    """

    params: np.ndarray
    objective: np.ndarray
    sensitivity: np.ndarray


def solve(
    law: Law,
    starts: Any,
    inputs: Mapping[str, Any],
    log_loss: Any,
    weights: Any,
    delta: float = 1e-3,
    iterations: int = ITERATIONS,
) -> Solution:
    """Fit `law` from every start. All arrays float64.

    Shapes: starts [lanes, parameters] in natural units, inputs [points] each, log_loss and weights
    [points] or [lanes, points]. A lane whose start has no finite objective keeps objective inf.
    """
    starts = np.asarray(starts, np.float64)
    lanes, points = len(starts), len(inputs[law.inputs[0]])
    theta = _to_search(law, starts)
    log_loss, weights = (
        np.broadcast_to(np.asarray(array, np.float64), (lanes, points)) for array in (log_loss, weights)
    )
    with float64_on_cpu():
        row = {name: np.asarray(inputs[name], np.float64)[None, :] for name in law.inputs}
        solved = [
            _solve_chunk(
                law, iterations, *(_padded(array, first) for array in (theta, log_loss, weights)), row, delta
            )
            for first in range(0, lanes, _LANES_PER_CHUNK)
        ]
        theta, objective, sensitivity = (np.concatenate(parts)[:lanes] for parts in zip(*solved, strict=True))
    return Solution(_to_natural(law, theta), objective, sensitivity)


def jacobian(law: Law, params: np.ndarray, inputs: Mapping[str, Any]) -> np.ndarray:
    """d log loss / d parameter (per e-fold for `log` ones) at one set of params: [points, parameters]."""
    with float64_on_cpu():
        row = {name: jnp.asarray(inputs[name], jnp.float64)[None, :] for name in law.inputs}
        zeros = jnp.zeros((1, len(inputs[law.inputs[0]])))
        problem = _Problem(law, row, zeros, zeros + 1.0, jnp.asarray(1.0))
        _, columns = problem.linearise(jnp.asarray(_to_search(law, np.asarray(params))[:, None]))
        return np.concatenate([np.asarray(column) for column in columns]).T


@contextmanager
def float64_on_cpu() -> Iterator[None]:
    """Float64 for what runs within, and on the processor, because TPUs have none."""
    # jax.enable_x64 came with JAX 0.8.
    scope = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64  # type: ignore
    with scope(True), jax.default_device(jax.local_devices(backend="cpu")[0]):
        yield


def _padded(array: np.ndarray, first: int) -> np.ndarray:
    """A chunk of lanes, the last one repeated to fill it: one shape, so one compilation."""
    rows = np.minimum(np.arange(first, first + _LANES_PER_CHUNK), len(array) - 1)
    return array[rows]


def _is_log(law: Law) -> np.ndarray:
    return np.array([parameter.log for parameter in law.parameters])


def _bounds(law: Law) -> np.ndarray:
    """Bounds in search coordinates, [2, parameters]."""
    return _to_search(law, np.array([[p.lower for p in law.parameters], [p.upper for p in law.parameters]]))


def _to_search(law: Law, params: np.ndarray) -> np.ndarray:
    return np.where(_is_log(law), np.log(np.where(_is_log(law), params, 1.0)), params)


def _to_natural(law: Law, theta: np.ndarray) -> np.ndarray:
    return np.where(_is_log(law), np.exp(np.where(_is_log(law), theta, 0.0)), theta)


@partial(jax.jit, static_argnums=(0, 1))
def _solve_chunk(law, iterations, theta, log_loss, weights, inputs, delta):
    return _Problem(law, inputs, log_loss, weights, delta).solve(theta.T, iterations)


_State = tuple[Array, Array, list[Array], Array, Array]
"""theta, residual, jacobian, objective, damping."""


@dataclass(frozen=True)
class _Problem:
    """One chunk of lanes. theta is [parameters, lanes]; residuals are [lanes, points]."""

    law: Law
    inputs: Mapping[str, Array]
    log_loss: Array
    weights: Array
    delta: Array

    def solve(self, theta: Array, iterations: int) -> tuple[Array, Array, Array]:
        residual, jacobian = self.linearise(theta)
        damping = jnp.full(theta.shape[1], _DAMPING_START)
        state = (theta, residual, jacobian, self.objective(residual), damping)
        theta, _, jacobian, objective, _ = jax.lax.fori_loop(0, iterations, self.iterate, state)
        return theta.T, objective, self.sensitivity(jacobian)

    def residual(self, theta: Array) -> Array:
        natural = [
            jnp.exp(row)[:, None] if parameter.log else row[:, None]
            for parameter, row in zip(self.law.parameters, theta, strict=True)
        ]
        params = dict(zip(self.law.parameter_names, natural, strict=True))
        return jnp.log(self.law.loss(params, self.inputs)) - self.log_loss

    def objective(self, residual: Array) -> Array:
        size = jnp.abs(residual)
        huber = jnp.where(size <= self.delta, 0.5 * size**2, self.delta * (size - 0.5 * self.delta))
        total = jnp.sum(self.weights * huber, axis=1)
        return jnp.where(jnp.isfinite(total), total, jnp.inf)

    def linearise(self, theta: Array) -> tuple[Array, list[Array]]:
        """The residual and its derivatives by each parameter: lanes do not mix, so one tangent serves all."""
        units = np.eye(len(theta))[:, :, None] * np.ones(theta.shape[1])
        pairs = [jax.jvp(self.residual, (theta,), (jnp.asarray(unit),)) for unit in units]
        return pairs[0][0], [derivative for _, derivative in pairs]

    def iterate(self, i: Array, state: _State) -> _State:
        theta, residual, jacobian, objective, damping = state
        lower, upper = (jnp.asarray(bound)[:, None] for bound in _bounds(self.law))
        step = self.step(i, theta, residual, jacobian, damping)
        proposal = jnp.clip(theta - step, lower, upper)
        residual_new, jacobian_new = self.linearise(proposal)
        objective_new = self.objective(residual_new)
        better = objective_new < objective
        keep = partial(jnp.where, better[:, None])
        return (
            jnp.where(better[None, :], proposal, theta),
            keep(residual_new, residual),
            [keep(new, old) for new, old in zip(jacobian_new, jacobian, strict=True)],
            jnp.where(better, objective_new, objective),
            jnp.clip(jnp.where(better, damping * 0.2, damping * 5.0), *_DAMPING_RANGE),
        )

    def sensitivity(self, jacobian: list[Array]) -> Array:
        """See Solution: a column's length over the root of the inverse correlation's diagonal."""
        share = self.weights / jnp.sum(self.weights, axis=1, keepdims=True)
        length = [jnp.sqrt(jnp.sum(share * column**2, axis=1)) for column in jacobian]
        unit = [column / jnp.maximum(r, _TINY)[:, None] for column, r in zip(jacobian, length, strict=True)]
        correlation = [[jnp.sum(share * a * b, axis=1) for b in unit[: i + 1]] for i, a in enumerate(unit)]
        free, nothing = [length[0] >= 0.0] * len(unit), jnp.zeros_like(length[0])
        alone = []
        for j, r in enumerate(length):
            target = [nothing + (i == j) for i in range(len(unit))]
            inverse = solve_damped(correlation, target, free, nothing + _ROUNDING)[j]
            alone.append(r / jnp.sqrt(jnp.maximum(inverse, 1.0)))
        return jnp.stack(alone, axis=1)

    def step(self, i: Array, theta: Array, residual: Array, jacobian: list[Array], damping: Array) -> Array:
        """The damped Gauss-Newton step, cut to the largest step allowed: [parameters, lanes]."""
        curvature_weights = self.weights * _huber_curvature(i, residual, self.delta)
        slope_weights = self.weights * jnp.clip(residual, -self.delta, self.delta)
        gradient = [jnp.sum(slope_weights * column, axis=1) for column in jacobian]
        hessian = [
            [jnp.sum(curvature_weights * row * column, axis=1) for column in jacobian[: j + 1]]
            for j, row in enumerate(jacobian)
        ]
        free = _free(self.law, theta, gradient)
        step = jnp.stack(solve_damped(hessian, gradient, free, damping))
        largest = np.where(_is_log(self.law), _MAX_STEP_LOG, _MAX_STEP)[:, None]
        return step / jnp.maximum(1.0, jnp.max(jnp.abs(step) / largest, axis=0, keepdims=True))


def _huber_curvature(i: Array, residual: Array, delta: Array) -> Array:
    """Weights of the Gauss-Newton matrix.

    Even iterations majorise (delta / |r| outside delta: always safe, converges slowly). Odd ones come near
    the second derivative (0 outside delta: fast at the end, useless far away). A step is kept only if it
    helps.
    """
    outside = delta / jnp.maximum(jnp.abs(residual), delta)
    return jnp.where(jnp.abs(residual) <= delta, 1.0, outside * jnp.where(i % 2 == 0, 1.0, 0.03))


def _free(law: Law, theta: Array, gradient: list[Array]) -> list[Array]:
    """Which parameters may move: those on a bound and pushed beyond it are held."""
    lower, upper = _bounds(law)
    return [
        ~((theta[j] <= lower[j]) & (slope > 0) | (theta[j] >= upper[j]) & (slope < 0))
        for j, slope in enumerate(gradient)
    ]


def solve_damped(
    hessian: list[list[Array]], gradient: list[Array], free: list[Array], damping: Array
) -> list[Array]:
    """Solve (H + damping diag H) x = g over the free parameters, by Cholesky written out.

    H is given by its lower triangle; every entry is an array over lanes, so that the few operations of a
    small factorisation each run over all lanes (a batched linear solve is ten times slower).
    """
    size = range(len(gradient))
    h = [[jnp.where(free[i] & free[j], hessian[i][j], 0.0) for j in range(i + 1)] for i in size]
    g = [jnp.where(free[i], gradient[i], 0.0) for i in size]
    lower: list[list[Array]] = [[] for _ in size]
    for i in size:
        for j in range(i):
            lower[i].append((h[i][j] - _dot(lower[i][:j], lower[j][:j])) / lower[j][j])
        pivot = h[i][i] * (1.0 + damping) - _dot(lower[i], lower[i])
        lower[i].append(jnp.sqrt(jnp.maximum(pivot, 1e-30)))
    forward: list[Array] = []
    for i in size:
        forward.append((g[i] - _dot(lower[i][:i], forward)) / lower[i][i])
    return _back_substitute(lower, forward)


def _back_substitute(lower: list[list[Array]], forward: list[Array]) -> list[Array]:
    size = len(forward)
    solution: dict[int, Array] = {}
    for i in reversed(range(size)):
        later = range(i + 1, size)
        solved = _dot([lower[k][i] for k in later], [solution[k] for k in later])
        solution[i] = (forward[i] - solved) / lower[i][i]
    return [solution[i] for i in range(size)]


def _dot(left: list[Array], right: list[Array]) -> Any:
    return sum((a * b for a, b in zip(left, right, strict=True)), start=0.0)
