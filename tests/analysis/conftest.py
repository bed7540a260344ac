"""Runs that several tests of the analysis read, and how their fits are kept short."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from quarry.analysis.epochs import least_squares
from quarry.analysis.fitting import search, solver
from quarry.analysis.fitting.prediction import rolling_origin
from quarry.analysis.laws.law import Law
from tests.analysis.synthetic_runs import write_ladder, write_run

STARTS, FEWEST = 256, 16
"""The most starts of a law's grid that a search tries; refits try an eighth of users', at least so many."""

POINTS = 384
"""A table of so many points is searched whole: by a part of it, a law would be compiled for both sizes."""

POLISHING = 100
"""Iterations that polish the minima found: a lane in a valley without a bottom takes all that it may."""

RESAMPLES = 20
"""Refits of each cut of a backtest, up to 13 a fit: users' 40 are more lanes than 100 draws of the runs."""

USERS = search._grid, search._ENOUGH_POINTS, search._POLISHING, rolling_origin._DRAWS
"""A search as users have it: up to 4,500 starts, 128 points, 1,000 iterations; and 40 resamples of a cut."""


@pytest.fixture(scope="module", autouse=True)  # a folder without __init__.py is no package to pytest
def part_of_the_grid() -> Iterator[None]:
    """A search tries a sample of a law's starts: all 4,500 were most of the time of a test that fits."""
    yield from _searching(_part, POINTS, POLISHING, RESAMPLES)


@pytest.fixture
def whole_grid() -> Iterator[None]:
    """The search as users have it, for the tests of the search itself."""
    yield from _searching(*USERS)


@pytest.fixture(scope="module", autouse=True)
def one_refined() -> Iterator[None]:
    """A surface of the study of epochs is refined from the best of its 2,000 starts, not from three."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(least_squares, "_REFINED", 1)
        yield


@pytest.fixture(scope="module", autouse=True)
def one_level() -> Iterator[None]:
    """Fits of many points are compiled as those of few: not at all optimised they run five times as long."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(solver, "_FEW_POINTS", sys.maxsize)
        yield


def _part(law: Law, most: int) -> np.ndarray:
    return USERS[0](law, min(STARTS, max(FEWEST, most // 8)))


def _searching(
    grid: Callable[[Law, int], np.ndarray], points: int, polishing: int, resamples: int
) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "_grid", grid)
        patch.setattr(search, "_ENOUGH_POINTS", points)
        patch.setattr(search, "_POLISHING", polishing)
        patch.setattr(rolling_origin, "_DRAWS", resamples)
        yield


@pytest.fixture(scope="module")
def ladder(tmp_path_factory) -> Path:
    """A ladder of synthetic runs, one of them diverged."""
    root = write_ladder(tmp_path_factory.mktemp("runs") / "ladder")
    write_run(root / "n70000-hot", n=70_000, status="diverged")
    return root
