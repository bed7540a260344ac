"""The table of docs/data.md is that of the committed results, and the page names every source."""

import importlib.util

from quarry.train.data.corpora import SOURCES
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")


def test_the_table_is_that_of_the_results():
    spec = importlib.util.spec_from_file_location("data_table", ROOT / "docs" / "data_table.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.table() in PAGE


def test_the_page_names_every_source():
    for name, source in SOURCES.items():
        assert source.usage.startswith(name)
        assert f"| `{name}" in PAGE
