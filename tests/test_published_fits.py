"""The first numbers of docs/published_fits.md are those of the command above them."""

import re

import pytest

from quarry import fit
from quarry.text import interval, number
from tests.conftest import ROOT
from tests.guides import blocks, quarry_lines
from tests.published import published

GUIDE = "published_fits.md"
TEXT = (ROOT / "docs" / GUIDE).read_text(encoding="utf-8")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def chinchilla():
    command = "quarry fit $DATA/chinchilla_234.csv --law chinchilla --bootstrap 4000"
    assert command in quarry_lines(blocks(GUIDE, ""))
    return fit(published("chinchilla_234.csv"), "chinchilla", bootstrap=4000)


def row(name: str) -> list[str]:
    """The cells after the first of the first table's row of this name."""
    found = re.search(rf"^\| {re.escape(name)}[^|]*\|(.*)\|$", TEXT, re.MULTILINE)
    assert found, name
    return [cell.strip() for cell in found[1].split("|")]


@pytest.mark.parametrize("name", ["L_inf", "alpha", "beta"])
def test_the_parameters_and_intervals_of_chinchillas_runs(chinchilla, name):
    value, ends = row(name)[:2]
    assert float(value) == float(number(chinchilla.params[name]))
    assert ends == interval(chinchilla.interval[name])


def test_the_plan_the_objective_and_the_starts_of_chinchillas_runs(chinchilla):
    assert row("a = beta")[:2] == [
        f"{chinchilla.derived['a']:.4f}",
        interval(chinchilla.derived_interval["a"]),
    ]
    assert row("sum of Huber")[0] == f"{chinchilla.objective:.12f}"
    starts = chinchilla.diagnostics.n_starts_agreeing, chinchilla.diagnostics.n_starts
    assert "{:,} of {:,} starts reach this minimum".format(*starts) in TEXT
    assert chinchilla.diagnostics.other_minima == ()
    assert f"by {chinchilla.diagnostics.misfit.size:.2%} of the loss" in TEXT
