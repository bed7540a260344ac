"""Repairs a run directory before its run is resumed: what is damaged is set aside and made again."""

import os
from collections.abc import Callable
from pathlib import Path

from quarry.errors import RecordError
from quarry.train.config.experiment import Experiment
from quarry.train.record.bucket import bucket_address
from quarry.train.record.files import read_log, set_aside
from quarry.train.record.folders import make_writable
from quarry.train.record.run_directory import RunDirectory
from quarry.train.run.compatibility import holds_config
from quarry.train.run.description import experiment_as_json

Say = Callable[[str], object]


def repair(directory: RunDirectory, experiment: Experiment, say: Say) -> None:
    """Make config.json, run.json, events.jsonl and the folder of checkpoints of a run usable.

    `say` is told of each that was not.

    The process holds the lock, and `check_same_config` has passed. The logs are checked against each
    checkpoint. Raises ConfigError if the folder cannot be written.
    """
    begun = any(map(os.path.lexists, (directory.config, directory.run, directory.metrics)))
    if begun and not holds_config(directory, experiment):
        say(f"{directory.config} was missing or damaged: written again")
        directory.write_config(experiment_as_json(experiment))
    _repair_run(directory, say, begun=begun)
    if fault := read_log(directory.events).fault:
        say(f"{fault}: moved to {set_aside(directory.events).name}")
    if isinstance(directory.checkpoints, Path) and bucket_address(directory.path) is None:
        _repair_folder(directory.checkpoints, say)


def _repair_run(directory: RunDirectory, say: Say, *, begun: bool) -> None:
    try:
        missing = begun and not directory.read_run()
    except RecordError as damage:
        say(f"{str(damage).split(';')[0]}: moved to {set_aside(directory.run).name} and made again")
    else:
        if missing:
            say(f"{directory.run} was missing: made again")


def _repair_folder(folder: Path, say: Say) -> None:
    """Make a folder, in place of what is there and is none."""
    if os.path.lexists(folder) and not folder.is_dir():
        say(f"{folder} is no folder: moved to {set_aside(folder).name}")
    make_writable(folder)
