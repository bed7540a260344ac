"""Which tests one worker of pytest-xdist runs together, and which come first.

pytest-xdist 3.8 writes the groups of `xdist_group` into the names of tests, where pytest 9.2 does not look:
each worker would make every module's fixtures. Here a module's tests stay together by the module's name.
"""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).resolve().parents[1]
ANALYSIS = ROOT / "tests" / "analysis"

FITTED_ON_DESIGNS = ("recovery", "bootstrap", "misfit", "estimation", "solver")
"""Modules of tests/analysis/fitting that fit every law on the same designs: one worker compiles each once."""

SAME_LAWS = [f"tests/analysis/fitting/test_{name}.py" for name in FITTED_ON_DESIGNS]

LONGEST = tuple(
    f"tests/{module}.py"
    for module in (
        "train/launch/test_slurm",
        "test_commands",
        "test_chaos",
        "train/hosts/test_joining",
        "analysis/notebooks/test_notebooks",
        "analysis/epochs/test_study",
        "train/inspect/test_compile",
        *(f"analysis/fitting/test_{name}" for name in FITTED_ON_DESIGNS),
        "train/run/test_stacking",
        "train/run/test_meshes",
        "train/run/test_kill",
        "train/config/test_branches",
    )
)
"""The modules that take longest begin first: begun last, each would keep one worker busy after the others."""


class ByModule(LoadScopeScheduling):
    """Modules that share fits or runs go to one worker whole, other tests one by one; all in their order."""

    def __init__(self, config: pytest.Config, log: Any = None) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.split("::")[0]
        return worker_group(module) if stays_together(module) else nodeid


def worker_group(module: str) -> str:
    """The name of what goes to one worker whole: modules of SAME_LAWS together, others alone."""
    return SAME_LAWS[0] if module in SAME_LAWS else module


@cache
def stays_together(module: str) -> bool:
    """Those of the analysis, whose tests share fits and compiled laws, those marked `xdist_group`, and those
    with a fixture that is made once for the module.

    Not the notebooks: they share little, and would keep one worker busy after the others.
    """
    path = ROOT / module
    if ANALYSIS in path.parents:
        return path.parent.name != "notebooks"
    text = path.read_text() if path.is_file() else ""
    return "pytest.mark.xdist_group(" in text or 'fixture(scope="module")' in text


def begin_with_the_longest(items: list[pytest.Item]) -> None:
    """Sort tests: those of LONGEST in its order, then the others in theirs."""
    rank = {module: place for place, module in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.nodeid.split("::")[0], len(rank)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByModule | None:
    """For --dist loadgroup."""
    return ByModule(config, log) if config.getvalue("dist") == "loadgroup" else None
