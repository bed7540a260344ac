"""`quarry notebook`: copies that are the reader's own, and JupyterLab on them."""

import json
import os
import sys

import pytest

from quarry import cli, installation
from quarry.analysis.commands.notebook import NOTEBOOKS, tables_here
from quarry.errors import ConfigError
from tests.conftest import ROOT


def test_every_notebook_is_numbered_on_the_site_and_among_the_copies(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.run(["notebook", "mine", "--only-copy"]) == 0
    names = sorted(source.stem for source in NOTEBOOKS.glob("*.py"))
    assert [name[:2] for name in names] == [f"{number:02d}" for number in range(1, len(names) + 1)]
    assert sorted(path.stem for path in (tmp_path / "mine").iterdir()) == names
    pages = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert all(f": notebooks/{name}.md\n" in pages for name in names)
    copy = json.loads((tmp_path / "mine" / f"{names[0]}.ipynb").read_text(encoding="utf-8"))
    assert "jupytext" not in copy["metadata"]
    assert capsys.readouterr().out == f"{len(names)} notebooks in mine\n"


def test_a_copy_that_was_changed_is_kept_and_jupyterlab_is_opened(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(installation, "find_spec", lambda name: True)
    started = []
    monkeypatch.setattr(os, "execve", lambda *words: started.append(words))
    (tmp_path / "notebooks").mkdir()
    changed = tmp_path / "notebooks" / "01_first_ladder.ipynb"
    changed.write_text("{}")
    assert cli.run(["notebook", "--jupyter=--no-browser --port 8890"]) == 0
    assert changed.read_text() == "{}"
    ((program, words, _),) = started
    assert (program, words[1:]) == (
        sys.executable,
        ["-m", "jupyterlab", "notebooks", "--no-browser", "--port", "8890"],
    )


def test_a_notebook_finds_the_points_of_the_folder_where_the_command_was_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QUARRY_CSV", "theirs.csv")
    monkeypatch.setenv("QUARRY_EPOCHS", "gs://bucket/runs")
    (tmp_path / "runs" / "quickstart").mkdir(parents=True)
    assert tables_here() == {
        "QUARRY_CSV": str(tmp_path / "theirs.csv"),
        "QUARRY_EPOCHS": "gs://bucket/runs",
        "QUARRY_RUNS": str(tmp_path / "runs" / "quickstart"),
    }


def test_without_the_extra_the_command_that_installs_it_is_named(monkeypatch):
    monkeypatch.setattr(installation, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"^quarry notebook needs jupytext: pip install .*\[notebooks\]'$"):
        cli.run(["notebook"])
