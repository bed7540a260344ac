"""`quarry doctor`: devices, versions, caches, speed, and what each extra would add."""

import importlib.util
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from quarry.errors import DataError
from quarry.installation import install_command, training_is_installed
from quarry.text import plural
from quarry.train.config.experiment import Experiment
from quarry.train.inspect.environment import file_locks_work, free_space, other_hosts, unused_devices
from quarry.train.record.folders import make_writable
from quarry.train.run.description import RECORDED_VERSIONS

EXTRAS = {
    "train": ("flax", "training: train, sweep, demo, compile, sample, export"),
    "cuda": ("jax_cuda13_plugin", "training on NVIDIA GPUs"),
    "tpu": ("libtpu", "training on Cloud TPU"),
    "slurm": ("submitit", "sweeps on Slurm clusters: sweep --on slurm"),
    "gcs": ("gcsfs", "reading and writing gs:// buckets"),
    "wandb": ("wandb", "tracking with Weights & Biases: --tracking wandb"),
    "trackio": ("trackio", "tracking with Trackio: --tracking trackio"),
    "tune": ("optuna", "searching rates and decays: quarry tune"),
    "hf": ("datasets", "data sets of the Hugging Face hub: data.corpus = hf:NAME"),
    "reasoning": ("reasoning_gym", "procedural mathematics: data.corpus = reasoning"),
    "notebooks": ("jupyterlab", "opening the notebooks: quarry notebook"),
    "dev": ("hypothesis", "running the tests and linters"),
}


def diagnose(
    cache: Path,
    workdir: Path,
    experiment: Experiment | None,
    cores: int,
    console: Console,
    probe_seconds: float = 5.0,
) -> None:
    """Print the whole diagnosis; of training nothing where its packages are missing.

    Raises ConfigError if `workdir` cannot be written.
    """
    console.print(_versions())
    console.print(_devices(cores))
    if training_is_installed():
        console.print(_run(workdir, experiment))
        console.print(_cache(cache))
    console.print(_extras())
    console.print(f"to add an extra: {install_command('EXTRA')}", soft_wrap=True)
    if training_is_installed():
        _print_speed(console, probe_seconds)


def _print_speed(console: Console, probe_seconds: float) -> None:
    with console.status(f"training a small model for {probe_seconds:.0f} seconds ..."):
        speed, parameters = throughput(probe_seconds)
    console.print(
        f"training speed: {speed:,.0f} tokens/s at N = {parameters:,}, context 128, on this process's cores"
    )


def _versions() -> Table:
    table = Table("package", "version", title="versions")
    for name in RECORDED_VERSIONS:
        table.add_row(name, _version(name))
    return table


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _devices(cores: int) -> Table:
    import jax

    title = f"devices ({plural(cores, 'core')} for this process)"
    table = Table("device", "kind", "a product there", title=title)
    for device in jax.local_devices():
        table.add_row(str(device), device.device_kind, _product(device))
    for sentence in unused_devices():
        table.add_row("", "", sentence)
    return table


def _product(device: Any) -> str:
    """Whether `device` multiplies matrices correctly, or its error."""
    import jax
    import numpy as np

    whole = np.arange(256.0, dtype=np.float32).reshape(16, 16) % 7
    try:
        found = np.asarray(jax.jit(lambda x: x @ x)(jax.device_put(whole, device)))
    except RuntimeError as error:
        return f"fails: {str(error).splitlines()[0]}"
    return "right" if np.array_equal(found, whole @ whole) else "WRONG"


def _run(workdir: Path, experiment: Experiment | None) -> Table:
    make_writable(workdir)
    table = Table("asked", "found", title=f"a run in {workdir}")
    table.add_row("other hosts", other_hosts())
    table.add_row("disk", free_space(workdir, experiment))
    refusal = "does NOT lock: two processes could train in one run directory there"
    table.add_row("file lock", "locks" if file_locks_work(workdir) else refusal)
    return table


def _cache(cache: Path) -> Table:
    """The folders of the cache, and whether every token store matches its manifest."""
    table = Table("kept", "size", "state", title=f"cache at {cache}")
    for folder in sorted(cache.iterdir()) if cache.is_dir() else []:
        if folder.is_dir() and folder.name != "tokens":
            table.add_row(folder.name, _size(folder), "")
    for folder in sorted((cache / "tokens").glob("[!.]*")):
        name, state = _verified(folder)
        table.add_row(name, _size(folder), state)
    return table


def _verified(folder: Path) -> tuple[str, str]:
    from quarry.train.data.store import open_store

    try:
        store = open_store(folder)
        store.verify()
    except (DataError, OSError, ValueError) as error:
        return folder.name, f"damaged, delete it: {error}"
    return f"{store.manifest['corpus']}, {store.manifest['tokenizer']}", "verified"


def _size(folder: Path) -> str:
    return f"{sum(file.stat().st_size for file in folder.rglob('*') if file.is_file()) / 2**20:.1f} MiB"


def _extras() -> Table:
    table = Table("extra", "installed", "adds", title="extras")
    for name, (module, adds) in EXTRAS.items():
        there = importlib.util.find_spec(module) is not None
        table.add_row(name, "yes" if there else "no", adds)
    return table


def throughput(seconds: float) -> tuple[float, int]:
    """Tokens per second of the real training step on random tokens, and the N it was measured at."""
    import jax

    from quarry.model.config import modern
    from quarry.model.counting import count_parameters
    from quarry.model.sharding import make_mesh
    from quarry.train.config.experiment import Experiment
    from quarry.train.run.programs import make_train_step
    from quarry.train.run.step import make_state, step_scalars

    experiment = Experiment(model=modern(64, 2, 4))
    mesh = make_mesh(experiment.mesh)
    state, step = make_state(experiment, mesh), make_train_step(experiment, mesh)
    rows = experiment.batch_tokens // experiment.model.context * mesh.size
    tokens = jax.random.randint(jax.random.key(0), (rows, experiment.model.context), 0, 256)
    scalars = step_scalars(experiment, 1e-3)
    state, _ = step(state, tokens, tokens, scalars)
    jax.block_until_ready(state)
    began, count = time.monotonic(), 0
    while time.monotonic() - began < seconds:
        state, metrics = step(state, tokens, tokens, scalars)
        metrics.loss.block_until_ready()
        count += 1
    speed = count * tokens.size / (time.monotonic() - began)
    return speed, count_parameters(experiment.model).nonembedding
