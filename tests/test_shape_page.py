"""docs/shape.md shows the committed tables, which follow from the committed points."""

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from quarry.experiments.kaplan_architectures import __main__ as architectures
from quarry.experiments.kaplan_context import __main__ as context
from quarry.experiments.kaplan_shape import __main__ as shape
from tests.conftest import ROOT
from tests.page_scripts import load_script

RESULTS = ROOT / "experiments" / "results" / "shape"
PAGE = (ROOT / "docs" / "shape.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def points() -> pl.DataFrame:
    return pl.read_parquet(RESULTS / "points.parquet")


def test_the_page_shows_the_tables():
    module = load_script("shape_tables")
    for table in (module.architectures(), module.shapes(), module.contexts()):
        assert table in PAGE


@pytest.mark.parametrize(
    ("study", "file", "verdict"),
    [
        ("architectures", "architectures", lambda of: architectures.compared(architectures.losses(of))),
        ("shape", "shapes", shape.compared),
        ("context", "contexts", lambda of: context.tokens_to(context.curves(of))),
    ],
)
def test_the_tables_follow_from_the_points(points, study, file, verdict):
    found = verdict(points.filter(study=f"kaplan_{study}"))
    committed = pl.read_csv(RESULTS / f"{file}.csv")
    assert_frame_equal(found, committed, check_dtypes=False, rel_tol=1e-3, abs_tol=1e-4)
