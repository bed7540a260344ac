"""How Quarry is installed here, and the commands of pip that add what is missing."""

import json
import shlex
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

from quarry.errors import ConfigError

DISTRIBUTION = "quarry-scaling"
SAMPLE = "sample:ladder"
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
    """The command that adds `extra` to this installation: to a clone, or from where pip installed Quarry."""
    clone = _clone()
    if clone is None:
        return f"pip install {shlex.quote(_requirement(extra, _origin()))}"
    folder = "." if clone == Path.cwd() else str(clone)
    return f"pip install -e {shlex.quote(f'{folder}[{extra}]')}"


def requirement_elsewhere(*extras: str) -> str:
    """What pip installs on another machine, which has no file of this one: Quarry with `extras`."""
    origin = _origin()
    return _requirement(",".join(extras), "" if origin.startswith("file:") else origin)


def local_wheel() -> Path | None:
    """The wheel file of this machine that Quarry was installed from."""
    origin = _origin()
    here = origin.startswith("file:") and origin.endswith(".whl")
    return Path(unquote(urlsplit(origin).path)) if here else None


def sample_table(word: str) -> str:
    """`sample:ladder` as the path of the demo's table, which comes along; any other word as it is."""
    if word != SAMPLE:
        return word
    clone = _clone()
    return str((clone / "docs" if clone else Path(__file__).with_name("sample_tables")) / "ladder.csv")


def _requirement(extras: str, origin: str) -> str:
    """In the form of PEP 508, without blanks: options are split at those."""
    return f"{DISTRIBUTION}{extras and f'[{extras}]'}{origin and f'@{origin}'}"


def _clone() -> Path | None:
    """The folder of the source tree that this module is in, None where a wheel was installed."""
    root = Path(__file__).resolve().parents[1]
    return root if (root / "pyproject.toml").is_file() else None


def _origin() -> str:
    """The file, folder or repository that pip installed the distribution beside this module from.

    Empty for an index. Source: https://packaging.python.org/en/latest/specifications/direct-url
    """
    beside = metadata.distributions(name=DISTRIBUTION, path=[str(Path(__file__).resolve().parents[1])])
    text = next((found.read_text("direct_url.json") for found in beside), None)
    if text is None:
        return ""
    known = json.loads(text)
    version = known.get("vcs_info")
    url = f"{version['vcs']}+{known['url']}@{version['commit_id']}" if version else known["url"]
    return f"{url}#subdirectory={known['subdirectory']}" if "subdirectory" in known else url
