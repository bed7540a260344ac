"""The step of a run as a program: what it reads, its layout, compiled once for all runs that share it."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from quarry.model.sharding import batch_sharding, replicated
from quarry.train.config.experiment import PROGRAMS_KEPT, Experiment, same_programs
from quarry.train.run.choosing import choosing_first
from quarry.train.run.step import abstract_state, state_shardings, step_function, step_scalars
from quarry.train.run.train_state import StepMetrics, StepScalars, TrainState


def whole_step(experiment: Experiment, mesh: Mesh) -> Callable[..., tuple[TrainState, StepMetrics]]:
    """(state, *what `batch_shapes` says, scalars) -> (state, metrics): it chooses first by an online rule."""
    step = step_function(experiment, mesh)
    return choosing_first(step, experiment, mesh) if experiment.online else step


def make_train_step(experiment: Experiment, mesh: Mesh) -> Callable[..., tuple[TrainState, StepMetrics]]:
    """`whole_step`, jitted and laid out over the mesh; the state is donated."""
    states, rows, scalar = state_shardings(experiment, mesh), batch_sharding(mesh), replicated(mesh)
    read = [rows] * len(batch_shapes(experiment))
    return jax.jit(
        whole_step(experiment, mesh),
        in_shardings=(states, *read, StepScalars(scalar, scalar, scalar)),
        out_shardings=(states, StepMetrics(scalar, scalar, scalar, scalar)),
        donate_argnums=0,
    )


def compiled_step(experiment: Experiment, mesh: Mesh) -> Any:
    """The training step, compiled once for all experiments of this process with the same step."""
    return _compiled_step(same_programs(experiment), mesh)


@functools.lru_cache(maxsize=PROGRAMS_KEPT)
def _compiled_step(experiment: Experiment, mesh: Mesh) -> Any:
    return traced_step(experiment, mesh).lower().compile()


def traced_step(experiment: Experiment, mesh: Mesh) -> Any:
    """The training step traced for the shapes of the experiment; nothing is allocated."""
    states, scalars = abstract_state(experiment, mesh), step_scalars(experiment, 0.0)
    return make_train_step(experiment, mesh).trace(states, *batch_shapes(experiment), scalars)


def batch_shapes(experiment: Experiment) -> tuple[jax.ShapeDtypeStruct, ...]:
    """What a step reads: inputs and targets [B, T]; of C candidates [C, T], also losses to subtract [C]."""
    context = experiment.model.context
    count = experiment.batch_tokens // context * experiment.candidates
    rows = jax.ShapeDtypeStruct((count, context), jnp.int32)
    losses = (jax.ShapeDtypeStruct((count,), jnp.float32),) if experiment.online else ()
    return rows, rows, *losses
