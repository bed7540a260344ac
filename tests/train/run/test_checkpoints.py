"""Checkpoints: what is saved is what is read, damage is found and set aside, and the policy is kept."""

import gc
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from quarry.errors import ConfigError
from quarry.train.config.experiment import CheckpointConfig, Experiment
from quarry.train.config.point_files import Point
from quarry.train.record.files import read_jsonl
from quarry.train.record.progress import Quiet
from quarry.train.record.run_directory import RunDirectory
from quarry.train.run.checkpoints import Checkpoints, permanent_steps
from quarry.train.run.fingerprint import fingerprint, words_on_devices
from quarry.train.run.loop import train
from quarry.train.run.train_state import TrainState
from tests.conftest import ROOT
from tests.train.run.test_loop import Watch, rows_of
from tests.train.tiny import tiny_point


def state_at(step: int) -> TrainState:
    weights = jax.random.normal(jax.random.key(step), (300, 70))
    return TrainState({"w": weights, "b": weights[0].astype(jnp.bfloat16)}, (weights**2,), jnp.int32(step))


ABSTRACT = jax.tree.map(
    lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding), state_at(0)
)


def opened(folder: Path, permanent=(), **config) -> tuple[Checkpoints, list]:
    said = []
    checkpoints = Checkpoints(
        folder, CheckpointConfig(**config), permanent, lambda *report: said.append(report)
    )
    return checkpoints, said


def largest(folder: Path) -> Path:
    return max((file for file in folder.rglob("*") if file.is_file()), key=lambda file: file.stat().st_size)


def flip(file: Path, place: float = 0.5) -> None:
    content = bytearray(file.read_bytes())
    content[int(place * len(content))] ^= 0x10
    file.write_bytes(content)


def strip(folder: Path, name: str) -> None:
    for file in list(folder.rglob(name)):
        shutil.rmtree(file) if file.is_dir() else file.unlink()


DAMAGE = {
    "a flipped bit in the arrays": lambda folder: flip(largest(folder)),
    "a truncated array file": lambda folder: os.truncate(largest(folder), 1000),
    "an empty array file": lambda folder: os.truncate(largest(folder), 0),
    "a missing array file": lambda folder: largest(folder).unlink(),
    "a flipped bit in the seal": lambda folder: flip(folder / "seal" / "metadata"),
    "no seal": lambda folder: strip(folder, "seal"),
    "a flipped bit in the index": lambda folder: flip(folder / "state" / "manifest.ocdbt"),
    "no index": lambda folder: strip(folder / "state", "manifest.ocdbt"),
    "a flipped bit in the metadata": lambda folder: flip(folder / "state" / "_METADATA", 0.1),
    "nothing in it": lambda folder: [shutil.rmtree(folder), folder.mkdir()],
}
HARMLESS = {
    "a flipped bit in the list of items": lambda folder: flip(folder / "_CHECKPOINT_METADATA", 0.1),
    "an empty list of items": lambda folder: os.truncate(folder / "_CHECKPOINT_METADATA", 0),
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    """Three good checkpoints, of steps 1, 2, 3."""
    folder = tmp_path_factory.mktemp("saved")
    checkpoints, _ = opened(folder, keep=3)
    for step in (1, 2, 3):
        checkpoints.save(state_at(step))
    checkpoints.close()
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_checkpoint_is_set_aside_and_the_one_before_it_is_used(saved, tmp_path, capfd, name):
    folder = tmp_path / "checkpoints"
    shutil.copytree(saved, folder)
    DAMAGE[name](folder / "3")
    checkpoints, said = opened(folder)
    found = checkpoints.newest(ABSTRACT, lambda *_: None)
    assert found is not None
    state, step = found
    assert step == 2
    assert jax.tree.all(jax.tree.map(lambda a, b: bool((a == b).all()), state, state_at(2)))
    assert (folder / "damaged-3").is_dir()
    assert not (folder / "3").exists()
    assert [(event, step) for event, step, _ in said] == [("damaged", 3)]
    assert "the checkpoint of step 3 is set aside in" in said[0][2]
    checkpoints.close()
    gc.collect()
    assert capfd.readouterr().err == "", "Orbax and TensorStore print nothing beside the sentence"


@pytest.mark.parametrize("name", HARMLESS)
def test_damage_to_what_is_not_needed_is_no_damage(saved, tmp_path, name):
    folder = tmp_path / "checkpoints"
    shutil.copytree(saved, folder)
    HARMLESS[name](folder / "3")
    found = opened(folder)[0].newest(ABSTRACT, lambda *_: None)
    assert found is not None
    state, step = found
    assert step == 3
    assert jax.tree.all(jax.tree.map(lambda a, b: bool((a == b).all()), state, state_at(3)))


def test_no_good_checkpoint_means_none(saved, tmp_path):
    folder = tmp_path / "checkpoints"
    shutil.copytree(saved, folder)
    for step in (1, 2, 3):
        flip(largest(folder / str(step)))
    checkpoints, said = opened(folder)
    assert checkpoints.newest(ABSTRACT, lambda *_: None) is None
    assert [step for _, step, _ in said] == [3, 2, 1]
    checkpoints.save(state_at(3))
    checkpoints.close()
    assert opened(folder)[0].newest(ABSTRACT, lambda *_: None) is not None


def test_a_checkpoint_beyond_the_record_is_not_used(saved, tmp_path):
    folder = tmp_path / "checkpoints"
    shutil.copytree(saved, folder)
    checkpoints, said = opened(folder)
    ends = "the record of the run ends before it"
    found = checkpoints.newest(ABSTRACT, lambda step, facts: None if step < 3 else ends)
    assert found is not None
    assert found[1] == 2
    assert "the record of the run ends before it" in said[0][2]


def test_the_state_of_another_model_is_refused_not_set_aside(saved):
    checkpoints, said = opened(saved)
    other = ABSTRACT._replace(params={"w": ABSTRACT.params["w"]})
    with pytest.raises(ConfigError, match="holds the state of another model"):
        checkpoints.newest(other, lambda *_: None)
    assert said == []
    assert (saved / "3").is_dir()


def test_the_newest_the_permanent_and_the_best_are_kept(tmp_path):
    checkpoints, _ = opened(tmp_path, permanent={2}, keep=2)
    for step in range(1, 8):
        if step == 3:
            checkpoints.best = 3
        checkpoints.save(state_at(step))
    checkpoints.close()
    assert sorted(int(path.name) for path in tmp_path.iterdir() if path.name.isdigit()) == [2, 3, 6, 7]


def test_permanent_steps_are_the_first_to_reach_their_tokens():
    config = Experiment(batch_tokens=4096, checkpoint=CheckpointConfig(at_tokens=(1, 4096, 4097, 10**9)))
    assert permanent_steps(config, 100) == {1, 2}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"every_seconds": -1.0}, "every_seconds must not be negative: -1.0"),
        ({"keep": 0}, "keep must be at least 1, not 0"),
        ({"at_tokens": (0,)}, "at_tokens must be positive, not 0"),
    ],
)
def test_a_policy_that_cannot_be_is_refused(fields, words):
    with pytest.raises(ConfigError, match=words):
        CheckpointConfig(**fields)


def test_every_single_bit_changes_the_fingerprint():
    state = state_at(5)
    words = fingerprint(state)
    bits = jax.lax.bitcast_convert_type(state.params["w"], jnp.uint32)
    for bit in range(32):
        other = jax.lax.bitcast_convert_type(
            bits.at[17, 3].set(bits[17, 3] ^ jnp.uint32(1 << bit)), jnp.float32
        )
        changed = fingerprint(state._replace(params=state.params | {"w": other}))
        assert sum(bool(a != b) for a, b in zip(words, changed, strict=True)) == 1
    swapped = state.params["w"][::-1]
    assert fingerprint({"w": swapped})[0] != fingerprint({"w": state.params["w"]})[0]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64", "int32", "uint8"])
@pytest.mark.parametrize("shape", [(), (0, 3), (7,), (3, 50, 700)])
def test_the_fingerprint_on_the_host_is_that_on_devices(dtype, shape):
    with jax.enable_x64(dtype == "float64"):
        leaf = jnp.asarray(100 * np.random.default_rng(0).standard_normal(shape)).astype(dtype)
        assert fingerprint([leaf, leaf.T]) == [int(word) for word in words_on_devices([leaf, leaf.T])]


ON_A_MESH = """
import jax, jax.numpy as jnp
from jax.sharding import PartitionSpec as P, NamedSharding
from quarry.train.run.fingerprint import fingerprint, words_on_devices
x = jax.random.normal(jax.random.key(0), (64, 24))
words = set(fingerprint(x))
for shape in ((8, 1), (2, 4), (1, 8)):
    mesh = jax.make_mesh(shape, ("a", "b"), axis_types=(jax.sharding.AxisType.Auto,) * 2)
    laid_out = jax.device_put(x, NamedSharding(mesh, P("a", "b")))
    words |= {int(words_on_devices([laid_out])[0]), *fingerprint(laid_out)}
print(len(words))
"""


@pytest.mark.slow
def test_the_fingerprint_does_not_depend_on_the_mesh():
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=8", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", ON_A_MESH], env=os.environ | flags, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.split() == ["1"], done.stderr


@pytest.fixture(scope="module")
def half(tmp_path_factory, cache) -> Path:
    """A run with a checkpoint after every step, stopped after step 10 or a little later."""
    folder = tmp_path_factory.mktemp("half")
    stopper = Watch(10, lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert train(tiny_point(folder / "study", every=0.0), folder / "runs", cache, stopper) == "preempted"
    return folder / "runs"


@pytest.fixture
def stopped(half, tmp_path) -> tuple[Point, Path, RunDirectory]:
    """A copy of that run, its folder, and the point that resumes it; that one saves at its end alone."""
    shutil.copytree(half, tmp_path / "runs")
    return (
        tiny_point(tmp_path / "study"),
        tmp_path / "runs",
        RunDirectory(tmp_path / "runs" / "study" / "tiny"),
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory, cache) -> list:
    folder = tmp_path_factory.mktemp("whole")
    assert train(tiny_point(folder / "study"), folder / "runs", cache, Quiet()) == "finished"
    return rows_of(RunDirectory(folder / "runs" / "study" / "tiny"))


@pytest.mark.slow
def test_a_run_goes_on_from_before_the_damage_with_the_same_curve(whole, stopped, cache):
    point, runs, directory = stopped
    newest = max(int(path.name) for path in directory.checkpoints.iterdir() if path.name.isdigit())
    flip(largest(directory.checkpoints / str(newest)))
    assert train(point, runs, cache, Quiet()) == "finished"
    assert rows_of(directory) == whole
    assert [(row["event"], row["step"]) for row in read_jsonl(directory.events)] == [("damaged", newest)]


@pytest.mark.slow
def test_a_run_whose_record_lost_rows_goes_on_with_the_same_curve(whole, stopped, cache):
    point, runs, directory = stopped
    os.truncate(directory.metrics, 700)
    assert train(point, runs, cache, Quiet()) == "finished"
    assert rows_of(directory) == whole


@pytest.mark.slow
def test_a_run_of_an_older_version_goes_on(whole, stopped, cache):
    """One whose config.json lacks fields that Quarry has gained since."""
    point, runs, directory = stopped
    config = json.loads(directory.config.read_text())
    del config["micro_batch_tokens"], config["schedule"]["final"]
    config["micro_batch_tokens"] = point.config.micro_batch_tokens
    directory.config.write_text(json.dumps(config))
    assert train(point, runs, cache, Quiet()) == "finished"
    assert rows_of(directory) == whole
