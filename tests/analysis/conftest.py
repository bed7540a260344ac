"""Runs that several tests of the analysis read."""

from pathlib import Path

import pytest

from tests.analysis.synthetic_runs import write_ladder, write_run


@pytest.fixture(scope="module")
def ladder(tmp_path_factory) -> Path:
    """A ladder of synthetic runs, one of them diverged."""
    root = write_ladder(tmp_path_factory.mktemp("runs") / "ladder")
    write_run(root / "n70000-hot", n=70_000, status="diverged")
    return root
