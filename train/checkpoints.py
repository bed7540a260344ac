"""Orbax checkpoints of the training state, kept in `checkpoints/` of a run directory."""

import time
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp

from train.experiment import CheckpointConfig
from train.step import TrainState


class Checkpoints:
    """The checkpoints of one run: asynchronous, atomic, the last `keep` of them kept."""

    def __init__(self, directory: Path, config: CheckpointConfig):
        self._every_seconds = config.every_seconds
        self._saved_at = time.monotonic()
        options = ocp.CheckpointManagerOptions(max_to_keep=config.keep, cleanup_tmp_directories=True)
        self._manager = ocp.CheckpointManager(directory.resolve(), options=options)

    def latest_step(self) -> int | None:
        """The newest saved step, None if nothing is saved."""
        return self._manager.latest_step()

    def restore(self, abstract: TrainState) -> TrainState:
        """The newest state, laid out as `abstract` says."""
        step = self._manager.latest_step()
        restored: Any = self._manager.restore(step, args=ocp.args.StandardRestore(abstract))
        return TrainState(*restored)

    def due(self) -> bool:
        """Whether `every_seconds` have passed since the last save."""
        return time.monotonic() - self._saved_at >= self._every_seconds

    def save(self, state: TrainState) -> None:
        """Begin to save; the state may be donated as soon as this returns."""
        self._manager.save(int(jax.device_get(state.step)), args=ocp.args.StandardSave(state))
        self._saved_at = time.monotonic()

    def close(self) -> None:
        """Wait for what is being saved."""
        self._manager.wait_until_finished()
        self._manager.close()
