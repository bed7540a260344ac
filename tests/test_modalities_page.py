"""docs/modalities.md quotes the committed tables of the study, which follow from its committed points."""

import polars as pl
import pytest

from quarry.analysis.fitting.estimation import fit
from quarry.analysis.modalities.ladders import BESIDE, ladders
from quarry.experiments.henighan import MODALITIES
from tests.conftest import ROOT
from tests.page_scripts import load_script

RESULTS = ROOT / "experiments" / "results" / "henighan"
PAGE = (ROOT / "docs" / "modalities.md").read_text()


@pytest.fixture(scope="module")
def exponents() -> pl.DataFrame:
    return pl.read_csv(RESULTS / "exponents.csv")


def test_the_tables_of_the_page_are_those_of_the_results():
    module = load_script("modalities_table")
    for title, table in module.tables().items():
        assert table in PAGE, title


def test_the_laws_of_size_follow_from_the_points(exponents):
    """L(N) alone of one corpus: the others are fitted in the same way."""
    ladder = next(one for one in ladders(RESULTS / "points.parquet") if one.corpus == "fashion?size=8")
    [row] = exponents.filter(corpus=ladder.corpus, quantity="L(N)", method="power-offset").to_dicts()
    params = fit(ladder.once, "power-offset", bootstrap=0).params
    assert params["alpha"] == pytest.approx(row["exponent"], rel=1e-3)
    assert params["L_inf"] == pytest.approx(row["l_inf"], rel=1e-3)


def test_every_modality_has_its_rows(exponents):
    corpora = {modality.corpus for modality in MODALITIES.values()}
    assert set(exponents["corpus"]) == corpora
    assert set(BESIDE) < corpora


@pytest.mark.parametrize("file", ["points.parquet", "exponents.csv", "floors.csv", "manifest.json"])
def test_results_are_committed(file):
    assert (RESULTS / file).is_file()


def test_what_came_out_follows_from_the_table(exponents):
    shown = exponents.filter(pl.col("quantity") != "L(E)", pl.col("exponent_high").is_not_null())
    spans = shown["exponent_high"] / shown["exponent_low"]
    assert f"the median interval of the tables spans a factor of {spans.median():.1f}" in PAGE
    beside = shown.filter(pl.col("henighan_exponent").is_not_null())
    held = beside["henighan_exponent"].is_between(beside["exponent_low"], beside["exponent_high"]).sum()
    assert f"Of {len(beside)} intervals beside a published exponent {held} hold it" in PAGE
    of_surface = (pl.col("method") == "chinchilla") & (pl.col("quantity") == "L(N)")
    fits = exponents.filter((pl.col("method") == "power-offset") | of_surface)
    banded = fits.filter(pl.col("held_out_inside").is_not_null())
    points, inside = banded["held_out_points"].sum(), banded["held_out_inside"].sum()
    assert points == inside
    assert f"predicts {points} points (18 losses, some by two laws), and all {inside} lie in it" in PAGE
    error = fits["held_out_error"]
    assert f"the median error of the fits is {error.median():.1%}, the largest {error.max():.1%}" in PAGE
