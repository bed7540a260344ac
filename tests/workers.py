"""Which tests one worker of pytest-xdist runs together.

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


class ByModule(LoadScopeScheduling):
    """Modules that share fits or runs go to one worker whole, other tests one by one."""

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.split("::")[0]
        return module if stays_together(module) else nodeid


@cache
def stays_together(module: str) -> bool:
    """Those of the analysis, whose tests share fits and compiled laws, and those marked `xdist_group`.

    Not the notebooks: they share little, and would keep one worker busy after the others.
    """
    path = ROOT / module
    if ANALYSIS in path.parents:
        return path.parent.name != "notebooks"
    return path.is_file() and "pytest.mark.xdist_group(" in path.read_text()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByModule | None:
    """For --dist loadgroup."""
    return ByModule(config, log) if config.getvalue("dist") == "loadgroup" else None
