"""docs/worlds.md quotes the committed tables of known worlds, which follow from the committed points."""

from pathlib import Path

import polars as pl
import pytest

from tests.benchmarks.worlds import above_floor, grades, markov_passes

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "experiments" / "results" / "worlds"


@pytest.fixture(scope="module")
def page() -> str:
    return (ROOT / "docs" / "worlds.md").read_text()


def percent(share: float) -> str:
    return f"{round(100 * share)}%"


def test_the_first_passes_of_the_page_are_those_of_the_points(page):
    found = pl.DataFrame([{"world": "markov"} | row for row in markov_passes(RESULTS / "points.parquet")])
    committed = pl.read_csv(RESULTS / "first-pass.csv").filter(world="markov")
    for row, was in zip(above_floor(found).to_dicts(), committed.to_dicts(), strict=True):
        assert row["once"] == pytest.approx(was["once"])
        start = f"| {row['U']:,.0f} | {row['N']:,.0f} | {row['floor']:.3f} | {row['once']:.3f} |"
        assert f"{start} {row['once_share']:.1f} |" in page


def test_regression_of_the_page_is_that_of_the_table(page):
    rows = pl.read_csv(RESULTS / "first-pass.csv").filter(pl.col("world") != "markov", pl.col("N") == 256)
    for row in rows.drop_nulls("best").iter_rows(named=True):
        once, best = (percent(row[name] / row["floor"] - 1) for name in ("once", "best"))
        middle = f"{row['floor']:.3f} | {row['once']:.3f} | {once} | {row['best']:.3f} | {best}"
        assert f"| {row['world']} | {row['U']:,.0f} | {middle} |" in page
    shares = {
        world: [f"{share:.2f}" for share in rows.filter(world=world).drop_nulls("best")["once_share"]]
        for world in ("easy", "hard")
    }
    text, easy = " ".join(page.split()), rows.filter(world="easy", U=16_384)["once_share"][0]
    assert "one pass lies {}, {}, {} and {} times the floor's own excess".format(*shares["easy"]) in text
    assert "and {}, {}, {} and {} times on the hard one".format(*shares["hard"]) in text
    assert f"(easy: {easy:.2f} at 16,384)" in text


def test_the_grades_of_the_page_follow_from_the_answers(page):
    found = grades(pl.read_csv(RESULTS / "answers.csv", infer_schema_length=None))
    for row in found.filter(pl.col("bias").is_not_null()).iter_rows(named=True):
        name = "N_1" if row["quantity"].startswith("2.") else row["quantity"]
        ends = f"{percent(row['error_low'])} to {percent(row['error_high'])}"
        start = f"| {row['world']} | {name} | {row['estimated']} | {percent(row['bias'])} | {ends} |"
        assert start + (f" {percent(row['coverage'])} |" if row["intervals"] else "") in page
    said = ("yes", "no", "undecided", "not measured")
    for row in found.drop_nulls("undecided").iter_rows(named=True):
        shares = " | ".join(percent(row[word]) for word in said)
        assert f"| {row['world']} | {row['quantity']} | {shares} |" in page
