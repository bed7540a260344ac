"""docs/results.md says what the tables of its claims say, and the rule of its verdicts."""

import polars as pl
import pytest

from tests.conftest import ROOT
from tests.page_scripts import load_script

TABLES = ROOT / "experiments" / "results" / "claims"


@pytest.fixture(scope="module")
def page():
    """The module that makes the tables of the page."""
    return load_script("results_tables")


@pytest.mark.parametrize("name", ["claims", "predictions", "porian", "costs"])
def test_the_page_holds_the_tables(page, name):
    rows = pl.read_csv(TABLES / f"{name}.csv", infer_schema_length=0).fill_null("").to_dicts()
    words = page.PAGE.read_text(encoding="utf-8")
    for marker, block in page.blocks(name, rows).items():
        assert page.filled(words, marker, block) == words


@pytest.mark.slow
def test_costs_are_those_of_the_config_files():
    rows = pl.read_csv(TABLES / "costs.csv", infer_schema_length=0).to_dicts()
    assert load_script("results_costs").rows() == rows


def test_a_verdict_needs_an_interval_that_decides(page):
    judge = page.judge
    assert judge((0.4, 0.6), 0.5) == page.AGREES
    assert judge((0.4, 0.8), 0.5, rivals=(0.73,)) == page.OPEN
    assert judge((-0.1, 0.6), 0.5) == judge((0.1, 0.9), 0.5) == page.OPEN
    assert judge((0.4, None), 0.5) == page.OPEN
    assert judge((None, 0.4), 0.5) == judge((0.6, 0.8), 0.5) == page.DIFFERS
