"""Several points of one shape in one program: the training step, vmapped over members.

    python -m tests.benchmarks.stacked 64 2 2 8 5

prints as JSON tokens per second of 1 member and of 8 together: width, layers, heads, members, seconds. A GPU
has room for many points of a million parameters at once; whether that is faster, this measures.
"""

import dataclasses
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from model.config import modern
from model.sharding import make_mesh
from tests.benchmarks.contenders import CONTEXT, VOCABULARY, median_rate
from train.experiment import Experiment
from train.platform import cache_directory, prepare
from train.step import TrainState, init_state, step_function

ROWS = 8


def stacked_states(experiments: Sequence[Experiment]) -> TrainState:
    """The first states of all members, each array [members, ...]."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *map(init_state, experiments))


def stacked_step(experiment: Experiment) -> Callable[..., Any]:
    """A step of M members: (states, inputs [M, B, T], targets [M, B, T], rates [M]) -> (states, metrics)."""
    return jax.jit(jax.vmap(step_function(experiment, make_mesh(experiment.mesh))), donate_argnums=0)


def rate(experiment: Experiment, members: int, seconds: float) -> float:
    """Tokens per second of all members together."""
    step = stacked_step(experiment)
    seeds = [dataclasses.replace(experiment, seed_init=seed) for seed in range(members)]
    held = [stacked_states(seeds)]
    rates = jnp.full(members, 1e-3)

    def once(inputs: np.ndarray, targets: np.ndarray) -> None:
        held[0], metrics = step(held[0], inputs, targets, rates)
        jax.block_until_ready(metrics)

    return median_rate(once, (members, ROWS), seconds)


def main(width: int, layers: int, heads: int, members: int, seconds: float) -> dict[int, float]:
    """Members -> tokens per second."""
    dtype = "float32" if jax.default_backend() == "cpu" else "bfloat16"
    shape = modern(width, layers, heads, context=CONTEXT, vocab_size=VOCABULARY, compute_dtype=dtype)
    experiment = Experiment(model=shape, batch_tokens=ROWS * CONTEXT)
    return {count: rate(experiment, count, seconds) for count in (1, members)}


if __name__ == "__main__":
    prepare(Path(cache_directory()))
    *numbers, length = sys.argv[1:]
    print(json.dumps(main(*map(int, numbers), float(length))))
