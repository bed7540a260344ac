"""docs/trust.md and the README quote the leaderboard as the committed tables have it."""

import math
from pathlib import Path

import polars as pl
import pytest

from quarry.analysis.fitting.prediction.prior import TABLE

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


def test_the_page_says_what_a_prior_holds_of_a_family_left_out():
    table = pl.read_csv(BANDS / "left_out.csv")
    page = " ".join((ROOT / "docs" / "trust.md").read_text().split())
    held, points = table["points_held"], table["points"].sum()
    assert f"it holds {percent((held * table['points']).sum() / points)} of {points:,} points" in page
    scores = [f"{math.exp(table[name].log().mean()):.3f}" for name in ("score", "score_with_it")]
    assert "scores {} where the prior of all scores {}".format(*scores) in page
    assert (
        f"holds {percent(held.min())} (corpora of different compressibility) to {percent(held.max())}" in page
    )


def test_the_page_says_what_the_sign_of_the_backtests_is_worth():
    page = " ".join((ROOT / "docs" / "trust.md").read_text().split())
    chosen = pl.read_csv(TABLE)
    for law, digits in (("a law of several inputs", 3), ("power-offset", 4), ("broken-power", 4)):
        row = chosen.filter(law=law).row(0, named=True)
        assert f"{row['unshifted']:.{digits}f} against {row['score']:.{digits}f}" in page
    porian = pl.read_csv(BANDS / "left_out.csv").filter(family="porian").row(0, named=True)
    assert f"({porian['unshifted_with_it']:.3f} to {porian['score_with_it']:.3f})" in page
