"""`quarry notebook`: the notebooks in JupyterLab."""

import os
import shlex
import sys
from pathlib import Path

from tyro.conf import Positional

from quarry.console import make_console
from quarry.errors import DONE, RecordError
from quarry.installation import require_extra
from quarry.train.record.files import atomic_write

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
RUNS = Path("runs/quickstart")
"""The runs of the demo, which the first notebooks read if they are here."""
TABLES = ("QUARRY_RUNS", "QUARRY_CSV", "QUARRY_PUBLISHED", "QUARRY_EPOCHS")
"""Variables by which a reader gives a notebook other points."""


def command(folder: Positional[Path] = Path("notebooks"), only_copy: bool = False, jupyter: str = "") -> int:
    """Copy the notebooks into a folder of yours and open it in JupyterLab.

    Args:
        folder: The folder of the copies; a notebook that is there already is kept as it is.
        only_copy: Do not open JupyterLab.
        jupyter: Options of `jupyter lab`; by ssh, `--jupyter="--no-browser --port 8890"`.
    """
    require_extra("quarry notebook", "notebooks", "jupytext")
    copies = copy_notebooks(folder)
    console = make_console()
    console.print(f"{len(copies)} notebooks in {folder}", highlight=False, soft_wrap=True)
    if only_copy:
        return DONE
    require_extra("quarry notebook", "notebooks", "jupyterlab")
    words = ["lab", str(folder), *shlex.split(jupyter)]
    console.print(f"jupyter {shlex.join(words)}: Ctrl-C twice ends it", highlight=False, soft_wrap=True)
    open_lab(words[1:])
    return DONE


def copy_notebooks(folder: Path) -> list[Path]:
    """Each notebook as `<folder>/<name>.ipynb`; one that exists is left alone. Raises RecordError."""
    import jupytext

    copies = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for source in sorted(NOTEBOOKS.glob("[0-9]*.py")):
            copies.append(folder / f"{source.stem}.ipynb")
            if not copies[-1].exists():
                notebook = jupytext.read(source)
                notebook.metadata.pop("jupytext", None)  # JupyterLab would look for the .py beside it
                with atomic_write(copies[-1]) as partial:
                    partial.write_text(jupytext.writes(notebook, fmt="ipynb"), encoding="utf-8")
    except OSError as error:
        raise RecordError(f"cannot write notebooks to {folder}: {error.strerror}") from None
    return copies


def open_lab(words: list[str]) -> None:
    """JupyterLab in place of this process."""
    sys.stdout.flush()
    command = [sys.executable, "-m", "jupyterlab", *words]
    os.execve(sys.executable, command, os.environ | tables_here())


def tables_here() -> dict[str, str]:
    """The variables that name points, as paths that hold in any folder: a notebook runs in its own."""
    given = {name: os.environ[name] for name in TABLES if name in os.environ}
    if RUNS.is_dir():
        given.setdefault("QUARRY_RUNS", str(RUNS))
    return {name: path if "://" in path else str(Path(path).absolute()) for name, path in given.items()}
