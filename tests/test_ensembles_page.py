"""docs/ensembles.md shows the committed tables; that of gains follows from the committed ensembles."""

import polars as pl
from polars.testing import assert_frame_equal

from quarry.experiments.ensembles.__main__ import gains
from tests.conftest import ROOT
from tests.page_scripts import load_script

RESULTS = ROOT / "experiments" / "results" / "ensembles"
PAGE = (ROOT / "docs" / "ensembles.md").read_text(encoding="utf-8")


def test_the_page_shows_the_tables():
    module = load_script("ensembles_tables")
    for table in (module.gains(), module.exchange(), module.retrieval()):
        assert table in PAGE


def test_the_gains_follow_from_the_ensembles():
    found = gains(pl.read_parquet(RESULTS / "ensembles.parquet"))
    committed = pl.read_csv(RESULTS / "gains.csv")
    ends = [name for name in found.columns if name.endswith(("_low", "_high"))]
    same = {"check_dtypes": False, "rel_tol": 1e-3, "abs_tol": 1e-4}
    assert_frame_equal(found.drop(ends), committed.drop(ends), **same)
    losses = [name for name in ends if name.startswith(("one", "averaged", "larger", "above"))]
    assert_frame_equal(found.select(losses), committed.select(losses), check_dtypes=False, abs_tol=0.02)


def test_the_page_says_what_unread_tokens_gain():
    table = pl.read_csv(RESULTS / "retrieval.csv")
    own, unread = table.filter(draw=0), table.filter(draw=1)
    key = ["unique_tokens", "n_nonembedding", "epochs", "seed_init"]
    pairs = own.join(unread, on=key, suffix="_unread")
    pairs = pairs.with_columns(ratio=100 * pl.col("softened_gain") / pl.col("softened_gain_unread"))
    one, four, four_more = (
        pairs.filter(each)["ratio"]
        for each in (
            pl.col("epochs") == 1,
            (pl.col("epochs") == 4) & (pl.col("unique_tokens") == 2**14),
            (pl.col("epochs") == 4) & (pl.col("unique_tokens") == 2**16),
        )
    )
    page = " ".join(PAGE.split())
    assert f"After one pass the tokens read gain {one.min():.0f} to {one.max():.0f}%" in page
    assert f"after 4 passes {four.min():.0f} to {four.max():.0f}% on 2^14 tokens" in page
    assert f"and {four_more.min():.0f} to {four_more.max():.0f}% on 2^16" in page
    assert f"may gain {four_more.max():.0f}%" in page
