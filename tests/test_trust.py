"""docs/trust.md and the README quote the leaderboard as the committed tables have it."""

import math
from pathlib import Path

import polars as pl
import pytest

from quarry.analysis.fitting.prediction.prior import SURFACE, TABLE, TOGETHER

ROOT = Path(__file__).parents[1]
BANDS = ROOT / "experiments" / "results" / "bands"


def percent(share: float) -> str:
    return f"{100 * share:.0f}%"


@pytest.mark.parametrize(
    ("law", "table"),
    [
        ("chinchilla", "contender.csv"),
        ("auto", "contender.csv"),
        ("power-offset", "contender.csv"),
        ("broken-power", "contender.csv"),
        ("chinchilla", "simple-scaling-laws.csv"),
    ],
)
def test_the_tables_of_the_page_are_those_of_the_leaderboard(law, table):
    page = (ROOT / "docs" / "trust.md").read_text()
    for row in pl.read_csv(BANDS / table).filter(law=law).iter_rows(named=True):
        shares = [percent(row[name]) for name in ("inside_95", "largest_95", "inside_80", "largest_80")]
        ends = f"{100 * row['width_95']:.1f}% | {row['family_score_95']:.3f}"
        assert f"| {row['contender']} | {' | '.join(shares)} | {ends} |" in page


def test_the_page_says_what_synthetic_ladders_held():
    page = (ROOT / "docs" / "trust.md").read_text()
    table = pl.read_csv(BANDS / "synthetic-coverage.csv").sort("factor")
    for (truth,), rows in table.group_by("truth"):
        assert f"| {truth} | {' | '.join(map(percent, rows['inside_95']))} |" in page


def test_the_readme_quotes_the_leaderboard():
    table = pl.read_csv(BANDS / "contender.csv").filter(law="chinchilla")
    ours, alone = (
        table.filter(contender=name).row(0, named=True) for name in ("three parts (ours)", "bootstrap only")
    )
    text = " ".join((ROOT / "README.md").read_text().split())
    held = [percent(ours[name]) for name in ("inside_95", "largest_95")]
    of_law = "the 95% interval of the law `chinchilla` held"
    assert f"On {ours['splits']} splits of 31 published ladders {of_law}" in text
    points = f"{ours['points']:,} points beyond those fitted"
    assert f"{held[0]} of {points} and {held[1]} of the largest runs" in text
    assert f"published practice, {percent(alone['inside_95'])} and {percent(alone['largest_95'])}" in text


def test_the_page_says_what_the_backtests_of_optima_held():
    table = pl.read_csv(BANDS / "optima.csv")
    page = " ".join((ROOT / "docs" / "trust.md").read_text().split())
    assert f"held {table['inside'].sum()} of {table['tested'].sum()} predictions" in page


@pytest.mark.parametrize(("law", "largest"), [(SURFACE, "83%, as a mean over families"), (TOGETHER, "85%")])
def test_the_page_says_what_a_prior_holds_of_a_family_left_out(law, largest):
    table = pl.read_csv(BANDS / "left_out.csv").filter(law=law)
    page = " ".join((ROOT / "docs" / "trust.md").read_text().split())
    held, points = table["points_held"], table["points"].sum()
    assert percent(table["largest_held"].mean()) == largest[:3]
    share = percent((held * table["points"]).sum() / points)
    assert f"holds {share} of {points:,} points (of the largest runs {largest})" in page
    scores = [f"{math.exp(table[name].log().mean()):.3f}" for name in ("score", "score_with_it")]
    assert "scores {} where the prior of all scores {}".format(*scores) in page
    corpora = "corpora of different compressibility" if law == SURFACE else "the same corpora"
    assert table.sort("points_held")["family"][0] == "gzip"
    assert f"holds {percent(held.min())} ({corpora}) to {percent(held.max())}" in page


def test_the_page_says_how_the_families_held_worst_are_held_by_each():
    page = " ".join((ROOT / "docs" / "trust.md").read_text().split())
    table = pl.read_csv(BANDS / "family.csv").filter(contender="three parts (ours)")
    gzip, porian, chinchilla = (
        [table.filter(law=law, family=name).row(0, named=True) for law in ("chinchilla", "auto")]
        for name in ("gzip", "porian", "chinchilla")
    )
    words = [f"{percent(row['inside_95'])} of {row['points']}" for row in gzip]
    assert f"held worst, {words[0]} points" in page
    assert f"(laws together: {words[1]})" in page
    held = [percent(row["largest_95"]) for row in porian]
    without = pl.read_csv(BANDS / "left_out.csv").filter(law=TOGETHER, family="porian")["largest_held"][0]
    words = f"by laws together in {held[1]} ({percent(without)} of three splits by the prior chosen without"
    assert f"held in {held[0]} of the splits, {words}" in page
    one, both = ([percent(row[name]) for row in chinchilla] for name in ("largest_95", "largest_80"))
    assert both[1] == "0%"
    words = f"`chinchilla` holds {one[0]}, laws together {one[1]}, at 80% {both[0]} and none"
    assert f"of the largest runs of Chinchilla's ladder {words}" in page


def test_the_page_says_what_the_sign_of_the_backtests_is_worth():
    page = " ".join((ROOT / "docs" / "trust.md").read_text().split())
    chosen = pl.read_csv(TABLE)
    for law, digits in ((SURFACE, 3), (TOGETHER, 3), ("power-offset", 4), ("broken-power", 4)):
        row = chosen.filter(law=law).row(0, named=True)
        assert f"{row['unshifted']:.{digits}f} against {row['score']:.{digits}f}" in page
    porian = pl.read_csv(BANDS / "left_out.csv").filter(family="porian", law=SURFACE).row(0, named=True)
    assert f"({porian['unshifted_with_it']:.3f} to {porian['score_with_it']:.3f})" in page
