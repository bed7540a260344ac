"""docs/selection.md quotes the committed tables of the study, which follow from its committed points."""

import math
import re

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from quarry.analysis.selection.__main__ import cells
from quarry.analysis.selection.cells import read_points, t_factor
from quarry.analysis.selection.lead import CELL, lead, words
from quarry.analysis.selection.verdicts import verdicts
from quarry.experiments.selection.floors import SEEDS, WORLDS, free_limit, multipliers, slopes
from quarry.train.data.synthetic.catalog import open_world
from tests.conftest import ROOT

RESULTS = ROOT / "experiments" / "results" / "selection"
PAGE = (ROOT / "docs" / "selection.md").read_text()


def spread_of_slopes(points: pl.DataFrame) -> tuple[dict[int, float], tuple[float, float]]:
    """Half the intervals of the slopes of the lead at 4 and 8 passes, and the slope of the mean over N at 4.

    The noise is the spread of leads between draws, pooled over the ends after at most 8 passes.
    """
    draws = [lead(points.filter(draw=draw), "online:rho").with_columns(draw=draw) for draw in range(3)]
    leads = pl.concat(draws).filter(pl.col("epochs") <= 8)
    means = leads.group_by("unique_tokens", "tokens", "epochs", "draw").agg(pl.col("lead").mean(), pl.len())
    means = means.filter(len=3).drop("len")
    halves = {k: _slope(leads.filter(n_nonembedding=24_800), leads, CELL, k)[1] for k in (4, 8)}
    return halves, _slope(means, means, ["unique_tokens", "tokens"], 4)


def _slope(leads: pl.DataFrame, noisy: pl.DataFrame, cell: list[str], passes: int) -> tuple[float, float]:
    """The slope of the lead in ln U at equal passes and half its interval."""
    spread = noisy.group_by(cell).agg(pl.col("lead").var(), pl.len()).filter(pl.col("len") > 1)
    ends = leads.filter(epochs=passes).group_by("unique_tokens").agg(pl.col("lead").mean(), pl.len())
    x = np.log(ends["unique_tokens"].to_numpy())
    x -= x.mean()
    error = math.sqrt(spread["lead"].mean() * (x**2 / ends["len"].to_numpy()).sum()) / (x @ x)
    return float(x @ ends["lead"].to_numpy() / (x @ x)), t_factor(2 * len(spread)) * error


@pytest.mark.slow
def test_the_verdicts_of_the_page_are_those_of_the_points():
    committed = pl.read_csv(RESULTS / "verdicts.csv")
    found = verdicts(pl.read_parquet(RESULTS / "points.parquet"))
    assert_frame_equal(found, committed, check_dtypes=False, rel_tol=1e-3, abs_tol=1e-4)
    without = verdicts(pl.read_parquet(RESULTS / "points.parquet").filter(pl.col("unique_tokens") > 2**13))
    row = without.filter(pl.col("n").is_null(), rule="online:rho", corpus="sotu").row(0, named=True)
    ends = (row["alpha_change" + end] for end in ("", "_low", "_high"))
    assert "the change in the table is {:+.3f} ({:+.3f} to {:+.3f}) in place of +0.020".format(*ends) in PAGE
    for row in committed.iter_rows(named=True):
        corpus, rule, size, *rest = cells(row)
        if size == "all" or corpus != "sotu":
            assert f"| {' | '.join((rule, size, *rest))} |" in PAGE


def test_what_the_page_says_of_rules_before_training_follows_from_the_verdicts():
    online = pl.col("rule").str.starts_with("online")
    rows = pl.read_csv(RESULTS / "verdicts.csv").filter(~online, corpus="sotu")
    ends = pl.max_horizontal(pl.col("alpha_change_low").abs(), pl.col("alpha_change_high").abs())
    sizes = rows.with_columns(allowed=100 * ends / pl.col("alpha_control")).group_by("n").agg(
        pl.col("allowed").min().alias("least"), pl.col("allowed").max(),
        pl.col("alpha_control").first(), pl.col("multiplier_high").max(),
    ).sort("n", nulls_last=True).to_dicts()  # fmt: skip
    *each, mean = sizes
    slopes = [f"{one['alpha_control']:.3f}" for one in (mean, *each)]
    said = "at most {:.0f} to {:.0f}% of the control's slope".format(mean["least"], mean["allowed"])
    assert said + ", {} ({}, {} and {} at the three N)".format(*slopes) in PAGE
    assert (
        "those of single sizes up to {:.0f}, {:.0f} and {:.0f}%".format(*(a["allowed"] for a in each)) in PAGE
    )
    means = {row["rule"]: row for row in rows.filter(pl.col("n").is_null()).to_dicts()}
    worse = {rule: row["multiplier"] for rule, row in means.items() if row["multiplier_high"] < 1}
    shares = "{:.0f} to {:.0f}% of the data".format(*(100 - 100 * f(worse.values()) for f in (max, min)))
    assert len(worse) == 7
    assert f"Seven of twelve lose {shares}" in PAGE
    assert all(f"{multiplier:.2f}" in PAGE for multiplier in worse.values())
    strict = verdicts(pl.read_parquet(RESULTS / "points.parquet").filter(corpus="sotu"), level=1 - 0.05 / 14)
    kept = strict.filter(~online, pl.col("n").is_null(), pl.col("multiplier_high") < 1)["rule"].to_list()
    at_each = rows.filter(pl.col("n").is_not_null(), pl.col("multiplier_high") < 1)["rule"].value_counts()
    assert kept == sorted(at_each.filter(count=3)["rule"])
    assert "these are worse at each N too: `{}`, `{}` and `{}`".format(*kept) in PAGE
    assert [rule for rule, row in means.items() if "atter" in row["verdict"]] == ["curriculum:loss"]
    best = max(means.values(), key=lambda row: row["multiplier_high"])
    largest = f"at most {best['multiplier_high'] - 1:.0%} better (`{best['rule']}`; at 99 thousand parameters"
    assert f"{largest} {each[-1]['multiplier_high'] - 1:.0%})" in PAGE
    whole = rows.filter(pl.col("n").is_not_null(), rule="random").sort("n")["multiplier"]
    assert "are worth {:.2f}, {:.2f} and {:.2f} times as much as pieces".format(*whole) in PAGE


def test_the_floors_of_the_page_are_those_of_the_table():
    found = slopes(pl.read_csv(RESULTS / "floors.csv"))
    for (world, rule), rows in found.group_by("world", "rule"):
        first, last = (
            " to ".join(f"{rows[name].drop_nulls().min():.2f} {rows[name].max():.2f}".split())
            for name in ("multiplier_first", "multiplier_last")
        )
        slope = f"{rows['slope'].min():.2f} to {rows['slope'].max():.2f}"
        assert f"| {world} | {rule} | {slope} | {first} | {last} |" in PAGE


def test_the_best_possible_choice_changes_a_constant():
    limits = {}
    for name, corpus in WORLDS.items():
        worlds = (corpus.replace("seed=1", f"seed={seed}").partition(":")[2] for seed in SEEDS)
        limits[name] = [free_limit(open_world(world)) for world in worlds]
    for name, said in (("visited", "{:.1f} to {:.1f} in `visited`"), ("tail", "{:.1f} to {:.1f} in `tail`")):
        assert said.format(min(limits[name]), max(limits[name])) in PAGE
    tail = pl.read_csv(RESULTS / "floors.csv").filter(world="tail")
    ratios = [
        ratio
        for seed in SEEDS
        for ratio in multipliers(tail.filter(seed=seed, rule="free"), tail.filter(seed=seed, rule="random"))
    ]
    assert f"where it is {min(ratios):.1f} to {max(ratios):.1f} at every U measured" in PAGE
    excess = tail.filter(rule="random").group_by("unique_tokens").agg(pl.mean("excess")).sort("unique_tokens")
    local = -np.diff(excess["excess"].log()) / np.log(2)
    assert f"from {local[0]:.2f} to {local[-1]:.2f} between neighbouring U" in PAGE


def test_the_leads_of_the_page_are_those_of_the_points():
    points = read_points([RESULTS / "points.parquet", RESULTS / "longer.parquet"]).filter(corpus="sotu")
    found = lead(points, "online:rho")
    for row in found.filter(unique_tokens=2**17).iter_rows(named=True):
        size, _, passes, of_control, loss, ahead, _, runs = words(row)
        assert f"| {size} | {passes} | {of_control} | {loss} | {ahead} | {runs} |" in PAGE
    first = points.filter(pl.col("annealed"), unique_tokens=2**17, split="validation", draw=0)
    for size in (24_800, 98_688):
        of_size = first.filter(n_nonembedding=size)
        twice = of_size.filter(selection="pieces", tokens=2**20)["loss"][0]
        online = of_size.filter(pl.col("selection").str.starts_with("online:rho"), tokens=2**19)["loss"][0]
        assert f"{online:.3f} against {twice:.3f}" in PAGE
    for passes, said in (
        (4, "+0.003, +0.004 and +0.014 at the three N"),
        (8, "0.007 and 0.012 ("),
    ):
        at_equal = found.filter(epochs=passes).group_by("n_nonembedding", maintain_order=True)
        slopes = [
            np.polyfit(rows["unique_tokens"].log(), rows["lead"], 1)[0]
            for _, rows in at_equal
            if len(rows) > 2
        ]
        assert [f"{abs(each):.3f}" for each in slopes] == re.findall(r"\d\.\d+", said)
        assert said in PAGE
    each, of_means = spread_of_slopes(points)
    assert f"at the three N, ± {each[4]:.3f} each" in PAGE
    assert "and {:+.3f} ± {:.3f} in their mean".format(*of_means) in PAGE
    assert f"0.007 and 0.012 (± {each[8]:.3f}) at 25 and 99 thousand parameters" in PAGE
    small = found.filter(epochs=8, unique_tokens=2**13)["lead"].to_list()
    assert "the rule is {:.1f} and {:.1f}% behind".format(*(-100 * each for each in small[1:])) in PAGE
    for size in (24_800, 98_688):
        of_draw = lead(points.filter(draw=0), "online:rho").filter(n_nonembedding=size, unique_tokens=2**17)
        assert ", ".join(f"{100 * each:.1f}" for each in of_draw["lead"]) + "%" in PAGE
    ten = lead(points, "online:rho?candidates=10")
    for size in (24_800, 98_688):
        of_size = first.filter(n_nonembedding=size)
        three = lead(of_size, "online:rho").filter(pl.col("tokens") <= 2**19)["lead"].to_list()
        ahead = ten.filter(n_nonembedding=size)["lead"].to_list()
        assert "three are {:.1f}% and {:.1f}% ahead".format(*(100 * each for each in three)) in PAGE
        assert f"{ahead[0]:.1%}" in PAGE
        assert f"{ahead[1]:.1%}" in PAGE
        of_three = lead(points.filter(draw=0), "online:rho").filter(n_nonembedding=size, unique_tokens=2**17)
        late = [*ahead[2:], *of_three["lead"].to_list()[2:]]
        name = {24_800: "25 thousand", 98_688: "99 thousand"}[size]
        assert "{:.1%} and {:.1%} at {name} (three: {:.1%} and {:.1%})".format(*late, name=name) in PAGE
    worst = found.filter(epochs=32, unique_tokens=2**13)["lead"].to_list()
    assert f"{-worst[1]:.1%}".rstrip("%") + f" to {-worst[0]:.1%} behind after 32 passes" in PAGE


def test_the_leads_in_the_markov_source_are_those_of_the_points():
    points = pl.read_parquet(RESULTS / "points.parquet").filter(pl.col("corpus") != "sotu")
    found = lead(points, "online:rho").with_columns(per_cent=(100 * pl.col("lead")).round(1))
    few, four, more = (
        found.filter(pl.col("epochs").is_between(*passes))["per_cent"] for passes in ((1, 2), (4, 4), (8, 32))
    )
    assert f"it is {few.min()} to {few.max()}% of the loss ahead at every N" in PAGE
    assert f"after four {max(0.0, four.min()):.1f} to {four.max()}%" in PAGE
    assert (more < 0).sum() >= 10 > 2 > (more > 0).sum()
    once = found.filter(unique_tokens=2**17, epochs=1)
    said = "{:.1f}, {:.1f} and {:.1f}% at the three N".format(*once["per_cent"])
    assert f"{said} (± {100 * once['lead_half'].max():.1f}%)" in PAGE
    at_four = found.filter(epochs=4).group_by("n_nonembedding", maintain_order=True)
    slopes = [np.polyfit(rows["unique_tokens"].log(), rows["lead"], 1)[0] for _, rows in at_four]
    assert (
        "no slope of its lead is seen ({:+.3f}, {:+.3f} and {:+.3f} at the three N)".format(*slopes) in PAGE
    )


def test_the_mixtures_of_the_page_are_those_of_the_points():
    ends = pl.read_parquet(RESULTS / "mixture.parquet").filter(split="validation")
    bits = {row["point"]: row for row in ends.iter_rows(named=True)}
    sources = ("sotu", "stdlib")
    by_source = {
        point: [row[f"bits_per_byte_on_{source}"] for source in sources] for point, row in bits.items()
    }
    small, large = by_source["n6k"], by_source["n25k"]
    excess = [one - other for one, other in zip(small, large, strict=True)]
    assert "{:.3f} and {:.3f} bits per byte in them, {:.3f} and {:.3f} more".format(*small, *excess) in PAGE
    shares = [each[0] / sum(each) for each in (small, excess)]
    assert "{:.3f} by the loss and {:.3f} by the excess".format(*shares) in PAGE
    means = {point: sum(each) / 2 for point, each in by_source.items()}
    equal = sorted(means[point] for point in ("n25k", "n25k-seed1", "n25k-seed2"))
    told = means["n25k-by-loss"], means["n25k-by-excess"], equal[0], equal[-1]
    assert "{:.3f} and {:.3f} bits per byte, the mean".format(*told) in PAGE
    assert "against {2:.3f} to {3:.3f} in three seeds".format(*told) in PAGE


FILES = ("points.parquet", "longer.parquet", "mixture.parquet", "verdicts.csv", "floors.csv", "manifest.json")


@pytest.mark.parametrize("file", FILES)
def test_results_are_committed(file):
    assert (RESULTS / file).is_file()
