"""Batched Levenberg-Marquardt with iteratively reweighted Huber terms: one chunk of lanes as a JAX program.

theta is [parameters, lanes], in the coordinates of the search; residuals are [lanes, points]; a Jacobian is a
list with one [lanes, points] array for each parameter.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from quarry.analysis.fitting.cholesky import solve_damped
from quarry.analysis.fitting.coordinates import bounds

if TYPE_CHECKING:
    from quarry.analysis.laws.law import Law, Values

# A lane has converged once a full step would lower its objective by less than this fraction.
_CONVERGED = 1e-11

# The largest step of one iteration, for `log` parameters and for others. Without it most starts overshoot
# into a dead term (B / E^beta = 0 at every point): 5% of 4,500 starts reached the optimum, with it 49%.
_MAX_STEP_LOG, _MAX_STEP = 3.0, 0.3

# The damping at the start, its limits, and its factor after a step that lowers the objective and after one
# that does not.
_DAMPING_START, _DAMPING_RANGE = 0.1, (1e-9, 1e9)
_AFTER_SUCCESS, _AFTER_FAILURE = 0.2, 5.0

# In every second iteration, the curvature of a residual outside delta as a fraction of the majorising
# parabola's. The true curvature is 0, but the matrix would be singular where all residuals are outside.
_CURVATURE_OUTSIDE = 0.03


class Form(NamedTuple):
    """What is compiled: the law, whether residuals are of logarithms, the quantity that is pulled, if any."""

    law: "Law"
    logarithmic: bool
    pulled: "Callable[[Values], Any] | None"


class Measurements(NamedTuple):
    """Inputs and scale [1, points], target and weights [lanes, points], targets of the pull [lanes]."""

    inputs: Mapping[str, Any]
    scale: Any
    target: Any
    weights: Any
    pull_targets: Any


class Settings(NamedTuple):
    """Huber's delta, the cost of losses above the law, the pull's stiffness, which parameters are fixed."""

    delta: Any
    above: Any
    stiffness: Any
    iterations: Any
    fixed: Any


class _State(NamedTuple):
    """Of each lane after an iteration; `gain` is the decrease of the objective that a full step promised."""

    iteration: Array
    theta: Array
    residual: Array
    jacobian: list[Array]
    objective: Array
    damping: Array
    gain: Array


def natural_params(law: "Law", theta: Any) -> dict[str, Array]:
    """The law's parameters by name, in natural units, [lanes] each."""
    return {p.name: jnp.exp(row) if p.log else row for p, row in zip(law.parameters, theta, strict=True)}


def target_of(form: Form, inputs: Mapping[str, Array], theta: Any) -> Array:
    """The response that the law predicts, or its logarithm: [lanes, points]."""
    params = {name: value[:, None] for name, value in natural_params(form.law, theta).items()}
    predicted = form.law.predict(params, inputs)
    return jnp.log(predicted) if form.logarithmic else predicted


def with_derivatives(function: Callable[[Array], Array], theta: Array) -> tuple[Array, list[Array]]:
    """The value and its derivative by each parameter: lanes are independent, so one tangent serves all.

    Linearised once, so that powers and exponentials are not computed again for each tangent.
    """
    value, derivative = jax.linearize(function, theta)
    units = np.eye(len(theta))[:, :, None] * np.ones(theta.shape[1])
    return value, [derivative(jnp.asarray(unit)) for unit in units]


@dataclass(frozen=True)
class Problem:
    """One chunk of lanes."""

    form: Form
    measured: Measurements
    settings: Settings

    def solve(self, theta: Array) -> tuple[Array, Array, list[Array]]:
        """The end of each lane [lanes, parameters], its objective [lanes], the columns of its Jacobian there.

        Iteration -1 only evaluates the start, so that the program holds one copy of the law, not two.
        """
        lanes, target = theta.shape[1], self.measured.target
        unknown = jnp.full(lanes, jnp.inf)
        state = _State(
            iteration=jnp.asarray(-1),
            theta=theta,
            residual=jnp.full_like(target, jnp.inf),
            jacobian=[jnp.zeros_like(target)] * len(theta),
            objective=unknown,
            damping=jnp.full(lanes, _DAMPING_START),
            gain=unknown,
        )
        end = jax.lax.while_loop(self.unfinished, self.iterate, state)
        return end.theta.T, self.objective(end.residual), end.jacobian

    def unfinished(self, state: _State) -> Array:
        return (state.iteration < self.settings.iterations) & jnp.any(_active(state))

    def residual(self, theta: Any) -> Array:
        predicted = target_of(self.form, self.measured.inputs, theta)
        return self.measured.scale * (predicted - self.measured.target)

    def objective(self, residual: Array) -> Array:
        """The weighted sum of Huber terms [lanes]; inf where it is not finite."""
        size = jnp.abs(residual)
        inside = jnp.minimum(size, self.settings.delta)
        weights = self.measured.weights * self.side(residual)
        total = jnp.sum(weights * inside * (size - 0.5 * inside), axis=1)
        return jnp.where(jnp.isfinite(total), total, jnp.inf)

    def side(self, residual: Array) -> Array:
        """The relative cost of a residual: less than 1 where the measured loss lies above the law."""
        return jnp.where(residual < 0, self.settings.above, 1.0)

    def distance(self, theta: Any) -> Array:
        """The pulled quantity less its target [lanes]."""
        if self.form.pulled is None:
            return jnp.zeros_like(theta[0])
        return self.form.pulled(natural_params(self.form.law, theta)) - self.measured.pull_targets

    def penalty(self, theta: Array) -> Array:
        return 0.5 * self.settings.stiffness * self.distance(theta) ** 2

    def iterate(self, state: _State) -> _State:
        """One step of every lane that has not converged, kept where it lowers the objective."""
        i = state.iteration
        lower, upper = (jnp.asarray(bound)[:, None] for bound in bounds(self.form.law))
        step, promised = self.step(state)
        theta = jnp.clip(state.theta - jnp.where(i < 0, 0.0, step), lower, upper)
        residual, jacobian = with_derivatives(self.residual, theta)
        objective = self.objective(residual) + self.penalty(theta)
        active = _active(state)
        better = active & (objective < state.objective)
        keep = partial(jnp.where, better[:, None])
        damping = state.damping * jnp.where(better, _AFTER_SUCCESS, _AFTER_FAILURE)
        # Two kinds of step alternate: a lane has converged when neither promises a decrease.
        gain = jnp.where(i % 2 == 0, promised, jnp.maximum(promised, state.gain))
        return _State(
            iteration=i + 1,
            theta=jnp.where(better[None, :], theta, state.theta),
            residual=keep(residual, state.residual),
            jacobian=[keep(new, old) for new, old in zip(jacobian, state.jacobian, strict=True)],
            objective=jnp.where(better, objective, state.objective),
            damping=jnp.clip(jnp.where(i < 0, state.damping, damping), *_DAMPING_RANGE),
            gain=jnp.where(active & (i >= 0), gain, state.gain),
        )

    def step(self, state: _State) -> tuple[Array, Array]:
        """The damped Gauss-Newton step, cut to the largest step allowed [parameters, lanes], and its promise.

        The promise [lanes] is roughly the decrease of the objective by the undamped step.
        """
        gradient, hessian = self.normal_equations(state)
        free = self.free(state.theta, gradient)
        step = jnp.stack(solve_damped(hessian, gradient, free, state.damping))
        promised = jnp.sum(jnp.where(jnp.stack(free), jnp.stack(gradient) * step, 0.0), axis=0)
        largest = np.array([_MAX_STEP_LOG if p.log else _MAX_STEP for p in self.form.law.parameters])[:, None]
        cut = jnp.maximum(1.0, jnp.max(jnp.abs(step) / largest, axis=0, keepdims=True))
        return step / cut, promised * (1.0 + state.damping)

    def normal_equations(self, state: _State) -> tuple[list[Array], list[list[Array]]]:
        """Gradient and Gauss-Newton matrix (lower triangle) of the objective and the pull's penalty."""
        residual, jacobian, delta = state.residual, state.jacobian, self.settings.delta
        weights = self.measured.weights * self.side(residual)
        curvature_weights = weights * _huber_curvature(state.iteration, residual, delta)
        slope_weights = weights * jnp.clip(residual, -delta, delta)
        gradient = [jnp.sum(slope_weights * column, axis=1) for column in jacobian]
        hessian = [
            [jnp.sum(curvature_weights * row * column, axis=1) for column in jacobian[: j + 1]]
            for j, row in enumerate(jacobian)
        ]
        if self.form.pulled is None:
            return gradient, hessian
        return self.with_pull(state.theta, gradient, hessian)

    def with_pull(self, theta: Array, gradient: list[Array], hessian: list[list[Array]]):
        """Gradient and matrix with those of the pull's penalty added."""
        stiffness = self.settings.stiffness
        distance, slopes = with_derivatives(self.distance, theta)
        gradient = [g + stiffness * distance * s for g, s in zip(gradient, slopes, strict=True)]
        hessian = [
            [h + stiffness * a * b for h, b in zip(row, slopes, strict=False)]
            for row, a in zip(hessian, slopes, strict=True)
        ]
        return gradient, hessian

    def free(self, theta: Array, gradient: list[Array]) -> list[Array]:
        """Which parameters may move: not the fixed ones, nor those on a bound and pushed beyond it."""
        lower, upper = bounds(self.form.law)
        return [
            ~(
                (theta[j] <= lower[j]) & (slope > 0)
                | (theta[j] >= upper[j]) & (slope < 0)
                | self.settings.fixed[j]
            )
            for j, slope in enumerate(gradient)
        ]


def _active(state: _State) -> Array:
    """Lanes that have not converged. Converged lanes stay, so that no lane depends on its neighbours."""
    unconverged = state.gain > _CONVERGED * state.objective
    return (state.iteration < 0) | unconverged & jnp.isfinite(state.objective)


def _huber_curvature(i: Array, residual: Array, delta: Any) -> Array:
    """Weights of the Gauss-Newton matrix.

    Even iterations majorise (delta / |r| outside delta: always safe, converges slowly). Odd ones come near
    the second derivative (0 outside delta: fast at the end, useless far away). A step is kept only if it
    helps.
    """
    outside = delta / jnp.maximum(jnp.abs(residual), delta)
    share = jnp.where(i % 2 == 0, 1.0, _CURVATURE_OUTSIDE)
    return jnp.where(jnp.abs(residual) <= delta, 1.0, outside * share)
