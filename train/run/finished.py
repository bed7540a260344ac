"""The model of a run, read from its directory: configuration, parameters at the end, the text it read."""

import dataclasses
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quarry.checks import require
from quarry.errors import ConfigError
from quarry.model.config import MeshConfig
from quarry.model.sharding import make_mesh
from quarry.train.config.reading import experiment_from_json
from quarry.train.data.store import Say, silent
from quarry.train.record.files import read_json
from quarry.train.record.locations import locate_run
from quarry.train.run.checkpoints import Checkpoints
from quarry.train.run.description import experiment_as_json
from quarry.train.run.origin import foreign
from quarry.train.run.sizes import prepare_store
from quarry.train.run.step import abstract_state

if TYPE_CHECKING:
    from quarry.train.config.experiment import Experiment
    from quarry.train.data.store import TokenStore
    from quarry.train.data.tokenizer import Tokenizer
    from quarry.train.record.run_directory import RunDirectory
    from quarry.train.run.train_state import TrainState


@dataclass(frozen=True)
class TrainedModel:
    """A model with its parameters [tree of arrays] and its text; `run` is `<study>/<point>`."""

    run: str
    experiment: "Experiment"
    params: Any
    store: "TokenStore"

    @property
    def tokenizer(self) -> "Tokenizer":
        """The tokenizer of its text."""
        return self.store.tokenizer


def require_finished(path: Path, cache: Path) -> None:
    """Raise ConfigError unless the run directory `path` holds a finished run."""
    directory = locate_run(path.parent.parent, f"{path.parent.name}/{path.name}", cache=cache)
    directory.fetch()
    status = directory.status()
    require(status == "finished", f"{path} is not a finished run: its status is {status or 'unknown'}")


def read_trained(path: Path, cache: Path, mesh: MeshConfig | None = None, say: Say = silent) -> TrainedModel:
    """The model of the newest checkpoint of the run directory `path`, laid out over `mesh`, default one of
    all devices along `data`. `say` is told if the run has not finished.

    Raises ConfigError if there is no run or no checkpoint that can be read, RecordError for a damaged
    config.json, DataError if the text can no longer be had.
    """
    run = f"{path.parent.name}/{path.name}"
    directory = locate_run(path.parent.parent, run, cache=cache)
    directory.fetch()
    require(directory.config.exists(), f"{path}: no run directory, which holds a config.json")
    recorded = experiment_from_json(read_json(directory.config, {}))
    experiment = dataclasses.replace(recorded, mesh=mesh or MeshConfig())
    store = prepare_store(experiment, cache)
    state, step = newest_state(experiment, directory, store)
    if (status := directory.status()) != "finished":
        known = status or "of unknown status"
        say(f"note: {run} is {known}, not finished: this is its model after step {step:,}")
    return TrainedModel(run, experiment, state.params, store)


def final_params(config: "Experiment", directory: "RunDirectory", store: "TokenStore") -> Any:
    """The parameters at the end of a run. Raises ConfigError if no checkpoint can be read."""
    return newest_state(config, directory, store)[0].params


def newest_state(
    config: "Experiment", directory: "RunDirectory", store: "TokenStore"
) -> "tuple[TrainState, int]":
    """The newest state of a run and its step. Raises ConfigError if no checkpoint can be read."""
    checkpoints = Checkpoints(directory.checkpoints, config.checkpoint, (), lambda *_: None)
    fault = lambda _, facts: foreign(facts, experiment_as_json(config), store)  # noqa: E731
    with closing(checkpoints):
        newest = checkpoints.newest(abstract_state(config, make_mesh(config.mesh)), fault)
    if newest is None:
        raise ConfigError(f"{directory} has no checkpoint that can be read")
    return newest
