"""The model of a finished run, written as the teacher of a synthetic corpus."""

import dataclasses
import json
from pathlib import Path

import numpy as np

from quarry.checks import require
from quarry.train.config.point_files import Point
from quarry.train.data.synthetic.teacher import ABOUT, CONFIG, named_parameters
from quarry.train.record.disk_space import usable
from quarry.train.record.files import atomic_write
from quarry.train.record.locations import locate_run
from quarry.train.run.description import describe_model
from quarry.train.run.finished import final_params
from quarry.train.run.sizes import prepare_store


def write_teacher(point: Point, workdir: Path, cache: Path, output: Path) -> None:
    """Write the parameters at the end of a run, its configuration and a sentence on what it is.

    Raises ConfigError if the run has not finished, or no checkpoint can be read.
    """
    directory = locate_run(workdir, point.run, cache=cache)
    require(directory.status() == "finished", f"{directory} has not finished: a teacher is a finished run")
    params = final_params(point.config, directory, prepare_store(point.config, cache))
    config, n = point.config, describe_model(point.config.model)["n_nonembedding"]
    about = (
        f"text of a model of {n:,} non-embedding parameters, run {point.run}, "
        f"trained on {config.data.corpus}, seed_init {config.seed_init}"
    )
    texts = {CONFIG: dataclasses.asdict(config.model), ABOUT: about}
    words = {name: np.array(json.dumps(text)) for name, text in texts.items()}
    with usable(output.parent), atomic_write(output) as partial, partial.open("wb") as file:
        np.savez(file, allow_pickle=False, **named_parameters(params), **words)
