"""How Quarry is installed here, and the commands of pip that add what is missing."""

from importlib.util import find_spec
from pathlib import Path

from quarry.errors import ConfigError

DISTRIBUTION = "quarry-scaling"
_TRAINING = "flax"
"""A package of the extra `train` that every training command needs."""


def training_is_installed() -> bool:
    """Whether the packages of the extra `train` are here."""
    return find_spec(_TRAINING) is not None


def require_training(what: str) -> None:
    """Raise ConfigError, with the command that installs them, if training's packages are missing."""
    if not training_is_installed():
        raise ConfigError(f"{what} needs the packages of training: {install_command('train')}")


def require_extra(what: str, extra: str, package: str) -> None:
    """Raise ConfigError, with the command that installs it, if a package of `extra` is missing."""
    if find_spec(package) is None:
        raise ConfigError(f"{what} needs {package}: {install_command(extra)}")


def install_command(extra: str) -> str:
    """The command that adds `extra` to this installation: to an editable clone, or to a wheel."""
    clone = _clone()
    if clone is None:
        return f"pip install '{DISTRIBUTION}[{extra}]'"
    folder = "." if clone == Path.cwd() else str(clone)
    return f"pip install -e '{folder}[{extra}]'"


def _clone() -> Path | None:
    """The folder of the source tree that this module is in, None where a wheel was installed."""
    root = Path(__file__).resolve().parents[1]
    return root if (root / "pyproject.toml").is_file() else None
