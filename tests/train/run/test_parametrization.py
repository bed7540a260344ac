"""muP and CompleteP: the standard parametrization at the base, activations that change alike away from it."""

import dataclasses

import jax
import numpy as np
import pytest

from quarry.model.config import modern
from quarry.model.sharding import make_mesh
from quarry.train.config.experiment import Experiment, OptimizerConfig
from quarry.train.inspect.coordinates import coordinate_check, slopes
from quarry.train.run.programs import compiled_step
from quarry.train.run.step import make_state, step_scalars

BASE = Experiment(
    model=modern(16, 1, 2, context=8, vocab_size=32, base_d_model=16, base_n_layers=1),
    batch_tokens=64,
    optimizer=OptimizerConfig(learning_rate=2**-6, weight_decay=0.5, epsilon=1e-3),
)
TOKENS = np.random.default_rng(0).integers(0, 32, (4, 8, 1)) + np.arange(9) % 2
"""Four batches of eight sequences that alternate between a number and the next."""


def shaped(**fields) -> Experiment:
    return dataclasses.replace(BASE, model=dataclasses.replace(BASE.model, **fields))


def after_one_step(experiment: Experiment):
    """The parameters before and after a step."""
    mesh = make_mesh(experiment.mesh)
    state = make_state(experiment, mesh)
    first = jax.device_get(state.params)
    scalars = step_scalars(experiment, experiment.optimizer.learning_rate)
    rows = TOKENS[0].astype(np.int32) % 32
    after, _ = compiled_step(experiment, mesh)(state, rows[:, :-1], rows[:, 1:], scalars)
    return first, jax.device_get(after.params)


@pytest.mark.slow
def test_at_the_base_all_parametrizations_are_one():
    first, after = after_one_step(BASE)
    for name in ("mup", "completep"):
        same = after_one_step(shaped(parametrization=name))
        jax.tree.map(np.testing.assert_array_equal, (first, after), same)


@pytest.mark.slow
def test_rate_and_epsilon_follow_the_ratios_and_decay_does_not():
    """Adam's first step changes a weight by rate / ratio x g / (|g| + epsilon); decay is rate x decay."""
    experiment = shaped(d_model=64, n_layers=4, parametrization="completep")
    first, after = after_one_step(experiment)
    rate, decay = experiment.optimizer.learning_rate, experiment.optimizer.weight_decay
    largest = jax.tree.map(lambda old, new: abs(new - old * (1 - rate * decay)).max() / rate, first, after)
    assert 0.1 / 4 < largest["blocks"]["feed_forward"]["down"]["kernel"] <= 1 / 4 + 1e-3
    assert all(0.5 < largest[name] <= 1 + 1e-3 for name in ("embedding", "head"))


@pytest.mark.slow
def test_activations_change_alike_at_every_width_by_mup_and_more_in_wider_models_without():
    found = {}
    for name in ("standard", "mup"):
        experiment = shaped(parametrization=name)
        changes = coordinate_check(experiment, [(16, 1), (128, 1)], TOKENS.astype(np.int32) % 32)
        found[name] = slopes(changes, "d_model", step=len(TOKENS) - 1)
    print(found)
    assert found["standard"]["last block"] > 0.45
    assert abs(found["mup"]["last block"]) < 0.3
