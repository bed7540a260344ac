"""The commands of pip that errors advise, in a clone and beside a wheel."""

import json
import shlex

import pytest
from packaging.requirements import Requirement

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


@pytest.mark.parametrize(
    ("direct", "advised", "elsewhere"),
    [
        (
            {"url": "file:///home/me/quarry_scaling-0.2-py3-none-any.whl", "archive_info": {}},
            "'quarry-scaling[train]@file:///home/me/quarry_scaling-0.2-py3-none-any.whl'",
            "quarry-scaling[tpu,gcs]",
        ),
        (
            {"url": "file:///home/me/quarry", "dir_info": {}},
            "'quarry-scaling[train]@file:///home/me/quarry'",
            "quarry-scaling[tpu,gcs]",
        ),
        (
            {"url": "https://x.org/quarry.git", "vcs_info": {"vcs": "git", "commit_id": "0a1b"}},
            "'quarry-scaling[train]@git+https://x.org/quarry.git@0a1b'",
            "quarry-scaling[tpu,gcs]@git+https://x.org/quarry.git@0a1b",
        ),
        (None, "'quarry-scaling[train]'", "quarry-scaling[tpu,gcs]"),
    ],
)
def test_the_advice_names_what_pip_installed_quarry_from(direct, advised, elsewhere, tmp_path, monkeypatch):
    about = tmp_path / "quarry_scaling-0.2.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: quarry-scaling\nVersion: 0.2\n")
    if direct:
        (about / "direct_url.json").write_text(json.dumps(direct))
    monkeypatch.setattr(installation, "__file__", str(tmp_path / "quarry/installation.py"))
    assert installation.install_command("train") == f"pip install {advised}"
    assert Requirement(shlex.split(advised)[0]).extras == {"train"}
    assert installation.requirement_elsewhere("tpu", "gcs") == elsewhere
    wheel = installation.local_wheel()
    assert (wheel is not None) == ("whl" in advised)


@pytest.mark.parametrize("name", sorted(cli.TRAINING))
def test_a_training_command_without_training_names_the_command_that_installs_it(name, monkeypatch):
    monkeypatch.setattr(installation, "find_spec", lambda name: None)
    with pytest.raises(
        ConfigError, match=rf"quarry {name} needs the packages of training: pip install .*\[train\]"
    ):
        cli.find_command(name, [])
