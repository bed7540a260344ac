"""The notebooks as pages of the site: as `make notebooks` ran them, or without output where it has not."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import jupytext
import nbformat
from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File
from nbconvert import MarkdownExporter
from nbformat import NotebookNode

from quarry.analysis.commands.notebook import NOTEBOOKS

BUILT = Path("build/notebooks")
PROJECT = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
REPOSITORY = PROJECT["urls"]["Repository"].removeprefix("https://github.com/")
COLAB = "https://colab.research.google.com"


def notebook_files(config: MkDocsConfig) -> Iterator[File]:
    """For each notebook its page, its figures, and itself to download."""
    for source in sorted(NOTEBOOKS.glob("[0-9]*.py")):
        name = source.stem
        notebook = read_notebook(source)
        resources = {"output_files_dir": name}
        page, resources = MarkdownExporter().from_notebook_node(notebook, resources)
        page = page.replace('<table border="1" class="dataframe">', "<table>")  # the theme's own tables
        yield File.generated(config, f"notebooks/{name}.md", content=with_links(name, page))
        yield File.generated(config, f"notebooks/{name}.ipynb", content=nbformat.writes(notebook))
        for figure, data in resources["outputs"].items():
            yield File.generated(config, f"notebooks/{figure}", content=data)


def read_notebook(source: Path, built: Path = BUILT) -> NotebookNode:
    """The notebook as it was run, or its source if it has changed since or was not run."""
    notebook, run = jupytext.read(source), built / f"{source.stem}.ipynb"
    if not run.exists():
        return notebook
    executed = nbformat.read(run, as_version=4)
    texts = [cell.source for cell in executed.cells]
    del texts[1:2]  # the cell that installs Quarry in Colab
    return executed if texts == [cell.source for cell in notebook.cells] else notebook


def with_links(name: str, page: str) -> str:
    """The page with a line below its title that opens the notebook elsewhere, and formulas as MathML."""
    title, text = re.fullmatch(r".*?^(# [^\n]+)\n(.*)", page, re.DOTALL | re.MULTILINE).groups()
    there = f"{COLAB}/github/{REPOSITORY}/blob/notebooks/{name}.ipynb"
    line = f"[Open in Colab]({there}) · [{name}.ipynb]({name}.ipynb) · `quarry notebook` opens all of them"
    return f"{title}\n\n{line}\n{with_formulas(text)}"


def with_formulas(text: str) -> str:
    """$...$ and $$...$$ outside code as MathML, which browsers draw without a script."""
    parts = re.split(r"(^```.*?^```$|`[^`\n]*`)", text, flags=re.DOTALL | re.MULTILINE)
    parts[::2] = [_formulas(part) for part in parts[::2]]
    return "".join(parts)


def _formulas(text: str) -> str:
    text = re.sub(r"\$\$(.+?)\$\$", lambda found: convert(found[1], display="block"), text, flags=re.DOTALL)
    return re.sub(r"\$(?! )([^$\n]+?)(?<! )\$", _inline, text)


def _inline(found: re.Match[str]) -> str:
    """A formula in a line; Markdown takes a line that begins with <math> for a paragraph of its own."""
    return f"<span>{convert(found[1])}</span>"
