"""The first training state and the step."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh
from jaxtyping import Array

from quarry.model.layers import seed_words, words_key
from quarry.model.sharding import parameter_shardings, replicated, use_mesh
from quarry.model.transformer import Params, abstract, build_from_key, mean_loss
from quarry.train.config.experiment import PROGRAMS_KEPT, Experiment, same_programs
from quarry.train.record.gradient_noise import gradient_noise
from quarry.train.run.micro_batches import micro_batches
from quarry.train.run.optimizer import adamw
from quarry.train.run.train_state import StepMetrics, StepScalars, TrainState


def step_scalars(experiment: Experiment, learning_rate: float) -> StepScalars:
    """The scalars of a step at `learning_rate`; the dropout seed, of 32 bits, follows from `seed_order`."""
    decay, seed = experiment.optimizer.weight_decay, experiment.seed_order
    if seed >= 2**32:
        seed = np.random.SeedSequence(seed).generate_state(1)[0]
    return StepScalars(np.float32(learning_rate), np.float32(decay), np.uint32(seed))


def init_state(experiment: Experiment, seed: Array) -> TrainState:
    """The state before the first step; a pure function of the `seed_words` [2] of `seed_init`."""
    _, params = build_from_key(experiment.model, words_key(seed))
    masters = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), params)
    moments = adamw(experiment, 0.0).init(masters)
    return TrainState(params, moments, jnp.zeros((), jnp.int32))


def state_shardings(experiment: Experiment, mesh: Mesh) -> TrainState:
    """A sharding for each array of the state: moments as their parameters, scalars replicated."""
    return _state_shardings(same_programs(experiment), mesh)


@functools.lru_cache(maxsize=PROGRAMS_KEPT)
def _state_shardings(experiment: Experiment, mesh: Mesh) -> TrainState:
    _, shapes, axes = abstract(experiment.model)
    params = parameter_shardings(mesh, shapes, axes)
    optimizer = optax.tree_map_params(
        adamw(experiment, 0.0),
        lambda _, sharding: sharding,
        _shapes(experiment).optimizer,
        params,
        transform_non_params=lambda _: replicated(mesh),
    )
    return TrainState(params, optimizer, replicated(mesh))


@functools.lru_cache(maxsize=PROGRAMS_KEPT)
def _shapes(experiment: Experiment) -> TrainState:
    """Shapes and dtypes of `init_state`, without tracing how the parameters are drawn."""
    _, shapes, _ = abstract(experiment.model)
    masters = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, jnp.float32), shapes)
    moments = jax.eval_shape(adamw(experiment, 0.0).init, masters)
    return TrainState(shapes, moments, jax.ShapeDtypeStruct((), jnp.int32))


def make_state(experiment: Experiment, mesh: Mesh) -> TrainState:
    """The first state, laid out over the mesh."""
    return state_program(experiment, mesh)(seed_words(experiment.seed_init))


def state_program(experiment: Experiment, mesh: Mesh) -> Any:
    """The jitted function that makes the first state from the `seed_words` [2]: one program for all seeds."""
    return _state_program(same_programs(experiment), mesh)


@functools.lru_cache(maxsize=PROGRAMS_KEPT)
def _state_program(experiment: Experiment, mesh: Mesh) -> Any:
    return jax.jit(
        functools.partial(init_state, experiment),
        in_shardings=replicated(mesh),
        out_shardings=_state_shardings(experiment, mesh),
    )


def abstract_state(experiment: Experiment, mesh: Mesh) -> TrainState:
    """Shapes, dtypes and shardings of the state, as a restore needs them; nothing is allocated."""
    return jax.tree.map(
        lambda leaf, sharding: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding),
        _shapes(same_programs(experiment)),
        state_shardings(experiment, mesh),
    )


def state_bytes(experiment: Experiment) -> int:
    """Bytes of the state, hence of a checkpoint."""
    leaves = jax.tree.leaves(_shapes(same_programs(experiment)))
    return sum(leaf.size * leaf.dtype.itemsize for leaf in leaves)


def loss_and_gradient(
    graph: Any, params: Params, inputs_BxT: Array, targets_BxT: Array, key: Array | None = None
) -> tuple[Array, Params]:
    """Mean loss in nats per token and its gradient, in fp32 for any parameter dtype.

    `key` is the random key of dropout.
    """

    loss_of = lambda params: mean_loss(graph, params, inputs_BxT, targets_BxT, key)  # noqa: E731
    loss, gradient = jax.value_and_grad(loss_of)(params)
    return loss, jax.tree.map(lambda leaf: leaf.astype(jnp.float32), gradient)


def mean_over_passes(
    graph: Any, params: Params, inputs_BxT: Array, targets_BxT: Array, passes: int, key: Array | None = None
) -> tuple[Array, Params, Array]:
    """`loss_and_gradient` of a batch, averaged over `passes` equal parts, and the mean square norm of their
    gradients."""
    if passes == 1:
        loss, gradient = loss_and_gradient(graph, params, inputs_BxT, targets_BxT, key)
        return loss, gradient, optax.tree.norm(gradient, squared=True)
    split = lambda x: x.reshape(-1, passes, x.shape[1]).swapaxes(0, 1)  # noqa: E731

    def add(total, batch):
        loss, gradient = loss_and_gradient(graph, params, *batch)
        part = loss, gradient, optax.tree.norm(gradient, squared=True)
        return jax.tree.map(jnp.add, total, part), None

    gradient = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, jnp.float32), params)
    zero = jnp.zeros(()), gradient, jnp.zeros(())
    keys = None if key is None else jax.random.split(key, passes)
    total, _ = jax.lax.scan(add, zero, (split(inputs_BxT), split(targets_BxT), keys))
    return jax.tree.map(lambda leaf: leaf / passes, total)


def step_function(experiment: Experiment, mesh: Mesh) -> Callable[..., tuple[TrainState, StepMetrics]]:
    """The step: (state, inputs [B, T], targets [B, T], scalars) -> (state, metrics); pure.

    Gradients are averaged over `micro_batches` passes. The dropout masks follow from the seed, the step and
    the pass: they alone change with the size of the micro-batch.
    """
    graph, _, _ = abstract(experiment.model)
    passes = micro_batches(experiment, mesh)

    def step(state: TrainState, inputs_BxT: Array, targets_BxT: Array, scalars: StepScalars):
        key = dropout_key(experiment, scalars, state.step)
        with use_mesh(mesh):
            loss, gradient, square = mean_over_passes(
                graph, state.params, inputs_BxT, targets_BxT, passes, key
            )
        optimizer = adamw(experiment, scalars.weight_decay)
        updates, moments = optimizer.update(gradient, state.optimizer, state.params)
        rate = scalars.learning_rate
        params = jax.tree.map(lambda p, u: (p - rate * u).astype(p.dtype), state.params, updates)
        norm, tokens = optax.tree.norm(gradient), inputs_BxT.size
        metrics = StepMetrics(loss, norm, *gradient_noise(square, norm**2, tokens / passes, tokens))
        return TrainState(params, moments, state.step + 1), metrics

    return step


def dropout_key(experiment: Experiment, scalars: StepScalars, step: Array) -> Array | None:
    """The random key of a step's dropout; None without dropout."""
    if not experiment.model.dropout:
        return None
    return jax.random.fold_in(jax.random.key(scalars.dropout_seed), step)
