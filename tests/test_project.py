"""The files that say what the project is, where it lives and how it is built agree with pyproject.toml."""

import re
import tomllib

import jupytext
import nbformat
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_output

from tests.conftest import ROOT
from tests.page_scripts import load_script

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = set(PROJECT["optional-dependencies"])


def test_the_citation_is_of_this_project():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert (citation["version"], citation["license"]) == (PROJECT["version"], PROJECT["license"])
    urls = PROJECT["urls"]
    assert (citation["repository-code"], citation["url"]) == (urls["Repository"], urls["Homepage"])


def test_the_workflow_runs_what_ci_runs():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    steps = [step.get("run") for step in workflow["jobs"]["ci"]["steps"]]
    assert ".ci/run" in steps
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o100


def test_the_published_site_shows_the_notebooks_as_they_ran():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "notebooks.yml").read_text(encoding="utf-8"))
    steps = workflow["jobs"]["notebooks"]["steps"]
    assert "make notebooks docs" in [step.get("run") for step in steps]
    (published,) = (
        step for step in steps if step.get("uses", "").startswith("actions/upload-pages-artifact")
    )
    assert published["with"]["path"] == "build/site"
    assert workflow["jobs"]["site"]["needs"] == "notebooks"


def test_a_notebook_that_changed_since_it_ran_is_shown_as_it_is(tmp_path):
    """With the outputs of another version its page would show numbers of other code."""
    pages, source = load_script("notebook_pages"), tmp_path / "01_a.py"
    source.write_text("# %% [markdown]\n# # Title\n\n# %%\n1 + 1\n")
    notebook = jupytext.read(source)
    assert pages.read_notebook(source, tmp_path).cells[1].outputs == []
    notebook.cells[1].outputs = [new_output("stream", text="2")]
    notebook.cells.insert(1, new_code_cell("where Quarry is not installed"))
    nbformat.write(notebook, tmp_path / "01_a.ipynb")
    assert pages.read_notebook(source, tmp_path).cells[2].outputs[0].text == "2"
    source.write_text(source.read_text().replace("1 + 1", "1 + 2"))
    assert pages.read_notebook(source, tmp_path).cells[1].outputs == []


def test_the_site_can_be_read_from_its_folder():
    """Its links name files, not folders, of which a browser without a server shows the listing."""
    words = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert re.search(r"^plugins:\n(?:  .*\n)*?  - offline\n", words, re.MULTILINE)


@pytest.mark.parametrize("image", ["gpu", "tpu"])
def test_an_image_installs_extras_that_exist(image):
    text = (ROOT / "docker" / f"{image}.Dockerfile").read_text(encoding="utf-8")
    (extras,) = re.findall(r"pip install .*\[(.*)\]", text)
    assert {"gpu": "cuda", "tpu": "tpu"}[image] in extras.split(",")
    assert set(extras.split(",")) <= EXTRAS


def test_every_extra_that_a_page_names_exists():
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    named = {
        extra
        for page in pages
        for words in re.findall(r"(?:\.|quarry-scaling)\[([\w,]+)\]", page.read_text(encoding="utf-8"))
        for extra in words.split(",")
    }
    assert "train" in named
    assert named <= EXTRAS
