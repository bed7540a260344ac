"""Robust least squares from many starts at once: the fitting engine.

It minimises, for every lane (a start, or a bootstrap draw from a start) independently,

    sum_i weight_i * side_i * Huber_delta(scale_i * (log L(params, inputs_i) - log loss_i))

by batched Levenberg-Marquardt with iteratively reweighted Huber terms, in one compiled float64 program. The
sum, not the mean, of the Huber terms: a mean shrinks the objective until an optimiser's tolerance stops it
early (Besiroglu et al. 2024, arXiv 2404.10102). `Objective` also chooses plain squares, raw losses in place
of logarithms, and a smaller cost (side_i) for losses above the law.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import jax
import jax.experimental
import jax.numpy as jnp
import numpy as np
from jax import Array

from quarry.analysis.fitting.coordinates import bounds, to_natural, to_search
from quarry.analysis.fitting.objective import Objective
from quarry.analysis.laws.law import Law, Values

ITERATIONS = 60

# A lane has arrived once a full step would lower its objective by less than this fraction.
_ARRIVED = 1e-11

# Arrays of [lanes, points] in a chunk of this many lanes stay in a core's cache: 4,500 starts on 234 points
# took 2.6 s in chunks of 64 and 3.7 s in one piece.
_LANES_PER_CHUNK = 64

# Points fill blocks, so that a fit without some of them runs the program compiled for all.
_POINTS_PER_BLOCK = 64

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


@dataclass(frozen=True)
class Pull:
    """A quantity of the parameters held near a target in each lane, by a penalty that is not reported.

    The penalty is stiffness (value(params) - target)^2 / 2; targets [lanes].
    """

    value: Callable[[Values], Any]
    targets: np.ndarray
    stiffness: float


def solve(
    law: Law,
    starts: Any,
    inputs: Mapping[str, Any],
    target: Any,
    weights: Any,
    objective: Objective = Objective(),  # noqa: B008 (frozen)
    *,
    scale: Any = 1.0,
    held: tuple[bool, ...] | None = None,
    pull: Pull | None = None,
    iterations: int = ITERATIONS,
) -> Solution:
    """Fit `law` from every start. All arrays float64.

    Shapes: starts [lanes, parameters] in natural units, inputs [points] each, target (the response, or its
    logarithm if the objective is logarithmic) and weights [points] or [lanes, points], scale [points]. The
    parameters that are `held` stay where they start. A lane whose start has no finite objective keeps
    objective inf.
    """
    starts = np.asarray(starts, np.float64)
    lanes, points = len(starts), len(inputs[law.inputs[0]])
    if lanes == 0:
        raise ValueError("solve needs at least one start")
    stay = np.array(held or (False,) * len(law.parameters))
    pulled = np.zeros(lanes) if pull is None else np.asarray(pull.targets, np.float64)
    stiffness = 0.0 if pull is None else pull.stiffness
    theta = to_search(law, starts)
    target, weights = (
        np.broadcast_to(np.asarray(array, np.float64), (lanes, points)) for array in (target, weights)
    )
    place, real = _filled(points)
    row = {name: np.asarray(inputs[name], np.float64)[None, place] for name in law.inputs}
    row_scale = np.broadcast_to(np.asarray(scale, np.float64), (points,))[None, place]
    static = (law, objective.logarithmic, pull.value if pull else None)
    settings = (objective.delta, objective.above, stiffness, iterations, stay)

    def chunk(first: int) -> tuple[np.ndarray, ...]:
        starts, targets, shares, pulls = (_padded(array, first) for array in (theta, target, weights, pulled))
        with float64_on_cpu():
            own = (starts, targets[:, place], shares[:, place] * real, pulls)
            solved = _solver()(static, *own, row, row_scale, *settings)
            return tuple(np.asarray(part) for part in solved)

    parts = _in_threads(chunk, range(0, lanes, _LANES_PER_CHUNK))
    found, reached, sensitivity = (np.concatenate(part)[:lanes] for part in zip(*parts, strict=True))
    return Solution(to_natural(law, found), reached, sensitivity)


def _in_threads(chunk: Callable[[int], Any], firsts: range) -> list[Any]:
    """`chunk` of each; the first alone, because it compiles the program that all share."""
    first = chunk(firsts[0])
    if len(firsts) == 1:
        return [first]
    with ThreadPoolExecutor(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2) as pool:
        return [first, *pool.map(chunk, firsts[1:])]


def jacobian(law: Law, params: np.ndarray, inputs: Mapping[str, Any], logarithmic: bool = True) -> np.ndarray:
    """d residual / d parameter (per e-fold for `log` ones) at one set of params: [points, parameters]."""
    points = len(inputs[law.inputs[0]])
    place, _ = _filled(points)
    row = {name: np.asarray(inputs[name], np.float64)[None, place] for name in law.inputs}
    with float64_on_cpu():
        columns = _jacobian((law, logarithmic, None), to_search(law, np.asarray(params))[:, None], row)
        return np.concatenate([np.asarray(column) for column in columns]).T[:points]


@partial(jax.jit, static_argnums=0)
def _jacobian(static, theta, inputs):
    zeros = jnp.zeros_like(inputs[static[0].inputs[0]])
    problem = _Problem(static, inputs, zeros, zeros + 1.0, zeros[:, 0], zeros + 1.0, 1.0, 1.0, 0.0, 0, None)
    return problem.linearise(theta)[1]


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


def _filled(points: int) -> tuple[np.ndarray, np.ndarray]:
    """Places of the points and of the last one again, up to a whole block, and which are not repeats."""
    whole = -(-points // _POINTS_PER_BLOCK) * _POINTS_PER_BLOCK
    return np.minimum(np.arange(whole), points - 1), np.arange(whole) < points


def _solve_chunk(static, theta, target, weights, pulled, inputs, scale, *settings):
    problem = _Problem(static, inputs, target, weights, pulled, scale, *settings)
    return problem.solve(theta.T)


@cache
def _solver() -> Callable[..., tuple[Array, Array, Array]]:
    """The compiled chunk, by XLA's older emitter of loops: 0.4 s less to compile, and as fast.

    A jaxlib that does not know the choice has only one emitter.
    """
    options = {"xla_cpu_use_fusion_emitters": False}
    with suppress(jax.errors.JaxRuntimeError):
        jax.jit(jnp.negative, compiler_options=options).lower(0.0).compile()
        return jax.jit(_solve_chunk, static_argnums=0, compiler_options=options)
    return jax.jit(_solve_chunk, static_argnums=0)


_Static = tuple[Law, bool, Callable[[Values], Any] | None]
"""The law, whether residuals are of logarithms, the pulled quantity."""

_State = tuple[Array, Array, Array, list[Array], Array, Array, Array]
"""iteration, theta, residual, jacobian, objective, damping, the gain a full step promised."""


@dataclass(frozen=True)
class _Problem:
    """One chunk of lanes. theta is [parameters, lanes]; residuals are [lanes, points]."""

    static: _Static
    inputs: Mapping[str, Array]
    target: Array
    weights: Array
    pulled: Array
    scale: Array
    delta: Any
    above: Any
    stiffness: Any
    iterations: Any
    held: Any

    @property
    def law(self) -> Law:
        return self.static[0]

    def solve(self, theta: Array) -> tuple[Array, Array, Array]:
        """The iteration of number -1 only evaluates the start: one copy of the law is compiled, not two."""
        lanes, far = theta.shape[1], jnp.full_like(self.target, jnp.inf)
        damping, unknown = jnp.full(lanes, _DAMPING_START), jnp.full(lanes, jnp.inf)
        flat = [jnp.zeros_like(self.target)] * len(theta)
        state = (jnp.asarray(-1), theta, far, flat, unknown, damping, unknown)
        _, theta, residual, jacobian, *_ = jax.lax.while_loop(self.unfinished, self.iterate, state)
        return theta.T, self.objective(residual), self.sensitivity(jacobian)

    def unfinished(self, state: _State) -> Array:
        i, *_, objective, _, gain = state
        return (i < self.iterations) & jnp.any(_travelling(i, objective, gain))

    def params(self, theta: Any) -> dict[str, Array]:
        natural = [
            jnp.exp(row) if parameter.log else row
            for parameter, row in zip(self.law.parameters, theta, strict=True)
        ]
        return dict(zip(self.law.parameter_names, natural, strict=True))

    def residual(self, theta: Any) -> Array:
        params = {name: value[:, None] for name, value in self.params(theta).items()}
        predicted = self.law.predict(params, self.inputs)
        return self.scale * ((jnp.log(predicted) if self.static[1] else predicted) - self.target)

    def objective(self, residual: Array) -> Array:
        size = jnp.abs(residual)
        inside = jnp.minimum(size, self.delta)
        total = jnp.sum(self.weights * self.side(residual) * inside * (size - 0.5 * inside), axis=1)
        return jnp.where(jnp.isfinite(total), total, jnp.inf)

    def side(self, residual: Array) -> Array:
        """What a residual costs: less where the measured loss lies above the law."""
        return jnp.where(residual < 0, self.above, 1.0)

    def distance(self, theta: Any) -> Array:
        """How far the pulled quantity is from its target [lanes]."""
        value = self.static[2]
        return jnp.zeros_like(theta[0]) if value is None else value(self.params(theta)) - self.pulled

    def penalty(self, theta: Array) -> Array:
        return 0.5 * self.stiffness * self.distance(theta) ** 2

    def linearise(self, theta: Array) -> tuple[Array, list[Array]]:
        return _with_derivatives(self.residual, theta)

    def iterate(self, state: _State) -> _State:
        i, theta, residual, jacobian, objective, damping, gain = state
        lower, upper = (jnp.asarray(bound)[:, None] for bound in bounds(self.law))
        step, promised = self.step(i, theta, residual, jacobian, damping)
        proposal = jnp.clip(theta - jnp.where(i < 0, 0.0, step), lower, upper)
        residual_new, jacobian_new = self.linearise(proposal)
        objective_new = self.objective(residual_new) + self.penalty(proposal)
        travelling = _travelling(i, objective, gain)
        better = travelling & (objective_new < objective)
        keep, relaxed = partial(jnp.where, better[:, None]), jnp.where(better, 0.2, 5.0)
        # Steps of the two kinds alternate: a lane has arrived when neither promises anything.
        expected = jnp.where(i % 2 == 0, promised, jnp.maximum(promised, gain))
        return (
            i + 1,
            jnp.where(better[None, :], proposal, theta),
            keep(residual_new, residual),
            [keep(new, old) for new, old in zip(jacobian_new, jacobian, strict=True)],
            jnp.where(better, objective_new, objective),
            jnp.clip(jnp.where(i < 0, damping, damping * relaxed), *_DAMPING_RANGE),
            jnp.where(travelling & (i >= 0), expected, gain),
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

    def step(
        self, i: Array, theta: Array, residual: Array, jacobian: list[Array], damping: Array
    ) -> tuple[Array, Array]:
        """The damped Gauss-Newton step, cut to the largest step allowed [parameters, lanes], and its promise.

        The promise [lanes] is about what the undamped step would take off the objective.
        """
        weights = self.weights * self.side(residual)
        curvature_weights = weights * _huber_curvature(i, residual, self.delta)
        slope_weights = weights * jnp.clip(residual, -self.delta, self.delta)
        gradient = [jnp.sum(slope_weights * column, axis=1) for column in jacobian]
        hessian = [
            [jnp.sum(curvature_weights * row * column, axis=1) for column in jacobian[: j + 1]]
            for j, row in enumerate(jacobian)
        ]
        if self.static[2] is not None:
            gradient, hessian = self.pulled_system(theta, gradient, hessian)
        free = _free(self.law, self.held, theta, gradient)
        step = jnp.stack(solve_damped(hessian, gradient, free, damping))
        promised = jnp.sum(jnp.where(jnp.stack(free), jnp.stack(gradient) * step, 0.0), axis=0)
        largest = np.array([_MAX_STEP_LOG if p.log else _MAX_STEP for p in self.law.parameters])[:, None]
        cut = jnp.maximum(1.0, jnp.max(jnp.abs(step) / largest, axis=0, keepdims=True))
        return step / cut, promised * (1.0 + damping)

    def pulled_system(self, theta: Array, gradient: list[Array], hessian: list[list[Array]]):
        """Gradient and curvature with those of the penalty added."""
        distance, slopes = _with_derivatives(self.distance, theta)
        gradient = [g + self.stiffness * distance * s for g, s in zip(gradient, slopes, strict=True)]
        hessian = [
            [h + self.stiffness * a * b for h, b in zip(row, slopes, strict=False)]
            for row, a in zip(hessian, slopes, strict=True)
        ]
        return gradient, hessian


def _travelling(i: Array, objective: Array, gain: Array) -> Array:
    """Lanes that have not arrived. Those that have stay, so that no lane depends on its neighbours."""
    return (i < 0) | (gain > _ARRIVED * objective) & jnp.isfinite(objective)


def _with_derivatives(function: Callable[[Array], Array], theta: Array) -> tuple[Array, list[Array]]:
    """The value and its derivatives by each parameter: lanes do not mix, so one tangent serves all.

    Linearised once, so that the powers and exponentials are not computed again for each tangent.
    """
    value, derivative = jax.linearize(function, theta)
    units = np.eye(len(theta))[:, :, None] * np.ones(theta.shape[1])
    return value, [derivative(jnp.asarray(unit)) for unit in units]


def _huber_curvature(i: Array, residual: Array, delta: Any) -> Array:
    """Weights of the Gauss-Newton matrix.

    Even iterations majorise (delta / |r| outside delta: always safe, converges slowly). Odd ones come near
    the second derivative (0 outside delta: fast at the end, useless far away). A step is kept only if it
    helps.
    """
    outside = delta / jnp.maximum(jnp.abs(residual), delta)
    return jnp.where(jnp.abs(residual) <= delta, 1.0, outside * jnp.where(i % 2 == 0, 1.0, 0.03))


def _free(law: Law, held: Array, theta: Array, gradient: list[Array]) -> list[Array]:
    """Which parameters may move: not the held ones, nor those on a bound and pushed beyond it."""
    lower, upper = bounds(law)
    return [
        ~((theta[j] <= lower[j]) & (slope > 0) | (theta[j] >= upper[j]) & (slope < 0) | held[j])
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
