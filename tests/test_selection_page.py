"""docs/selection.md quotes the committed tables of the study, which follow from its committed points."""

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from quarry.analysis.selection.__main__ import cells
from quarry.analysis.selection.verdicts import verdicts
from quarry.experiments.selection.floors import slopes
from tests.conftest import ROOT

RESULTS = ROOT / "experiments" / "results" / "selection"
PAGE = (ROOT / "docs" / "selection.md").read_text()


@pytest.mark.slow
def test_the_verdicts_of_the_page_are_those_of_the_points():
    committed = pl.read_csv(RESULTS / "verdicts.csv")
    found = verdicts(pl.read_parquet(RESULTS / "points.parquet"))
    assert_frame_equal(found, committed, check_dtypes=False, rel_tol=1e-3, abs_tol=1e-4)
    for row in committed.iter_rows(named=True):
        corpus, rule, size, *rest = cells(row)
        if size == "all" or corpus != "sotu":
            assert f"| {' | '.join((rule, size, *rest))} |" in PAGE


def test_the_floors_of_the_page_are_those_of_the_table():
    found = slopes(pl.read_csv(RESULTS / "floors.csv"))
    for (world, rule), rows in found.group_by("world", "rule"):
        first, last = (
            " to ".join(f"{rows[name].drop_nulls().min():.2f} {rows[name].max():.2f}".split())
            for name in ("multiplier_first", "multiplier_last")
        )
        slope = f"{rows['slope'].min():.2f} to {rows['slope'].max():.2f}"
        assert f"| {world} | {rule} | {slope} | {first} | {last} |" in PAGE


@pytest.mark.parametrize("file", ["points.parquet", "verdicts.csv", "floors.csv", "manifest.json"])
def test_results_are_committed(file):
    assert (RESULTS / file).is_file()
