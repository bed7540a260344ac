"""docs/geometry.md and docs/finetuning.md show the committed tables, which follow from what was measured."""

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from quarry.analysis.finetuning.__main__ import verdicts
from quarry.analysis.geometry.__main__ import exponents, language
from tests.conftest import ROOT
from tests.page_scripts import load_script

RESULTS = ROOT / "experiments" / "results"
GEOMETRY, FINETUNING = RESULTS / "geometry", RESULTS / "finetuning"


@pytest.mark.parametrize(
    ("page", "tables"),
    [
        ("geometry", ("students", "language", "decimation")),
        ("finetuning", ("accuracies", "exchange", "slopes", "pretraining")),
    ],
)
def test_the_page_shows_the_tables(page, tables):
    module = load_script(f"{page}_tables")
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    for table in tables:
        assert getattr(module, table)() in text


def test_exponents_follow_from_the_losses_of_students():
    students = pl.read_csv(GEOMETRY / "students.csv").filter(d=8)
    found = exponents(students, pl.read_csv(GEOMETRY / "student_dimensions.csv"))
    committed = pl.read_csv(GEOMETRY / "exponents.csv").filter(d=8)
    assert_frame_equal(found, committed, check_dtypes=False, rel_tol=1e-3, abs_tol=1e-4)


def test_the_dimensions_of_models_stand_beside_their_exponent():
    found = language(
        pl.read_parquet(GEOMETRY / "points.parquet"), pl.read_csv(GEOMETRY / "dimensions.csv"), bootstrap=0
    )
    committed = pl.read_csv(GEOMETRY / "language.csv")
    same = [name for name in found.columns if found[name].null_count() == 0]
    assert {"loss", "two_nn_low", "four_over_alpha_kaplan_n"} < set(same)
    assert_frame_equal(found[same], committed[same], check_dtypes=False, rel_tol=1e-3, abs_tol=1e-4)


def test_the_exchange_follows_from_the_accuracies():
    found = verdicts(pl.read_csv(FINETUNING / "accuracies.csv"))
    for name, table in found.items():
        committed = pl.read_csv(FINETUNING / f"{name}.csv")
        assert_frame_equal(table, committed, check_dtypes=False, rel_tol=1e-3, abs_tol=1e-4)


def test_the_page_says_which_rates_were_ahead():
    rates = pl.read_csv(FINETUNING / "rates.csv")
    means = rates.group_by("task", "n_nonembedding", "rate").agg(pl.mean("accuracy")).sort("accuracy")
    best = {row[:2]: row[2] for row in means.iter_rows()}
    assert best["language", 98_688] == best["half-century", 24_800] == 1.0
    assert best["language", 6_288] == 0.3
    *_, second, first = means.filter(task="language", n_nonembedding=6_288)["accuracy"]
    text = (ROOT / "docs" / "finetuning.md").read_text(encoding="utf-8")
    assert f"0.3 is ahead by {first - second:.3f} on languages for 6 thousand" in text
    for task in ("author", "decade"):
        ahead = {rate for (name, _), rate in best.items() if name.startswith(task)}
        assert len(ahead) == 2


def test_the_page_counts_the_exchanges_that_exclude_one():
    text = (ROOT / "docs" / "finetuning.md").read_text(encoding="utf-8")
    known = pl.read_csv(FINETUNING / "exchange.csv").drop_nulls(["factor_low", "factor_high"])
    above, below = (known["factor_low"] > 1).sum(), (known["factor_high"] < 1).sum()
    assert (above, below) == (2, 2)
    assert f"{len(known)} factors have an interval and four exclude 1, two in each direction" in text
