"""The training state and the compiled step."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import AbstractMesh, Mesh
from jaxtyping import Array

from quarry.checks import require
from quarry.model.sharding import (
    batch_sharding,
    batch_shards,
    laid_over,
    on_cpu,
    parameter_shardings,
    replicated,
)
from quarry.model.transformer import Params, abstract, build, mean_loss
from quarry.train.config.experiment import Experiment, same_programs
from quarry.train.run.optimizer import adamw

PROGRAMS_KEPT = 8
"""Compiled programs of one kind that a process holds on to, as a trunk and its branches share theirs."""


class TrainState(NamedTuple):
    """All that a checkpoint holds; data and schedule follow from `step`, the optimiser steps done.

    Arrays, or in their places shardings or shapes.
    """

    params: Any
    optimizer: Any
    step: Any


class StepMetrics(NamedTuple):
    """Of one step: mean loss in nats per token, length of the gradient before clipping."""

    loss: Any
    grad_norm: Any


class StepScalars(NamedTuple):
    """What runs of one compiled program differ in, beside their state and batch: scalars."""

    learning_rate: Any
    weight_decay: Any
    dropout_seed: Any


def step_scalars(experiment: Experiment, learning_rate: float) -> StepScalars:
    """The scalars of a step at `learning_rate`; what dropout drops follows from `seed_order`."""
    decay, seed = experiment.optimizer.weight_decay, experiment.seed_order % 2**32
    return StepScalars(np.float32(learning_rate), np.float32(decay), np.uint32(seed))


def init_state(experiment: Experiment) -> TrainState:
    """The state before the first step; a pure function of `seed_init`."""
    _, params = build(experiment.model, experiment.seed_init)
    masters = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), params)
    moments = adamw(experiment.optimizer, 0.0).init(masters)
    return TrainState(params, moments, jnp.zeros((), jnp.int32))


def state_shardings(experiment: Experiment, mesh: Mesh) -> TrainState:
    """A sharding for each array of the state: moments like their parameters, scalars everywhere."""
    return _state_shardings(same_programs(experiment), mesh)


@functools.lru_cache(maxsize=PROGRAMS_KEPT)
def _state_shardings(experiment: Experiment, mesh: Mesh) -> TrainState:
    _, shapes, axes = abstract(experiment.model)
    params = parameter_shardings(mesh, shapes, axes)
    optimizer = optax.tree_map_params(
        adamw(experiment.optimizer, 0.0),
        lambda _, sharding: sharding,
        _shapes(experiment).optimizer,
        params,
        transform_non_params=lambda _: replicated(mesh),
    )
    return TrainState(params, optimizer, replicated(mesh))


@functools.lru_cache(maxsize=PROGRAMS_KEPT)
def _shapes(experiment: Experiment) -> TrainState:
    return jax.eval_shape(lambda: init_state(experiment))


def make_state(experiment: Experiment, mesh: Mesh) -> TrainState:
    """The first state, laid out over the mesh."""
    return state_program(experiment, mesh)()


def state_program(experiment: Experiment, mesh: Mesh) -> Any:
    """The jitted making of the first state."""
    return jax.jit(lambda: init_state(experiment), out_shardings=state_shardings(experiment, mesh))


def abstract_state(experiment: Experiment, mesh: Mesh) -> TrainState:
    """Shapes, dtypes and shardings of the state, nothing allocated: what a restore needs."""
    return jax.tree.map(
        lambda leaf, sharding: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding),
        _shapes(same_programs(experiment)),
        state_shardings(experiment, mesh),
    )


def state_bytes(experiment: Experiment) -> int:
    """Size of the state, hence of a checkpoint."""
    leaves = jax.tree.leaves(_shapes(same_programs(experiment)))
    return sum(leaf.size * leaf.dtype.itemsize for leaf in leaves)


CPU_MICRO_BATCH_TOKENS = 512
"""On one core, at d_model 16 to 128, passes of 512 tokens took 0.70 to 0.83 of the time of passes of 1,024,
and shorter ones gained little more (experiments/results/LOG.md)."""


def micro_batch_rows(experiment: Experiment, mesh: Mesh | AbstractMesh) -> int:
    """The most sequences of one forward and backward pass, over all devices."""
    context, tokens = experiment.model.context, experiment.micro_batch_tokens
    if tokens is None:
        tokens = CPU_MICRO_BATCH_TOKENS if on_cpu(mesh) else experiment.batch_tokens
    return max(1, tokens // context) * batch_shards(mesh)


def micro_batches(experiment: Experiment, mesh: Mesh | AbstractMesh) -> int:
    """Passes per step: the fewest that cut every device's rows evenly and stay within `micro_batch_rows`.

    Raises ConfigError if the batch does not cut evenly over the devices.
    """
    rows, shards = experiment.batch_tokens // experiment.model.context, batch_shards(mesh)
    require(
        rows % shards == 0,
        f"batch_tokens = {experiment.batch_tokens} is {rows} sequences, not a multiple of {shards} devices",
    )
    most = micro_batch_rows(experiment, mesh)
    return next(n for n in range(1, rows + 1) if rows % (n * shards) == 0 and rows // n <= most)


def loss_and_gradient(
    graph: Any, params: Params, inputs_BxT: Array, targets_BxT: Array, key: Array | None = None
) -> tuple[Array, Params]:
    """Mean loss in nats per token and its gradient, in fp32 whatever the parameters are kept in.

    `key` decides what dropout drops.
    """

    loss_of = lambda params: mean_loss(graph, params, inputs_BxT, targets_BxT, key)  # noqa: E731
    loss, gradient = jax.value_and_grad(loss_of)(params)
    return loss, jax.tree.map(lambda leaf: leaf.astype(jnp.float32), gradient)


def mean_over_passes(
    graph: Any, params: Params, inputs_BxT: Array, targets_BxT: Array, passes: int, key: Array | None = None
) -> tuple[Array, Params]:
    """`loss_and_gradient` of a batch, in `passes` equal parts."""
    if passes == 1:
        return loss_and_gradient(graph, params, inputs_BxT, targets_BxT, key)
    split = lambda x: x.reshape(-1, passes, x.shape[1]).swapaxes(0, 1)  # noqa: E731

    def add(total, batch):
        return jax.tree.map(jnp.add, total, loss_and_gradient(graph, params, *batch)), None

    zero = (jnp.zeros(()), jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, jnp.float32), params))
    keys = None if key is None else jax.random.split(key, passes)
    total, _ = jax.lax.scan(add, zero, (split(inputs_BxT), split(targets_BxT), keys))
    return jax.tree.map(lambda leaf: leaf / passes, total)


def step_function(experiment: Experiment, mesh: Mesh) -> Callable[..., tuple[TrainState, StepMetrics]]:
    """The step: (state, inputs [B, T], targets [B, T], scalars) -> (state, metrics); pure.

    Gradients are averaged over `micro_batches` passes. What dropout drops follows from the seed, the step
    and the pass; so it changes with the micro-batch, as nothing else does.
    """
    graph, _, _ = abstract(experiment.model)
    passes = micro_batches(experiment, mesh)

    def step(state: TrainState, inputs_BxT: Array, targets_BxT: Array, scalars: StepScalars):
        key = dropout_key(experiment, scalars, state.step)
        with laid_over(mesh):
            loss, gradient = mean_over_passes(graph, state.params, inputs_BxT, targets_BxT, passes, key)
        optimizer = adamw(experiment.optimizer, scalars.weight_decay)
        updates, moments = optimizer.update(gradient, state.optimizer, state.params)
        rate = scalars.learning_rate
        params = jax.tree.map(lambda p, u: (p - rate * u).astype(p.dtype), state.params, updates)
        metrics = StepMetrics(loss, optax.tree.norm(gradient))
        return TrainState(params, moments, state.step + 1), metrics

    return step


def make_train_step(experiment: Experiment, mesh: Mesh) -> Callable[..., tuple[TrainState, StepMetrics]]:
    """`step_function`, jitted and laid out over the mesh; the state is donated."""
    states, rows, scalar = state_shardings(experiment, mesh), batch_sharding(mesh), replicated(mesh)
    return jax.jit(
        step_function(experiment, mesh),
        in_shardings=(states, rows, rows, StepScalars(scalar, scalar, scalar)),
        out_shardings=(states, StepMetrics(scalar, scalar)),
        donate_argnums=0,
    )


def compiled_step(experiment: Experiment, mesh: Mesh) -> Any:
    """The training step compiled ahead, once for all experiments of this process whose steps are the same."""
    return _compiled_step(same_programs(experiment), mesh)


@functools.lru_cache(maxsize=PROGRAMS_KEPT)
def _compiled_step(experiment: Experiment, mesh: Mesh) -> Any:
    return traced_step(experiment, mesh).lower().compile()


def traced_step(experiment: Experiment, mesh: Mesh) -> Any:
    """The training step traced for the shapes of the experiment, nothing allocated."""
    context = experiment.model.context
    rows = jax.ShapeDtypeStruct((experiment.batch_tokens // context, context), jnp.int32)
    scalars = step_scalars(experiment, 0.0)
    return make_train_step(experiment, mesh).trace(abstract_state(experiment, mesh), rows, rows, scalars)


def dropout_key(experiment: Experiment, scalars: StepScalars, step: Array) -> Array | None:
    """What decides what a step drops; None without dropout."""
    if not experiment.model.dropout:
        return None
    return jax.random.fold_in(jax.random.key(scalars.dropout_seed), step)
