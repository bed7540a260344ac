"""Runs that several tests of the analysis read, and how their fits are kept short."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from quarry.analysis.fitting import search
from quarry.analysis.laws.law import Law
from tests.analysis.synthetic_runs import write_ladder, write_run

STARTS = 256
"""At most so many starts of a law's grid are tried."""

ALL = search._grid
"""The starts as users have them, up to 4,500."""


@pytest.fixture(scope="module", autouse=True)  # a folder without __init__.py is no package to pytest
def part_of_the_grid() -> Iterator[None]:
    """A search tries a sample of a law's starts: all 4,500 were most of the time of a test that fits."""
    yield from _searching(lambda law, most: ALL(law, min(most, STARTS)))


@pytest.fixture
def whole_grid() -> Iterator[None]:
    """The search as users have it, for the tests of the search itself."""
    yield from _searching(ALL)


def _searching(grid: Callable[[Law, int], np.ndarray]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "_grid", grid)
        yield


@pytest.fixture(scope="module")
def ladder(tmp_path_factory) -> Path:
    """A ladder of synthetic runs, one of them diverged."""
    root = write_ladder(tmp_path_factory.mktemp("runs") / "ladder")
    write_run(root / "n70000-hot", n=70_000, status="diverged")
    return root
