"""Trackers beside the JSONL record, behind one protocol with clu's method names.

The record is the truth; a tracker only mirrors it. The package of a tracker is imported when it is used.
"""

import importlib
import importlib.util
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from quarry.checks import require
from quarry.installation import install_command
from quarry.train.record.files import clear_unless_regular

if TYPE_CHECKING:
    from quarry.train.record.run_directory import RunDirectory

MODULES = {"tensorboard": "tensorboardX", "wandb": "wandb", "trackio": "trackio"}


@runtime_checkable
class MetricWriter(Protocol):
    """Receives scalars."""

    def write_scalars(self, step: int, scalars: Mapping[str, float]) -> None: ...

    def flush(self) -> None: ...

    def close(self) -> None: ...


class TensorBoardWriter:
    """Event files in `<run>/tensorboard/`; what earlier ones say of steps after `last` is hidden."""

    def __init__(self, directory: "RunDirectory", last: int):
        from tensorboardX import SummaryWriter

        folder = directory.path / "tensorboard"
        if not folder.is_dir():
            clear_unless_regular(folder)
            folder.unlink(missing_ok=True)
        self._writer = SummaryWriter(str(folder), purge_step=last + 1)

    def write_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        for name, value in scalars.items():
            self._writer.add_scalar(name, value, step)

    def flush(self) -> None:
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


class HostedWriter:
    """Weights & Biases or Trackio, whose modules share `init` and `log`; a resumed run keeps its identity.

    That is kept in run.json: the point of the same name in another work directory is another run.
    """

    def __init__(self, module: Any, directory: "RunDirectory"):
        study, point = directory.name.split("/")
        identity = _identity(directory)
        if module.__name__ == "wandb":
            settings = {"name": point, "id": f"{study}-{point}-{identity}", "dir": str(directory.path)}
        else:
            settings = {"name": f"{point}-{identity}"}
        self._run = module.init(project=study, resume="allow", **settings)

    def write_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        self._run.log(dict(scalars), step=step)

    def flush(self) -> None:
        """Nothing to do: both upload in the background."""

    def close(self) -> None:
        self._run.finish()


def _identity(directory: "RunDirectory") -> str:
    """What tells the run from others of its name, kept in run.json."""
    known = directory.known_run().get("tracking_id")
    if known is None:
        known = secrets.token_hex(4)
        directory.write_run(tracking_id=known)
    return str(known)


def require_trackers(names: tuple[str, ...]) -> None:
    """Raise ConfigError, with the command that installs it, if a tracker is missing."""
    for name in names:
        installed = importlib.util.find_spec(MODULES[name]) is not None
        require(installed, f"tracking: {name} is not installed; {_install(name)}")


def _install(name: str) -> str:
    return "pip install tensorboardX" if name == "tensorboard" else install_command(name)


def open_trackers(names: tuple[str, ...], directory: "RunDirectory", last: int) -> list[MetricWriter]:
    """A writer for each name, for a run whose record ends with the step `last`."""
    return [_open(name, directory, last) for name in names]


def _open(name: str, directory: "RunDirectory", last: int) -> MetricWriter:
    if name == "tensorboard":
        return TensorBoardWriter(directory, last)
    return HostedWriter(importlib.import_module(MODULES[name]), directory)
