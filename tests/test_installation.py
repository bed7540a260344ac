"""The commands of pip that errors advise, in a clone and beside a wheel."""

import pytest

from quarry import cli, installation
from quarry.errors import ConfigError
from tests.conftest import ROOT


def test_the_advice_in_a_clone_names_its_folder_unless_one_is_there(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert installation.install_command("gcs") == "pip install -e '.[gcs]'"
    monkeypatch.chdir(tmp_path)
    assert installation.install_command("gcs") == f"pip install -e '{ROOT}[gcs]'"


def test_the_advice_beside_a_wheel_names_the_distribution(tmp_path, monkeypatch):
    monkeypatch.setattr(installation, "__file__", str(tmp_path / "site-packages/quarry/installation.py"))
    monkeypatch.chdir(ROOT)
    assert installation.install_command("train") == "pip install 'quarry-scaling[train]'"


@pytest.mark.parametrize("name", sorted(cli.TRAINING))
def test_a_training_command_without_training_names_the_command_that_installs_it(name, monkeypatch):
    monkeypatch.setattr(installation, "find_spec", lambda name: None)
    with pytest.raises(
        ConfigError, match=rf"quarry {name} needs the packages of training: pip install .*\[train\]"
    ):
        cli.find_command(name, [])
