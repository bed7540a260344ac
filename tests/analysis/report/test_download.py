"""The rows that the page saves: read back they are the points of the runs themselves."""

import polars as pl
import pytest

from quarry import fit
from quarry.analysis.points.loading import load_points
from quarry.analysis.report.download import FIRST, saved_columns
from quarry.analysis.report.source import read_source
from tests.analysis.synthetic_runs import write_ladder, write_run


def saved(source, folder):
    """The file that the page on `source` saves."""
    table = pl.DataFrame(saved_columns(read_source(source)), strict=False)
    table.write_csv(folder / "points.csv")
    return folder / "points.csv"


@pytest.fixture(scope="module")
def branched(tmp_path_factory):
    """A ladder with a branch and a run that diverged."""
    root = write_ladder(tmp_path_factory.mktemp("runs") / "ladder", (8_000, 24_000, 70_000, 200_000, 600_000))
    write_run(root / "n8000-half", n=8_000, tokens=1_000_000, trunk="n8000", seed=7)
    write_run(root / "n70000-hot", n=70_000, status="diverged")
    return root


@pytest.mark.slow
def test_the_saved_points_of_runs_are_fitted_as_the_runs_are(branched, tmp_path):
    file = saved(branched, tmp_path)
    theirs, own = fit(file, "kaplan-n", bootstrap=100), fit(branched, "kaplan-n", bootstrap=100)
    assert (theirs.params, theirs.interval) == (own.params, own.interval)


def test_saved_branches_belong_to_their_trunk_and_diverged_runs_are_left_out_by_their_status(
    branched, tmp_path
):
    columns = ("run", "N", "E", "U", "C", "loss", "annealed")
    read, own = (load_points(source, annealed_only=False) for source in (saved(branched, tmp_path), branched))
    assert read.table.select(columns).equals(own.table.select(columns))
    assert read.table["run"].n_unique() == 5
    assert "status diverged" in {each.reason for each in read.excluded}


@pytest.mark.parametrize("named", [True, False])
def test_the_saved_points_of_a_table_are_its_rows_without_empty_columns(named, tmp_path):
    rows = {"params": [1e6, 2e6, 4e6, 4e6], "D": [1e8, 2e8, 4e8, 2e8], "val_loss": [3.5, 3.2, 3.0, 3.1]}
    rows |= {"run": ["a", "b", "c", "c"]} if named else {}
    theirs = tmp_path / "theirs.csv"
    pl.DataFrame(rows | {"status": [None] * 4}).write_csv(theirs)
    again = pl.read_csv(saved(theirs, tmp_path))
    assert tuple(again.columns[:4] if named else ("run", *again.columns[:3])) == FIRST
    assert "status" not in again.columns
    read, own = (load_points(source).table for source in (tmp_path / "points.csv", theirs))
    columns = ("run", "N", "E", "U", "C", "loss")
    assert read.select(columns).equals(own.select(columns))
