"""docs/results.md says what the tables of its claims say, and the rule of its verdicts."""

import polars as pl
import pytest

from quarry import fit
from quarry.text import number
from tests.conftest import ROOT
from tests.page_scripts import load_script

TABLES = ROOT / "experiments" / "results" / "claims"


@pytest.fixture(scope="module")
def page():
    """The module that makes the tables of the page."""
    return load_script("results_tables")


@pytest.mark.parametrize("name", ["claims", "predictions", "porian", "costs", "prose"])
def test_the_page_holds_the_tables(page, name):
    rows = pl.read_csv(TABLES / f"{name}.csv", infer_schema_length=0).fill_null("").to_dicts()
    words = page.PAGE.read_text(encoding="utf-8")
    for marker, block in page.blocks(name, rows).items():
        assert page.filled(words, marker, block) == words


def test_every_scale_of_a_paper_has_its_cost():
    counted = set(pl.read_csv(TABLES / "costs.csv")["study"])
    assert {str(folder.relative_to(ROOT)) for folder in (ROOT / "experiments").glob("*/paper")} <= counted


@pytest.mark.slow
def test_costs_are_those_of_the_config_files():
    rows = pl.read_csv(TABLES / "costs.csv", infer_schema_length=0).to_dicts()
    assert load_script("results_costs").rows() == rows


def test_sentences_with_numbers_are_made_from_the_tables(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs" / "scripts")
    rows = pl.read_csv(TABLES / "prose.csv", infer_schema_length=0).to_dicts()
    assert load_script("results_prose").rows() == rows


def test_rows_of_henighan_are_those_of_the_study_of_modalities(page, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs" / "scripts")  # the script imports others beside it
    claims = pl.read_csv(TABLES / "claims.csv", infer_schema_length=0).drop("number").to_dicts()
    rows = [row.cells() for row in load_script("results_modalities").rows()]
    assert len(rows) == 12
    assert [row for row in claims if row["source"] == "Henighan 2020, Table 1"] == rows
    assert {row["verdict"] for row in rows if "L_inf" in row["why"]} == {page.OPEN}


def test_what_the_page_says_of_kaplans_protocol_is_in_its_tables(page):
    claims = pl.read_csv(TABLES / "claims.csv").filter(pl.col("claim").str.contains("Kaplan's protocol"))
    both = claims.filter(pl.col("claim").str.starts_with("L(N, D)"))
    factors = [float(ours.split()[0]) / float(theirs) for ours, theirs in both["ours", "published"].rows()]
    assert max(factors) < 1.6
    text = " ".join(page.PAGE.read_text().split())
    assert "are within a factor of 1.6 of the paper's" in text
    held_out = pl.read_csv(TABLES / "predictions.csv").filter(text="speeches, Kaplan's protocol")
    assert f"misses by {held_out['largest error'].item()} at worst" in text


FITTED = {
    "kaplan_nd": {"kaplan-nd": ("alpha_N", "alpha_D", "data_exponent"), "kaplan-d": ("alpha_D",)},
    "quickstart": {"kaplan-n": ("alpha_N",)},
    "kaplan_batch": {"critical-batch": ("alpha_B",)},
}
"""Rows that one cheap fit to a table gives: by study and law."""


@pytest.mark.slow
@pytest.mark.parametrize("study", FITTED)
def test_estimates_of_the_rows_are_those_of_fits_to_the_tables(study):
    claims = pl.read_csv(TABLES / "claims.csv").filter(pl.col("command").str.contains(f"results/{study}/"))
    for law, names in FITTED[study].items():
        found = fit(TABLES.parent / study / "points.parquet", law, bootstrap=0)
        rows = claims.filter(pl.col("command").str.ends_with(f"--law {law}"))["ours"].to_list()
        values = [(found.params | found.derived)[name] for name in names]
        assert [row.split()[0] for row in rows] == [number(value, 3) for value in values]


def test_the_sizes_of_the_page_are_those_of_its_studies(page):
    tables = ("quickstart", "kaplan_nd", "chinchilla_isoflop", "epochs")
    sizes = [pl.read_parquet(TABLES.parent / name / "points.parquet")["n_nonembedding"] for name in tables]
    small, large = min(n.min() for n in sizes), max(n.filter(n < 1e6).max() for n in sizes)
    text = " ".join(page.PAGE.read_text().split())
    assert f"The runs are small: {small / 1e3:.0f} thousand to {large / 1e3:.0f} thousand parameters" in text


def test_a_verdict_needs_an_interval_that_decides(page):
    judge = page.judge
    assert judge((0.4, 0.6), 0.5) == page.AGREES
    assert judge((0.4, 0.8), 0.5, rivals=(0.73,)) == page.OPEN
    assert judge((-0.1, 0.6), 0.5) == judge((0.1, 0.9), 0.5) == page.OPEN
    assert judge((0.4, None), 0.5) == page.OPEN
    assert judge((None, 0.4), 0.5) == judge((0.6, 0.8), 0.5) == page.DIFFERS


def _annealed(path: str) -> pl.DataFrame:
    """The annealed validation loss of each size, trial and length of a table."""
    name = pl.coalesce("trunk", "point")
    rows = pl.read_parquet(TABLES.parent / path).filter(pl.col("annealed"), split="validation").sort("step")
    rows = rows.with_columns(size=name.str.extract("^([^-]+)"), trial=name.str.extract("-(.*)$"))
    return rows.group_by("size", pl.col("trial").fill_null("ladder"), "tokens").agg(pl.col("loss").last())


def test_the_trials_of_porians_last_step_are_those_of_the_tables(page):
    words = " ".join(page.PAGE.read_text(encoding="utf-8").split())
    tables = ("porian/trials.parquet", "porian/small-batch.parquet", "chinchilla_isoflop/points.parquet")
    ends = pl.concat(map(_annealed, tables)).pivot("trial", index=["size", "tokens"], values="loss")
    counts = {}
    for batch, same in (("small-batch", "small-batch"), ("large-batch", "ladder")):
        rates = (f"{batch}-half", same, f"{batch}-twice")
        best = ends.drop_nulls(rates).select(pl.concat_list(rates).list.arg_min()).to_series().to_list()
        counts[batch] = [best.count(place) for place in (1, 0, 2)]
    assert (
        "at that rate in {}, at half of it in {} and at twice it in {};".format(*counts["small-batch"])
        in words
    )
    assert "the batch of 1,024 in {}, {} and {}.".format(*counts["large-batch"]) in words
    assert f"of the {sum(sum(each[1:]) for each in counts.values())} of 52 where its end is best" in words
    worse = [
        (100 * (ends[f"small-batch-{beta2}"] / ends["small-batch"] - 1)).drop_nulls()
        for beta2 in ("beta95", "beta999")
    ]
    means, ranges = (
        [f"{each.mean():.1f}%" for each in worse],
        [f"{e.min():+.1f}% to {e.max():+.1f}%" for e in worse],
    )
    assert "{} and {} of the loss in the mean ({}, {};".format(*means, *ranges) in words
