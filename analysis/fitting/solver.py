"""Robust least squares from many starts at once: the fitting engine.

It minimises, for each lane (a start, or a bootstrap draw from a start) independently,

    sum_i weight_i * side_i * Huber_delta(scale_i * (log L(params, inputs_i) - log loss_i))

in one compiled float64 program (`levenberg_marquardt.py`). The sum, not the mean, of the Huber terms: a mean
shrinks the objective until an optimiser's tolerance stops it early (Besiroglu et al. 2024, arXiv 2404.10102).
`Objective` also offers plain squares, raw losses in place of logarithms, and a smaller cost (side_i) for
losses above the law.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from quarry.analysis.fitting.coordinates import to_natural, to_search
from quarry.analysis.fitting.levenberg_marquardt import (
    Form,
    Measurements,
    Problem,
    Settings,
    target_of,
    with_derivatives,
)
from quarry.analysis.fitting.objective import Objective
from quarry.analysis.fitting.precision import float64_on_cpu
from quarry.analysis.fitting.sensitivity import sensitivity
from quarry.cache import replace_damaged_programs
from quarry.cores import available_cores

if TYPE_CHECKING:
    from quarry.analysis.laws.law import Law, Values

ITERATIONS = 60

# Arrays of [lanes, points] in a chunk of this many lanes stay in a core's cache: 4,500 starts on 234 points
# took 2.6 s in chunks of 64 and 3.7 s in one piece. With many points fewer lanes do: 256 refits of 40,000
# points took 9.2 s of processor time in chunks of 64, 4.7 s in chunks of 8.
_LANES_PER_CHUNK, _LANES_OF_MANY_POINTS, _MANY_POINTS = 64, 8, 4096

# Points are padded to whole blocks, so that a fit without some of them runs the program compiled for all.
_POINTS_PER_BLOCK = 64

# Up to so many points the program is compiled at LLVM's first level of optimisation.
_FEW_POINTS = 256

# By formula and parameters without their starts.
_SHARED: dict[tuple[Any, ...], "Law"] = {}

# Form, lanes and points of the programs that this process has compiled.
_COMPILED: set[tuple[Form, int, int]] = set()


@dataclass(frozen=True)
class Solution:
    """The end of each lane: params [lanes, parameters], objective [lanes], and what was asked for of it.

    `jacobian` [lanes, points, parameters] is d residual / d parameter, per e-fold for `log` ones. A
    `sensitivity` [lanes, parameters] is the root mean square change of log loss over the weighted points, per
    unit of a parameter (per e-fold for `log` ones), less the change that the other parameters can imitate. At
    zero the points do not determine the parameter. What was not asked for is empty.
    """

    params: np.ndarray
    objective: np.ndarray
    sensitivity: np.ndarray
    jacobian: np.ndarray


@dataclass(frozen=True)
class Pull:
    """A function of the parameters pulled to a target in each lane, by a penalty that is not reported.

    The penalty is stiffness (value(params) - target)^2 / 2; targets [lanes].
    """

    value: "Callable[[Values], Any]"
    targets: np.ndarray
    stiffness: float


def solve(
    law: "Law",
    starts: Any,
    inputs: Mapping[str, Any],
    target: Any,
    weights: Any,
    objective: Objective = Objective(),  # noqa: B008 (frozen)
    *,
    scale: Any = 1.0,
    fixed: tuple[bool, ...] | None = None,
    pull: Pull | None = None,
    iterations: int = ITERATIONS,
    with_sensitivity: bool = False,
    with_jacobian: bool = False,
) -> Solution:
    """Fit `law` from every start. All arrays float64.

    Shapes: starts [lanes, parameters] in natural units, inputs [points] each, target (the response, or its
    logarithm if the objective is logarithmic) and weights [points] or [lanes, points], scale [points].
    Parameters that are `fixed` stay where they start. A lane whose start has no finite objective keeps
    objective inf. Raises ValueError without a start.
    """
    theta = to_search(law, np.asarray(starts, np.float64))
    lanes, points = len(theta), len(inputs[law.inputs[0]])
    if lanes == 0:
        raise ValueError("solve needs at least one start")
    target, weights = (
        np.broadcast_to(np.asarray(array, np.float64), (lanes, points)) for array in (target, weights)
    )
    pull_targets = np.zeros(lanes) if pull is None else np.asarray(pull.targets, np.float64)
    columns, real = _padded_points(points)
    rows = _rows(law, inputs, columns)
    row_scale = np.broadcast_to(np.asarray(scale, np.float64), (points,))[None, columns]
    form = Form(_shared(law), objective.logarithmic, pull.value if pull else None)
    stay = np.array(fixed or (False,) * len(law.parameters))
    settings = Settings(objective.delta, objective.above, pull.stiffness if pull else 0.0, iterations, stay)

    size = _LANES_OF_MANY_POINTS if points > _MANY_POINTS else _LANES_PER_CHUNK

    def chunk(first: int) -> tuple[np.ndarray, ...]:
        some = np.minimum(np.arange(first, first + size), lanes - 1)  # one shape: one compilation
        measured = Measurements(
            rows, row_scale, target[some][:, columns], weights[some][:, columns] * real, pull_targets[some]
        )
        with float64_on_cpu():
            solved = _solver(len(columns) <= _FEW_POINTS)(form, theta[some], measured, settings)
            ends, reached, slopes = jax.tree.map(np.asarray, solved)
        felt = sensitivity(measured.weights, slopes) if with_sensitivity else ends[:, :0]
        own = slice(min(size, lanes - first) if with_jacobian else 0)  # those behind them repeat the last
        derivatives = np.stack([each[own, :points] for each in slopes], axis=-1)
        return ends, reached, felt, derivatives

    program = form, size, len(columns)
    chunks = _in_threads(chunk, range(0, lanes, size), program in _COMPILED)
    _COMPILED.add(program)
    ends, *others = (np.concatenate(part)[:lanes] for part in zip(*chunks, strict=True))
    return Solution(to_natural(law, ends), *others)


def jacobian(law: "Law", params: np.ndarray, inputs: Mapping[str, Any]) -> np.ndarray:
    """d log loss / d parameter (per e-fold for `log` ones) at one set of params: [points, parameters]."""
    points = len(inputs[law.inputs[0]])
    rows = _rows(law, inputs, _padded_points(points)[0])
    theta = to_search(law, np.asarray(params))[:, None]
    with float64_on_cpu():
        # Called a few times for each law: compiled without optimization, in a quarter of the time.
        columns = _compiled(_derivatives, 0)(Form(_shared(law), True, None), theta, rows)
        return np.concatenate([np.asarray(column) for column in columns]).T[:points]


def _shared(law: "Law") -> "Law":
    """One law for all that differ in where their search starts, so that they share a compiled program."""
    return _SHARED.setdefault((law.predict, tuple(replace(p, starts=()) for p in law.parameters)), law)


def _rows(law: "Law", inputs: Mapping[str, Any], columns: np.ndarray) -> dict[str, np.ndarray]:
    """The law's inputs, [1, points] each."""
    return {name: np.asarray(inputs[name], np.float64)[None, columns] for name in law.inputs}


def _padded_points(points: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the points, the last one repeated to fill the block, and a mask without the repeats."""
    whole = -(-points // _POINTS_PER_BLOCK) * _POINTS_PER_BLOCK
    return np.minimum(np.arange(whole), points - 1), np.arange(whole) < points


def _in_threads(chunk: Callable[[int], Any], firsts: range, compiled: bool) -> list[Any]:
    """`chunk` of each; the first alone unless the program that all share is `compiled`."""
    alone = 0 if compiled and len(firsts) > 1 else 1
    done = [chunk(first) for first in firsts[:alone]]
    if len(firsts) == 1:
        return done
    with ThreadPoolExecutor(len(available_cores())) as pool:
        return [*done, *pool.map(chunk, firsts[alone:])]


def _derivatives(form: Form, theta: Array, inputs: Mapping[str, Array]) -> list[Array]:
    return with_derivatives(lambda theta: target_of(form, inputs, theta), theta)[1]


def _solve_chunk(form: Form, theta: Array, measured: Measurements, settings: Settings):
    return Problem(form, measured, settings).solve(theta.T)


@cache
def _solver(few: bool) -> Callable[..., tuple[Array, Array, list[Array]]]:
    """The compiled chunk, for `few` points by LLVM's first level.

    Compilation is most of a small fit: `skaling` takes 3.4 s by the level, 5.2 s without. Its program takes
    up to a quarter longer on 770 points.
    """
    return _compiled(_solve_chunk, 1 if few else None)


@cache
def _compiled(function: Callable[..., Any], level: int | None) -> Callable[..., Any]:
    """A function of a form and arrays, compiled by XLA's older emitter of loops and at LLVM's `level`.

    Both shorten the compilation. The emitter's program runs as fast. A jaxlib that does not know the first
    option has only one emitter.
    """
    replace_damaged_programs()
    options = {"xla_cpu_use_fusion_emitters": False}
    options |= {} if level is None else {"xla_backend_optimization_level": level}
    with suppress(jax.errors.JaxRuntimeError):
        jax.jit(jnp.negative, compiler_options=options).lower(0.0).compile()
        return jax.jit(function, static_argnums=0, compiler_options=options)
    return jax.jit(function, static_argnums=0)
