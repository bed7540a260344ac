"""Run the notebooks on the committed tables; each as .ipynb and as an HTML page: `make notebooks`."""

import os
import shlex
import sys
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from quarry import experiments
from quarry.analysis.commands.notebook import NOTEBOOKS, TABLES
from quarry.installation import requirement_elsewhere

BUILT = Path("build/notebooks")
RESULTS = Path(experiments.__file__).parent / "results"
IN_COLAB = f"""\
# where Quarry is not installed, as in Colab
import importlib.util

if importlib.util.find_spec("quarry") is None:
    %pip install --quiet {shlex.quote(requirement_elsewhere())}"""


def build(folder: Path = BUILT) -> None:
    """Write all notebooks. Raises CellExecutionError for a cell that fails."""
    folder.mkdir(parents=True, exist_ok=True)
    for source in sorted(NOTEBOOKS.glob("[0-9]*.py")):
        notebook = executed(source)
        nbformat.write(notebook, folder / f"{source.stem}.ipynb")
        page, _ = HTMLExporter().from_notebook_node(notebook, {"metadata": {"name": source.stem}})
        (folder / f"{source.stem}.html").write_text(page, encoding="utf-8")
        print(folder / f"{source.stem}.html")


def executed(source: Path) -> NotebookNode:
    """The notebook with what its cells show; a cell below its title installs Quarry where it is missing."""
    notebook = jupytext.read(source)
    notebook.metadata.pop("jupytext", None)
    notebook.cells.insert(1, new_code_cell(IN_COLAB))
    environment = {name: value for name, value in os.environ.items() if name not in TABLES}
    environment["QUARRY_RUNS"] = str(RESULTS / "quickstart")
    client = NotebookClient(notebook, timeout=1200, startup_timeout=600, kernel_name="python3")
    client.execute(env=environment)
    return notebook


if __name__ == "__main__":
    build(*map(Path, sys.argv[1:]))
