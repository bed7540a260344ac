"""Trackers beside the JSONL record, behind one protocol with clu's method names.

The record is the truth; a tracker only mirrors it. The package of a tracker is imported when it is used.
"""

import importlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from quarry.checks import require

MODULES = {"tensorboard": "tensorboardX", "wandb": "wandb", "trackio": "trackio"}

INSTALL = {
    "tensorboard": "pip install tensorboardX",
    "wandb": "pip install 'quarry-scaling[wandb]'",
    "trackio": "pip install 'quarry-scaling[trackio]'",
}


@runtime_checkable
class MetricWriter(Protocol):
    """Receives scalars."""

    def write_scalars(self, step: int, scalars: Mapping[str, float]) -> None: ...

    def flush(self) -> None: ...

    def close(self) -> None: ...


class TensorBoardWriter:
    """Event files in `<run>/tensorboard/`."""

    def __init__(self, run: Path):
        from tensorboardX import SummaryWriter

        self._writer = SummaryWriter(str(run / "tensorboard"))

    def write_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        for name, value in scalars.items():
            self._writer.add_scalar(name, value, step)

    def flush(self) -> None:
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


class HostedWriter:
    """Weights & Biases or Trackio, whose modules share `init` and `log`; a resumed run keeps its identity."""

    def __init__(self, module: Any, run: Path):
        self._run = module.init(project=run.parent.name, name=run.name, **_resume(module, run))

    def write_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        self._run.log(dict(scalars), step=step)

    def flush(self) -> None:
        """Nothing to do: both upload in the background."""

    def close(self) -> None:
        self._run.finish()


def _resume(module: Any, run: Path) -> dict[str, Any]:
    if module.__name__ == "wandb":
        return {"id": f"{run.parent.name}-{run.name}", "resume": "allow", "dir": str(run)}
    return {"resume": "allow"}


def require_trackers(names: tuple[str, ...]) -> None:
    """Raise ConfigError, with the command that installs it, if a tracker is missing."""
    for name in names:
        installed = importlib.util.find_spec(MODULES[name]) is not None
        require(installed, f"tracking: {name} is not installed; {INSTALL[name]}")


def open_trackers(names: tuple[str, ...], run: Path) -> list[MetricWriter]:
    """A writer for each name, for the run directory `run`."""
    return [_open(name, run) for name in names]


def _open(name: str, run: Path) -> MetricWriter:
    if name == "tensorboard":
        return TensorBoardWriter(run)
    return HostedWriter(importlib.import_module(MODULES[name]), run)
