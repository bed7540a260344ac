"""The model of a run, read from its directory: configuration, parameters at the end, tokenizer."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quarry.checks import require
from quarry.model.config import MeshConfig
from quarry.train.config.experiment import Experiment
from quarry.train.config.reading import experiment_from_json
from quarry.train.data.tokenizer import Tokenizer
from quarry.train.inspect.ensembles import final_params
from quarry.train.record.files import read_json
from quarry.train.record.locations import locate_run
from quarry.train.run.sizes import prepare_store


@dataclass(frozen=True)
class TrainedModel:
    """A model with its parameters [tree of arrays] and its tokenizer; `run` is `<study>/<point>`."""

    run: str
    experiment: Experiment
    params: Any
    tokenizer: Tokenizer


def read_trained(path: Path, cache: Path) -> TrainedModel:
    """The model of the newest checkpoint of the run directory `path`, on one device.

    Raises ConfigError if there is no run or no checkpoint that can be read, RecordError for a damaged
    config.json, DataError if the text can no longer be had.
    """
    run = f"{path.parent.name}/{path.name}"
    directory = locate_run(path.parent.parent, run, cache=cache)
    directory.fetch()
    require(directory.config.exists(), f"{path}: no run directory, which holds a config.json")
    recorded = experiment_from_json(read_json(directory.config, {}))
    experiment = dataclasses.replace(recorded, mesh=MeshConfig())
    store = prepare_store(experiment, cache)
    return TrainedModel(run, experiment, final_params(experiment, directory, store), store.tokenizer)
