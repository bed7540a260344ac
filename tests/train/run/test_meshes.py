"""The same training and evaluation on every mesh, scanned or unrolled, rematerialised or not."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.quick_compile import QUICK_COMPILE, QUICK_FLAGS

pytestmark = pytest.mark.slow

CASES = """
import dataclasses, hashlib, sys
import jax, jax.numpy as jnp, numpy as np
from quarry.model.config import MeshConfig, modern
from quarry.model.sharding import make_mesh
from quarry.train.config.experiment import DataConfig, Experiment
from quarry.train.run.programs import make_train_step
from quarry.train.run.step import make_state, state_shardings, step_scalars

model = modern(16, 2, 2, context=8, vocab_size=32)
experiment = Experiment(model=model, batch_tokens=128, micro_batch_tokens=16)

def case(sizes, scan, remat, first=None):
    devices = jax.devices()[: np.prod(sizes)]
    chosen = dataclasses.replace(
        experiment,
        model=dataclasses.replace(model, scan_layers=scan, remat=remat),
        mesh=MeshConfig(*sizes),
        micro_batch_tokens=16 if len(devices) > 1 else 64,
    )
    mesh = make_mesh(chosen.mesh, devices)
    shardings = state_shardings(chosen, mesh)
    state = make_state(chosen, mesh) if first is None else jax.device_put(first, shardings)
    specs = " ".join(str(leaf.sharding.spec) for leaf in jax.tree.leaves(state))
    assert all(axis in specs for axis in ("fsdp", "tensor")), specs
    return chosen, mesh, state

assert jax.device_count() == 8
first = ((1, 1, 1), False, "none")
others = [((1, 1, 1), True, "full"), ((8, 1, 1), False, "dots"), ((2, 4, 1), True, "none"),
          ((2, 2, 2), False, "none")]
"""
FIRST_STATES = (
    CASES
    + """
def digest(each):
    leaves = jax.tree.leaves(case(*each)[2])
    return hashlib.sha256(b"".join(np.asarray(leaf).tobytes() for leaf in leaves)).hexdigest()

expected = digest(first)
for each in others:
    assert digest(each) == expected, each
"""
)
LOSSES = (
    CASES
    + """
begin = jax.device_get(case(*first)[2])  # the same on every mesh, by the test before

def losses(each, steps=25, **fields):
    chosen, mesh, state = case(*each, begin)
    chosen = dataclasses.replace(chosen, **fields)
    step, found, rows = make_train_step(chosen, mesh), [], 16 * chosen.candidates
    subtracted = [jnp.zeros(rows)] if chosen.online else []
    for i in range(steps):
        tokens = jax.random.randint(jax.random.key(i), (rows, 9), 0, 32)
        scalars = step_scalars(chosen, 1e-2)
        state, metrics = step(state, tokens[:, :-1], tokens[:, 1:], *subtracted, scalars)
        found.append(float(metrics.loss))
    return np.array(found)

expected = losses(first)
for each in others:
    found = losses(each)
    print(each, np.abs(found - expected).max())
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5, err_msg=str(each))

online = {"steps": 8, "data": DataConfig(selection="online:loss?candidates=2")}
np.testing.assert_allclose(losses(others[3], **online), losses(first, **online), rtol=0, atol=1e-5)
"""
)


EVALUATION = """
import os, sys
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])  # as `quarry train` runs on a CPU
import dataclasses
from pathlib import Path
import jax, numpy as np
from quarry.model.config import MeshConfig, modern
from quarry.model.sharding import make_mesh
from quarry.train.config.experiment import Experiment
from quarry.train.data.store_building import prepare_tokens
from quarry.train.run.evaluation import Evaluator
from quarry.train.run.step import make_state, state_shardings

store = prepare_tokens("sotu", "bytes", Path(sys.argv[1]))
experiment = Experiment(model=modern(16, 2, 2, context=8), batch_tokens=128, micro_batch_tokens=16)
params = jax.device_get(make_state(experiment, make_mesh(experiment.mesh, jax.devices()[:1])).params)
losses = {}
for sizes in [(1, 1, 1), (8, 1, 1), (1, 8, 1), (1, 1, 8), (2, 4, 1), (2, 2, 2)]:
    chosen = dataclasses.replace(experiment, mesh=MeshConfig(*sizes))
    mesh = make_mesh(chosen.mesh, jax.devices()[: np.prod(sizes)])
    evaluate = Evaluator(chosen, mesh, store, "validation", 4096)
    losses[sizes] = evaluate(jax.device_put(params, state_shardings(chosen, mesh).params)).loss
print(losses)
np.testing.assert_allclose(list(losses.values()), losses[1, 1, 1], rtol=1e-6)
"""


def on_eight_devices(code, cache, flags=QUICK_FLAGS):
    """Run `code` on eight virtual devices, in a process of its own: XLA reads their number once."""
    environment = QUICK_COMPILE | {
        "PATH": "/usr/bin:/bin",
        "HOME": str(cache),
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": str(ROOT),
        "XLA_FLAGS": f"--xla_force_host_platform_device_count=8 {flags}",
    }
    command = [sys.executable, "-c", code, str(cache)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout)


def test_the_first_state_is_the_same_on_every_mesh_bit_for_bit(cache):
    """Compiled as users' is: the older emitter rounds by the mesh."""
    on_eight_devices(FIRST_STATES, cache, flags="")


def test_losses_are_equal_on_every_mesh(cache):
    on_eight_devices(LOSSES, cache)


def test_evaluation_of_many_batches_ends_on_every_mesh_with_the_same_loss(cache):
    """XLA's collectives on CPUs wait for all devices, and abort after 40 s if one core cannot start them."""
    on_eight_devices(EVALUATION, cache)
