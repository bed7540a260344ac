"""Points in one program, as the benchmark stacks them, train as they do alone."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from model.config import modern
from model.sharding import make_mesh
from tests.benchmarks.stacked import stacked_states, stacked_step
from train.experiment import Experiment
from train.step import init_state, make_train_step

POINT = Experiment(model=modern(16, 2, 2, context=32), batch_tokens=128, micro_batch_tokens=64)


def test_members_of_a_stack_train_as_they_do_alone():
    points = [dataclasses.replace(POINT, seed_init=seed) for seed in range(3)]
    tokens = jax.random.randint(jax.random.key(0), (5, 2, 3, 4, 32), 0, 256)
    rates = jnp.asarray([1e-3, 3e-3, 1e-2])
    step, states, together = stacked_step(POINT), stacked_states(points), []
    for inputs, targets in tokens:
        states, metrics = step(states, inputs, targets, rates)
        together.append(metrics.loss)
    for number, point in enumerate(points):
        alone, state = make_train_step(point, make_mesh(point.mesh)), init_state(point)
        for losses, (inputs, targets) in zip(together, tokens, strict=True):
            state, metrics = alone(state, inputs[number], targets[number], rates[number])
            np.testing.assert_allclose(losses[number], metrics.loss, rtol=1e-5)
