"""Beginning a run: its plan, its directory, what is written down before the first step."""

import dataclasses
import fcntl
import json
import platform
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any, get_type_hints

from quarry.checks import require
from quarry.errors import ConfigError
from quarry.model.config import ModelConfig
from quarry.model.counting import count_parameters, flops_6n, flops_exact
from quarry.train.config.branches import fork_steps
from quarry.train.config.experiment import Experiment, first_difference
from quarry.train.config.schedules import check_schedule
from quarry.train.data.order import unique_sequences
from quarry.train.data.store import TokenStore, prepare
from quarry.train.hosts.processes import abandon, first, from_first, index
from quarry.train.record.locations import BucketDirectory, leased, onlooking
from quarry.train.record.run_directory import RunDirectory
from quarry.train.record.schema import DONE, LOCK

RECORDED_VERSIONS = ("quarry-scaling", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "grain", "numpy")
LOST = 1
"""The exit code of a run on a bucket that another process has taken over."""
MAY_CHANGE = ("checkpoint", "tracking", "mesh", "branches", "model.scan_layers", "model.remat")
"""Fields of an experiment that may differ between a run and its continuation: they change no number, beyond
rounding."""


@dataclass(frozen=True)
class Plan:
    """What an experiment comes to on the data there is. Units: tokens, sequences, steps."""

    unique_tokens: int
    n_sequences: int
    steps: int
    tokens: int

    @property
    def epochs(self) -> float:
        return self.tokens / self.unique_tokens


def make_plan(experiment: Experiment, store: TokenStore) -> Plan:
    """U, B, S and E of an experiment. Raises ConfigError or DataError if the data cannot give them."""
    tokenizer, context = store.tokenizer, experiment.model.context
    require(
        experiment.model.vocab_size >= tokenizer.vocab_size,
        f"model.vocab_size = {experiment.model.vocab_size} is less than the {tokenizer.vocab_size} tokens of "
        f"data.tokenizer = {experiment.data.tokenizer}",
    )
    for split in ("validation", "test"):
        held = store.n_tokens(split)
        require(held > context, f"the {split} split has {held:,} tokens, less than one sequence of {context}")
    available = store.n_tokens("train")
    data = experiment.data
    n_sequences = unique_sequences(data.unique_tokens or available - 1, context, available, data.draw)
    steps = experiment.steps(n_sequences * context)
    check_schedule(experiment.schedule, steps)
    fork_steps(experiment, n_sequences * context)
    return Plan(
        unique_tokens=n_sequences * context,
        n_sequences=n_sequences,
        steps=steps,
        tokens=experiment.ramp.tokens(steps),
    )


def open_store(experiment: Experiment, cache: Path) -> TokenStore:
    """The token store of an experiment, made if it is not in the cache."""
    make_writable(cache)
    data = experiment.data
    return prepare(
        data.corpus,
        data.tokenizer,
        cache,
        validation_fraction=data.validation_fraction,
        test_fraction=data.test_fraction,
    )


@contextmanager
def open_run(
    directory: RunDirectory, config: Experiment, lease_seconds: float, say: Callable[[str], object]
) -> Iterator[RunDirectory]:
    """A run directory, made or found again, held inside the context by this process or the first host.

    On a bucket it is held by a lease of `lease_seconds`; a wait for another's is said. Raises ConfigError if
    it cannot be written, is in use, holds a run of another configuration, or is not storage that all hosts
    share.
    """
    held = []
    with ExitStack() as stack:

        def hold() -> str:
            held.append(stack.enter_context(_held(directory, config, lease_seconds, say)))
            return held[0].seal()

        seal = from_first(hold)
        if not first():
            _check_shared(directory, seal)
        yield held[0] if first() else onlooking(directory)


@contextmanager
def _held(
    directory: RunDirectory, config: Experiment, lease_seconds: float, say: Callable[[str], object]
) -> Iterator[RunDirectory]:
    """The run directory, locked: the file of the lock holds its seal, that of the lease if there is one."""
    make_writable(directory.path)
    with (directory.path / LOCK).open("a+", encoding="utf-8") as lock, ExitStack() as stack:
        _hold(lock, directory)
        lock.seek(0)
        former, seal = lock.read(), str(uuid.uuid4())
        if isinstance(directory, BucketDirectory):
            lost = partial(abandon, LOST)
            directory = stack.enter_context(leased(directory, former, lease_seconds, say, lost))
            seal = directory.seal() or seal
        check_same(directory, config)
        lock.truncate(0)
        lock.write(seal)
        lock.flush()
        yield directory


def _check_shared(directory: RunDirectory, seal: str, patience_seconds: float = 60.0) -> None:
    """Raise ConfigError if this host does not see what the first wrote; network file systems take a while."""
    until = time.monotonic() + patience_seconds
    while directory.seal() != seal:
        require(
            time.monotonic() < until,
            f"host {index()} does not see the run directory {directory} of host 0: "
            "--workdir must be storage that all hosts share",
        )
        time.sleep(0.2)


def make_writable(directory: Path) -> None:
    """Make a directory and see that files can be made in it. Raises ConfigError if not."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise ConfigError(f"cannot write in {directory}: {error.strerror}") from None


def _hold(lock: IO[str], directory: RunDirectory) -> None:
    """Take the lock; the kernel gives it back when the process ends, however it ends."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ConfigError(f"another process is training in {directory}") from None


def check_same(directory: RunDirectory, experiment: Experiment) -> None:
    """Raise ConfigError if the directory holds a run of another configuration."""
    if not directory.config.exists():
        return
    former = json.loads(directory.config.read_text(encoding="utf-8"))
    require(
        "remat" in former["model"] or directory.status() in DONE,
        f"{directory} was begun by an earlier version, whose checkpoints hold each layer apart; "
        "go on with that version, or give this run its own --name or --workdir",
    )
    difference = first_difference(_fixed(completed(former, Experiment)), _fixed(resolved(experiment)))
    require(
        difference is None,
        f"{directory} holds a run of another configuration ({difference}); "
        "give this one its own --name or --workdir, or delete that run",
    )


def completed(former: dict[str, Any], kind: type) -> dict[str, Any]:
    """A configuration that an older version wrote, as JSON, with the defaults of fields that came since."""
    hints, values = get_type_hints(kind), {}
    for field in dataclasses.fields(kind):
        if field.name in former and dataclasses.is_dataclass(hints[field.name]):
            values[field.name] = completed(former[field.name], hints[field.name])
        elif field.name not in former:
            made = field.default_factory() if callable(field.default_factory) else field.default
            values[field.name] = made
    return former | json.loads(json.dumps(values, default=dataclasses.asdict))


def _fixed(tree: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """A resolved experiment without the fields that may change."""
    return {
        name: _fixed(value, f"{path}{name}.") if isinstance(value, Mapping) else value
        for name, value in tree.items()
        if f"{path}{name}" not in MAY_CHANGE
    }


def resolved(experiment: Experiment) -> dict[str, Any]:
    """The experiment as config.json holds it."""
    return json.loads(json.dumps(dataclasses.asdict(experiment)))


def check_same_data(directory: RunDirectory, store: TokenStore) -> None:
    """Raise ConfigError if the run has begun on other data than `store`."""
    former = directory.read_run().get("data", store.manifest)
    difference = first_difference(former["splits"], store.manifest["splits"])
    require(
        difference is None,
        f"the corpus {store.manifest['corpus']!r} has changed since {directory} began ({difference})",
    )


def check_same_everywhere(experiment: Experiment, store: TokenStore) -> None:
    """Raise ConfigError if this host would train another run than the first: options, text or versions."""
    versions = {name: version(name) for name in RECORDED_VERSIONS}
    mine = {"config": resolved(experiment), "data": store.manifest["splits"], "versions": versions}
    difference = first_difference(from_first(lambda: mine), mine)
    require(difference is None, f"host {index()} differs from host 0: {difference}")


def model_counts(model: ModelConfig) -> dict[str, int]:
    """The parameter counts and shape columns of the record."""
    count = count_parameters(model)
    return {
        "n_params": count.total,
        "n_nonembedding": count.nonembedding,
        "n_head": count.head,
        "n_embedding": count.embedding,
        "d_model": model.d_model,
        "n_layers": model.n_layers,
        "context": model.context,
        "vocab_size": model.vocab_size,
        "flops_6ne_per_token": flops_6n(model),
        "flops_exact_per_token": flops_exact(model),
    }


def describe_run(experiment: Experiment, plan: Plan, store: TokenStore) -> dict[str, Any]:
    """The fields of run.json that are known before the first step."""
    import jax

    devices = jax.devices()
    return model_counts(experiment.model) | {
        "unique_tokens": plan.unique_tokens,
        "tokens": plan.tokens,
        "epochs": plan.epochs,
        "steps": plan.steps,
        "batch_tokens": experiment.batch_tokens,
        "peak_learning_rate": experiment.optimizer.learning_rate,
        "weight_decay": experiment.optimizer.weight_decay,
        "dropout": experiment.model.dropout,
        "seed_init": experiment.seed_init,
        "seed_order": experiment.seed_order,
        "draw": experiment.data.draw,
        "device": f"{len(devices)} x {devices[0].device_kind}",
        "hosts": jax.process_count(),
        "versions": {name: version(name) for name in RECORDED_VERSIONS}
        | {"python": platform.python_version()},
        "data": store.manifest,
        "command": " ".join([Path(sys.argv[0]).stem, *sys.argv[1:]]),
    }
