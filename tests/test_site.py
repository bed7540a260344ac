"""The site of docs/ read from its folder: it loads nothing from the network, and its search works."""

import shutil
from pathlib import Path

import pytest
from selenium.webdriver.support.ui import WebDriverWait

from tests.analysis.report.test_page import browser
from tests.conftest import ROOT
from tests.page_scripts import load_script

__all__ = ["browser"]

foreign_loads = load_script("foreign_loads").foreign_loads


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """A site of one page with the theme, the search and the scripts of ours."""
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    docs, built = tmp_path_factory.mktemp("docs"), tmp_path_factory.mktemp("site")
    (docs / "index.md").write_text("# Quarries\n\nA page about granite.\n\n![a figure](figure.svg)\n")
    (docs / "figure.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"/>')
    for name in ("site.css", "iframe-worker.js"):
        shutil.copy(ROOT / "docs" / name, docs)
    build(
        load_config(
            str(ROOT / "mkdocs.yml"), docs_dir=str(docs), site_dir=str(built), nav=None, hooks=[],
            plugins=["search", "offline"], strict=False,
        )
    )  # fmt: skip
    return built


def test_the_theme_loads_nothing_from_the_network(site):
    pages = [file for file in site.rglob("*") if file.suffix in (".html", ".css", ".js")]
    assert {file.suffix for file in pages} == {".html", ".css", ".js"}
    assert {file.name: foreign_loads(file.read_text("utf-8")) for file in pages} == {
        file.name: [] for file in pages
    }


@pytest.mark.parametrize(
    "text",
    [
        '<script defer src="HOST"></script>',
        "<script src=HOST></script>",
        '<link rel="stylesheet" href="HOST">',
        '<link href="HOST" rel="preconnect">',
        '<img alt="a badge" src="HOST">',
        "body { background: url(HOST) }",
        '@import "HOST";',
        'fetch("HOST")',
        'import("HOST")',
    ],
)
def test_what_a_browser_would_load_is_found(text):
    for host in ("https://unpkg.com/shim", "//cdn.net/shim"):
        assert foreign_loads(text.replace("HOST", host)) == [host]


@pytest.mark.parametrize(
    "text",
    [
        '<a href="https://arxiv.org/abs/2001.08361">a paper</a>',
        '<link rel="canonical" href="https://quarry.org/index.html">',
        '<img src="tour/report.png">',
        "// see https://github.com/mozilla",
    ],
)
def test_links_and_own_files_may_stay(text):
    assert foreign_loads(text) == []


@pytest.mark.slow
def test_the_search_works_from_a_folder(site, browser):
    browser.get((site / "index.html").as_uri())
    browser.execute_script(
        "const box = document.querySelector('[data-md-component=search-query]');"
        "box.focus(); box.value = 'granite'; box.dispatchEvent(new Event('keyup', {bubbles: true}))"
    )
    found = "return document.querySelector('.md-search-result__item')?.textContent"
    assert "Quarries" in WebDriverWait(browser, 20).until(lambda b: b.execute_script(found))


@pytest.mark.slow
def test_a_figure_is_turned_on_the_dark_page_alone(site, browser):
    shown = """document.body.dataset.mdColorScheme = arguments[0];
        return getComputedStyle(document.querySelector("img")).filter"""
    browser.get((site / "index.html").as_uri())
    assert browser.execute_script(shown, "default") == "none"
    assert browser.execute_script(shown, "slate").startswith("invert(1)")
