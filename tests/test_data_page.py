"""The table of docs/data.md is that of the committed results, and the page names every source."""

from quarry.train.data.corpora import SOURCES
from tests.conftest import ROOT
from tests.page_scripts import load_script

PAGE = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")


def test_the_table_is_that_of_the_results():
    module = load_script("data_table")
    assert module.table() in PAGE


def test_the_page_names_every_source():
    for name, source in SOURCES.items():
        assert source.usage.startswith(name)
        assert f"| `{name}" in PAGE
