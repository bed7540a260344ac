"""The fitting engine against scipy, and against its own definition."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize

from analysis.laws import CHINCHILLA, KAPLAN_N, POWER_OFFSET
from analysis.solver import float64_on_cpu, jacobian, solve, solve_damped
from tests.analysis.designs import GRID, KAPLAN

DELTA = 1e-3


def objective(law, params, inputs, log_loss):
    residual = np.abs(
        np.log(law.loss(dict(zip(law.parameter_names, params, strict=True)), inputs)) - log_loss
    )
    return np.where(residual <= DELTA, residual**2 / 2, DELTA * (residual - DELTA / 2)).sum()


def test_reaches_the_global_minimum_that_scipy_finds():
    log_loss = GRID.log_losses(1)[0]
    found = solve(CHINCHILLA, CHINCHILLA.starts(), GRID.inputs, log_loss, np.ones(len(log_loss)))
    ours = found.objective.min()
    rng = np.random.default_rng(0)
    scale = np.array([1.0, 100.0, 100.0, 1.0, 1.0])

    def scaled(position):
        return 1e3 * objective(CHINCHILLA, position * scale, GRID.inputs, log_loss)

    starts = [np.array(GRID.true) / scale * rng.uniform(0.9, 1.1, 5) for _ in range(10)]
    starts.append(found.params[found.objective.argmin()] / scale)
    bounds = [(1e-3, 20.0)] * 5
    theirs = min(minimize(scaled, start, method="L-BFGS-B", bounds=bounds).fun for start in starts) / 1e3
    assert ours <= theirs * (1 + 1e-6)
    assert (found.objective < ours * (1 + 1e-6)).mean() > 0.3


def test_objective_is_the_sum_of_weighted_huber_terms():
    log_loss = KAPLAN.log_losses(1)[0]
    solution = solve(KAPLAN_N, [KAPLAN.true], KAPLAN.inputs, log_loss, 2 * np.ones(len(log_loss)), DELTA)
    expected = 2 * objective(KAPLAN_N, solution.params[0], KAPLAN.inputs, log_loss)
    assert solution.objective[0] == pytest.approx(expected, rel=1e-9)


def test_lanes_do_not_mix():
    log_loss, starts = GRID.log_losses(3), np.array([GRID.true] * 3) * [[1.1], [1.0], [0.9]]
    weights = np.random.default_rng(0).integers(0, 3, log_loss.shape).astype(float)
    together = solve(CHINCHILLA, starts, GRID.inputs, log_loss, weights)
    for lane in range(3):
        alone = solve(CHINCHILLA, starts[[lane]], GRID.inputs, log_loss[lane], weights[lane])
        np.testing.assert_allclose(together.params[lane], alone.params[0], rtol=1e-12)


def test_a_weight_of_two_is_the_point_twice():
    log_loss = KAPLAN.log_losses(1)[0]
    weights = np.ones(len(log_loss))
    weights[:5] = 2
    twice = np.concatenate([np.arange(len(log_loss)), np.arange(5)])
    weighted = solve(KAPLAN_N, [KAPLAN.true], KAPLAN.inputs, log_loss, weights)
    repeated = solve(
        KAPLAN_N, [KAPLAN.true], {"N": KAPLAN.inputs["N"][twice]}, log_loss[twice], np.ones(len(twice))
    )
    np.testing.assert_allclose(weighted.params, repeated.params, rtol=1e-7)


def test_noiseless_points_give_the_parameters_back():
    exact = np.log(CHINCHILLA.loss(GRID.params, GRID.inputs))
    solution = solve(CHINCHILLA, CHINCHILLA.starts(), GRID.inputs, exact, np.ones(len(exact)))
    np.testing.assert_allclose(solution.params[solution.objective.argmin()], GRID.true, rtol=1e-6)


def test_damped_solution_is_that_of_the_dense_system():
    rng = np.random.default_rng(0)
    root, right, damping = rng.standard_normal((4, 5, 5)), rng.standard_normal((5, 4)), rng.uniform(0, 1, 4)
    matrix = root @ root.transpose(0, 2, 1)
    with float64_on_cpu():
        lower = [[jnp.asarray(matrix[:, i, j]) for j in range(i + 1)] for i in range(5)]
        free = [jnp.ones(4, bool)] * 5
        solved = solve_damped(lower, [jnp.asarray(row) for row in right], free, jnp.asarray(damping))
    damped = matrix * (1 + damping[:, None, None] * np.eye(5))
    expected = np.linalg.solve(damped, right.T[:, :, None])[:, :, 0].T
    np.testing.assert_allclose(np.stack(solved), expected, rtol=1e-9)


def test_a_parameter_on_its_bound_is_held_and_the_others_still_fitted():
    n = np.geomspace(1e4, 1e8, 20)
    log_loss = np.log(2.5 * n**-0.1) + 0.02 * np.log(n / 1e6) ** 2 * (n > 1e6)  # curves up: L_inf > 0 ...
    concave = np.log(2.5 * n**-0.1) - 0.002 * np.log(n / 1e4) ** 2  # ... and down: L_inf wants to be negative
    up, down = (
        solve(POWER_OFFSET, POWER_OFFSET.starts(), {"N": n}, values, np.ones(20))
        for values in (log_loss, concave)
    )
    assert up.params[up.objective.argmin(), 0] > 0
    best = down.objective.argmin()
    assert down.params[best, 0] == 0
    line = solve(KAPLAN_N, KAPLAN_N.starts(), {"N": n}, concave, np.ones(20))
    assert down.objective[best] == pytest.approx(line.objective.min(), rel=1e-9)


def test_jacobian_against_differences():
    params, step = np.array(GRID.true), 1e-6
    columns = jacobian(CHINCHILLA, params, GRID.inputs)
    for j, parameter in enumerate(CHINCHILLA.parameters):
        sides = [params.copy(), params.copy()]
        for sign, side in zip((-1, 1), sides, strict=True):
            side[j] = side[j] * np.exp(sign * step) if parameter.log else side[j] + sign * step
        low, high = (
            np.log(CHINCHILLA.loss(dict(zip(CHINCHILLA.parameter_names, side, strict=True)), GRID.inputs))
            for side in sides
        )
        np.testing.assert_allclose(columns[:, j], (high - low) / (2 * step), rtol=1e-6, atol=1e-9)


def test_sensitivity_of_a_term_that_does_not_vary_is_nothing():
    n = np.geomspace(1e6, 1e9, 12)
    inputs = {"N": n, "E": np.full(12, 1e10)}
    log_loss = np.log(CHINCHILLA.loss(GRID.params, inputs))
    sensitivity = solve(CHINCHILLA, [GRID.true], inputs, log_loss, np.ones(12)).sensitivity[0]
    assert (sensitivity[[0, 2, 4]] < 1e-5).all()  # L_inf, B, beta imitate each other
    assert (sensitivity[[1, 3]] > 1e-4).all()
