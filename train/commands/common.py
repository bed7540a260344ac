"""What the commands of training share: options, exit codes, where studies are found by name."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

from quarry.cache import cache_directory
from quarry.console import make_console
from quarry.errors import DONE, FAILED, PREEMPTED

if TYPE_CHECKING:
    from quarry.train.run.finished import TrainedModel

EXIT_CODES = {"finished": DONE, "diverged": FAILED, "failed": FAILED, "preempted": PREEMPTED}
"""The exit code for the status of a run or a sweep."""

File = Annotated[Positional[Path], arg(help="A scale-point file: it defines `config = Experiment(...)`.")]
Workdir = Annotated[Path, arg(help="The directory of runs: a folder, or gs://bucket/folder.")]
RunPath = Annotated[
    Positional[Path], arg(help="A run directory, such as runs/quickstart/n6k; also gs://bucket/runs/...")
]
Cache = Annotated[
    Path | None,
    arg(help="Corpora, token stores and compiled programs; default $QUARRY_CACHE, else ~/.cache/quarry."),
]
RUNS = Path("runs")
SAVED = "saved; the same command resumes"
"""The last line of a run or sweep that was asked to stop, by Ctrl-C for instance."""


def cache_or_default(cache: Path | None) -> Path:
    """The folder that --cache names, else the default one."""
    return cache or cache_directory()


def read_model(run: Path, cache: Path) -> "TrainedModel":
    """The model of a run directory; a line on standard error tells of a run that has not finished."""
    from quarry.train.run.finished import read_trained

    console = make_console(stderr=True)
    return read_trained(run, cache, say=lambda note: console.print(note, highlight=False, soft_wrap=True))


def study_folders() -> list[Path]:
    """The folders in which a study is found by name: those of `quarry.experiments`.

    They are looked up, not imported: experiments import this package.
    """
    spec = find_spec("quarry.experiments")
    assert spec is not None
    return [Path(os.path.relpath(folder)) for folder in spec.submodule_search_locations or ()]
