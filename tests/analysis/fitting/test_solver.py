"""The fitting engine against scipy, and against its own definition."""

import threading
from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import least_squares, minimize

from quarry.analysis.fitting.cholesky import inverse_diagonal, solve_damped
from quarry.analysis.fitting.objective import Objective
from quarry.analysis.fitting.precision import float64_on_cpu
from quarry.analysis.fitting.search import Data, few_starts
from quarry.analysis.fitting.solver import Pull, Solution, _in_threads, _shared, jacobian, solve
from quarry.analysis.laws.chinchilla import CHINCHILLA
from quarry.analysis.laws.kaplan import KAPLAN_N
from quarry.analysis.laws.power_laws import POWER_OFFSET
from tests.analysis.designs import DESIGNS, GRID, KAPLAN
from tests.analysis.quick import QUICK

DELTA = 1e-3
OBJECTIVES = {
    "huber": Objective(),
    "huber of noise": Objective(1.345),
    "log": Objective(np.inf),
    "raw": Objective(np.inf, logarithmic=False),
    "above": Objective(above=0.3),
}
LAWS_COMPARED = ("kaplan-nd", "power-offset", "chinchilla", "context", "overtraining")


def objective(law, params, inputs, log_loss, kind=OBJECTIVES["huber"]):
    with np.errstate(over="ignore", divide="ignore"):
        predicted = law.predict(dict(zip(law.parameter_names, params, strict=True)), inputs)
        return kind.terms(kind.target(predicted) - kind.target(np.exp(log_loss))).sum()


def fitted(design, log_loss, kind=OBJECTIVES["huber"], **options):
    """The best of a part of the law's grid of starts, polished: params, objective."""
    target = kind.target(np.exp(log_loss))
    best = few_starts(design.law)
    for iterations in (60, 500):
        found = solve(design.law, best, design.inputs, target, 1.0, kind, iterations=iterations, **options)
        best = found.params[[np.argmin(found.objective)]]
    return best[0], found.objective.min()


def near(design, number, seed=0):
    """Starts around the truth, in the coordinates of the search: (natural, scaled), [number, parameters]."""
    logs = np.array([parameter.log for parameter in design.law.parameters])
    scaled = np.where(logs, np.log(np.where(logs, design.true, 1.0)), design.true)
    return logs, scaled * (1 + 0.02 * np.random.default_rng(seed).standard_normal((number, len(scaled))))


@pytest.mark.slow
@pytest.mark.parametrize("kind", OBJECTIVES.values(), ids=OBJECTIVES)
@pytest.mark.parametrize("name", LAWS_COMPARED)
def test_no_minimum_that_scipy_finds_is_lower(name, kind):
    design = DESIGNS[name]
    log_loss = design.log_losses(1, seed=5)[0]
    params, ours = fitted(design, log_loss, kind)
    logs, starts = near(design, 3)

    def scaled(position):
        natural = np.where(logs, np.exp(np.where(logs, position, 0.0)), position)
        return 1e3 * objective(design.law, natural, design.inputs, log_loss, kind)

    def around(start):
        return [(0.8 * middle, 1.2 * middle) for middle in start]

    own = np.where(logs, np.log(np.where(logs, params, 1.0)), params)
    theirs = (
        min(minimize(scaled, start, method="L-BFGS-B", bounds=around(start)).fun for start in [*starts, own])
        / 1e3
    )
    assert ours <= theirs * (1 + 1e-6)
    assert ours == pytest.approx(objective(design.law, params, design.inputs, log_loss, kind), rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["log", "raw"])
@pytest.mark.parametrize("name", LAWS_COMPARED)
def test_least_squares_are_scipys(name, kind):
    design, kind = DESIGNS[name], OBJECTIVES[kind]
    log_loss = design.log_losses(1, seed=6)[0]
    logs, starts = near(design, 1)

    def residuals(position):
        natural = np.where(logs, np.exp(np.where(logs, position, 0.0)), position)
        named = dict(zip(design.law.parameter_names, natural, strict=True))
        return kind.target(design.law.predict(named, design.inputs)) - kind.target(np.exp(log_loss))

    theirs = least_squares(residuals, starts[0], x_scale="jac", xtol=1e-15, ftol=1e-15, gtol=1e-15)
    params, ours = fitted(design, log_loss, kind)
    expected = np.where(logs, np.exp(np.where(logs, theirs.x, 0.0)), theirs.x)
    assert ours == pytest.approx(theirs.cost, rel=1e-8)
    np.testing.assert_allclose(params, expected, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["kaplan-nd", "chinchilla", "skaling", "broken-power", "epochs"])
def test_lanes_stop_only_once_they_have_arrived(name):
    """Sixty iterations from near the truth reach what two thousand reach, with any weights."""
    design = DESIGNS[name]
    rng = np.random.default_rng(0)
    weights = rng.multinomial(
        design.runs.max() + 1, np.full(design.runs.max() + 1, 1 / (design.runs.max() + 1)), 64
    )
    arguments = (design.law, np.tile(design.true, (64, 1)), design.inputs, design.log_losses(64, seed=2))
    short, long = (
        solve(*arguments, weights[:, design.runs].astype(float), iterations=iterations).objective
        for iterations in (60, 2000)
    )
    assert np.quantile(short / long, 0.9) <= 1 + 1e-9
    assert (short / long).max() <= 1 + 1e-3


@pytest.mark.slow
def test_pulled_lanes_come_to_their_targets_and_fixed_parameters_stay():
    log_loss, targets = GRID.log_losses(1)[0], np.array([1.4, 1.69, 1.9])
    starts = np.tile(GRID.true, (3, 1))
    pull = Pull(lambda p: p["L_inf"], targets, 1e6)
    pulled = solve(CHINCHILLA, starts, GRID.inputs, log_loss, 1.0, pull=pull, iterations=200)
    np.testing.assert_allclose(pulled.params[:, 0], targets, atol=1e-4)
    starts[:, 0] = targets
    fixed = solve(CHINCHILLA, starts, GRID.inputs, log_loss, 1.0, fixed=(True, *(False,) * 4), iterations=200)
    np.testing.assert_array_equal(fixed.params[:, 0], targets)
    np.testing.assert_allclose(pulled.objective, fixed.objective, rtol=1e-3)
    assert (fixed.objective[[0, 2]] > fixed.objective[1]).all()


def test_points_do_not_depend_on_how_many_share_the_program():
    """Blocks of points are filled up: one point fewer is the point without weight."""
    log_loss, weights = GRID.log_losses(1)[0], np.ones(len(GRID.runs))
    weights[-1] = 0
    fewer = {name: values[:-1] for name, values in GRID.inputs.items()}
    one = solve(CHINCHILLA, [GRID.true], GRID.inputs, log_loss, weights, with_sensitivity=True)
    other = solve(CHINCHILLA, [GRID.true], fewer, log_loss[:-1], 1.0, with_sensitivity=True)
    np.testing.assert_allclose(one.params, other.params, rtol=1e-9)
    np.testing.assert_allclose(one.sensitivity, other.sensitivity, rtol=1e-6)


def test_laws_that_differ_in_their_starts_share_a_program():
    assert _shared(QUICK) is _shared(CHINCHILLA)
    wider = replace(CHINCHILLA.parameters[0], upper=50.0)
    assert _shared(replace(QUICK, parameters=(wider, *QUICK.parameters[1:]))) is not _shared(CHINCHILLA)


def test_objective_is_the_sum_of_weighted_huber_terms():
    log_loss = KAPLAN.log_losses(1)[0]
    solution = solve(
        KAPLAN_N, [KAPLAN.true], KAPLAN.inputs, log_loss, 2 * np.ones(len(log_loss)), Objective(DELTA)
    )
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


@pytest.mark.slow
def test_noiseless_points_give_the_parameters_back():
    exact = np.log(CHINCHILLA.predict(GRID.params, GRID.inputs))
    solution = solve(CHINCHILLA, few_starts(CHINCHILLA), GRID.inputs, exact, np.ones(len(exact)))
    np.testing.assert_allclose(solution.params[solution.objective.argmin()], GRID.true, rtol=1e-6)


def test_damped_solution_and_inverse_are_those_of_the_dense_system():
    rng = np.random.default_rng(0)
    root, right, damping = rng.standard_normal((4, 5, 5)), rng.standard_normal((5, 4)), rng.uniform(0, 1, 4)
    matrix = root @ root.transpose(0, 2, 1)
    with float64_on_cpu():
        lower = [[jnp.asarray(matrix[:, i, j]) for j in range(i + 1)] for i in range(5)]
        free = [jnp.ones(4, bool)] * 5
        solved = solve_damped(lower, [jnp.asarray(row) for row in right], free, jnp.asarray(damping))
        held = [*free[:4], jnp.zeros(4, bool)]
        diagonal = [inverse_diagonal(lower, each, jnp.asarray(damping)) for each in (free, held)]
    damped = matrix * (1 + damping[:, None, None] * np.eye(5))
    expected = np.linalg.solve(damped, right.T[:, :, None])[:, :, 0].T
    np.testing.assert_allclose(np.stack(solved), expected, rtol=1e-9)
    inverse = np.diagonal(np.linalg.inv(damped), axis1=1, axis2=2).T
    np.testing.assert_allclose(np.stack(diagonal[0]), inverse, rtol=1e-9)
    inverse = np.diagonal(np.linalg.inv(damped[:, :4, :4]), axis1=1, axis2=2).T
    np.testing.assert_allclose(np.stack(diagonal[1]), [*inverse, np.zeros(4)], rtol=1e-9)


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
            np.log(CHINCHILLA.predict(dict(zip(CHINCHILLA.parameter_names, side, strict=True)), GRID.inputs))
            for side in sides
        )
        np.testing.assert_allclose(columns[:, j], (high - low) / (2 * step), rtol=1e-6, atol=1e-9)


def test_the_program_that_fits_gives_the_jacobian_of_scaled_residuals():
    design, rng = DESIGNS["chinchilla"], np.random.default_rng(0)
    scale, target = rng.uniform(1, 3, len(design.runs)), np.log(design.exact())
    data = Data(design.law, design.inputs, target, design.runs, Objective(), scale)
    own = jacobian(design.law, np.array(design.true), design.inputs)
    np.testing.assert_allclose(data.jacobian(np.array(design.true)), scale[:, None] * own, rtol=1e-12)


def test_chunks_wait_for_the_first_only_where_it_compiles():
    def in_caller(compiled: bool) -> list[bool]:
        ran = _in_threads(lambda first: (first, threading.get_ident()), range(0, 192, 64), compiled)
        assert [first for first, _ in ran] == [0, 64, 128]
        return [thread == threading.get_ident() for _, thread in ran]

    assert in_caller(compiled=False) == [True, False, False]
    assert in_caller(compiled=True) == [False, False, False]


def test_sensitivity_of_a_term_that_does_not_vary_is_nothing():
    n = np.geomspace(1e6, 1e9, 12)
    inputs = {"N": n, "E": np.full(12, 1e10)}
    log_loss = np.log(CHINCHILLA.predict(GRID.params, inputs))
    found = solve(CHINCHILLA, [GRID.true], inputs, log_loss, np.ones(12), with_sensitivity=True)
    sensitivity = found.sensitivity[0]
    assert (sensitivity[[0, 2, 4]] < 1e-5).all()  # L_inf, B, beta imitate each other
    assert (sensitivity[[1, 3]] > 1e-4).all()


def test_a_nested_law_is_searched_from_a_part_of_its_grid(monkeypatch, whole_grid):
    """Only its best minima are used; all 4,500 starts took a third of a fit of Skaling."""
    design, lanes = DESIGNS["skaling"], []
    scale = np.ones(len(design.runs))
    data = Data(design.law, design.inputs, np.log(design.exact()), design.runs, Objective(), scale)

    def record(data, starts, *args, **options):
        lanes.append(len(starts))
        return Solution(starts, np.arange(1.0, 1 + len(starts)), np.ones_like(starts), np.empty(0))

    monkeypatch.setattr(Data, "solve", record)
    data.nested_starts()
    assert lanes[0] == 512
