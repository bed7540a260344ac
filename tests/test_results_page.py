"""docs/results.md says what the tables of its claims say, and the rule of its verdicts."""

import importlib.util

import polars as pl
import pytest

from tests.conftest import ROOT

DOCS = ROOT / "docs"
TABLES = ROOT / "experiments" / "results" / "claims"


@pytest.fixture(scope="module")
def page():
    """The module that makes the page."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(DOCS)
        spec = importlib.util.spec_from_file_location("results_page", DOCS / "results_page.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module


@pytest.mark.parametrize("name", ["claims", "predictions", "porian", "costs"])
def test_the_page_holds_the_tables(page, name):
    rows = pl.read_csv(TABLES / f"{name}.csv", infer_schema_length=0).fill_null("").to_dicts()
    words = page.PAGE.read_text(encoding="utf-8")
    for marker, block in page.blocks(name, rows).items():
        assert page.filled(words, marker, block) == words


def test_costs_are_those_of_the_config_files(page):
    rows = pl.read_csv(TABLES / "costs.csv", infer_schema_length=0).to_dicts()
    assert page.results_costs.rows() == rows


def test_a_verdict_needs_an_interval_that_decides(page):
    from results_rows import AGREES, DIFFERS, OPEN, judge

    assert judge((0.4, 0.6), 0.5) == AGREES
    assert judge((0.4, 0.8), 0.5, rivals=(0.73,)) == OPEN
    assert judge((-0.1, 0.8), 0.5) == OPEN
    assert judge((0.4, None), 0.5) == OPEN
    assert judge((None, 0.4), 0.5) == judge((0.6, 0.8), 0.5) == DIFFERS
