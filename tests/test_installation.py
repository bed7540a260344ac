"""The commands of pip that errors advise, for each way in which Quarry can be installed."""

import json
from importlib import metadata

import pytest

from quarry import cli, installation
from quarry.errors import ConfigError
from tests.conftest import ROOT


class Installed:
    """A distribution with this origin (PEP 610); None is an index."""

    def __init__(self, origin: dict | None):
        self.origin = origin

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        return None if self.origin is None else json.dumps(self.origin)


WHEEL = "pip install 'quarry-scaling[train]'"


@pytest.mark.parametrize(
    ("origin", "folder", "says"),
    [
        (None, ROOT, WHEEL),
        ({"url": "file:///dist/quarry_scaling-0.1.0.whl", "archive_info": {}}, ROOT, WHEEL),
        ({"url": ROOT.as_uri(), "dir_info": {}}, ROOT, WHEEL),
        ({"url": ROOT.as_uri(), "dir_info": {"editable": True}}, ROOT, "pip install -e '.[train]'"),
        ({"url": ROOT.as_uri(), "dir_info": {"editable": True}}, "/", f"pip install -e '{ROOT}[train]'"),
    ],
)
def test_the_advice_follows_the_installation(origin, folder, says, monkeypatch):
    monkeypatch.setattr(metadata, "distribution", lambda name: Installed(origin))
    monkeypatch.chdir(folder)
    assert installation.install_command("train") == says


def test_a_source_tree_that_is_not_installed_is_a_clone(monkeypatch):
    def distribution(name: str) -> Installed:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", distribution)
    monkeypatch.chdir(ROOT)
    assert installation.install_command("gcs") == "pip install -e '.[gcs]'"


@pytest.mark.parametrize("name", sorted(cli.TRAINING))
def test_a_training_command_without_training_names_the_command_that_installs_it(name, monkeypatch):
    monkeypatch.setattr(installation, "find_spec", lambda name: None)
    with pytest.raises(
        ConfigError, match=rf"quarry {name} needs the packages of training: pip install .*\[train\]"
    ):
        cli.find_command(name, [])
