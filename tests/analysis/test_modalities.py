"""Ladders of several corpora in one table: told apart, and their known exponents found."""

import numpy as np
import polars as pl
import pytest

from quarry.analysis.fitting.estimation import fit
from quarry.analysis.laws.chinchilla import CHINCHILLA
from quarry.analysis.modalities.exponents import COLUMNS, exponents
from quarry.analysis.modalities.ladders import ladders

SURFACE = {"L_inf": 0.5, "A": 4.0, "B": 60.0, "alpha": 0.3, "beta": 0.4}


def table(corpus: str = "fashion?size=8", unique: int = 10**8) -> pl.DataFrame:
    """Runs of a known surface: five sizes, each with branches at four numbers of tokens."""
    n, tokens = (axis.ravel() for axis in np.meshgrid(np.geomspace(2e3, 2e5, 5), 2.0 ** np.arange(17, 21)))
    losses = CHINCHILLA.predict(SURFACE, {"N": n, "E": tokens})
    rows = pl.DataFrame({"run": np.round(n).astype(str), "N": n, "E": tokens, "loss": losses})
    about = {"corpus": corpus, "tokenizer": "pixels:16", "context": 65, "U": float(unique)}
    return rows.with_columns(**{name: pl.lit(value) for name, value in about.items()})


def test_a_ladder_is_what_reads_all_tokens_of_its_corpus_once():
    again = table(unique=2**18)
    text = table("stdlib").with_columns(tokenizer=pl.lit("bytes"))
    images, python = ladders(pl.concat([text, table(), again]))
    assert (images.corpus, images.domain, images.image_tokens) == ("fashion?size=8", "image-8x8", 65)
    assert len(images.once) == len(again)
    assert len(images.all) == 2 * len(again)
    assert images.reads_again
    assert (python.corpus, python.domain, python.image_tokens) == ("stdlib", None, None)
    assert not python.reads_again


@pytest.mark.slow
def test_known_exponents_are_found_beside_the_published_ones():
    [ladder] = ladders(table())
    found = exponents(ladder, bootstrap=0)
    assert found.schema == COLUMNS
    by = {(row["quantity"], row["method"]): row for row in found.iter_rows(named=True)}
    a, b = SURFACE["alpha"], SURFACE["beta"]
    known = {"L(N)": a, "L(E)": b, "L(C)": a * b / (a + b), "N_opt(C)": b / (a + b)}
    assert {q: by[q, "chinchilla"]["exponent"] for q in known} == pytest.approx(known, rel=1e-3)
    assert by["L(N)", "power-offset"]["exponent"] == pytest.approx(a, rel=1e-3)
    assert by["L(C)", "chinchilla"]["l_inf"] == pytest.approx(SURFACE["L_inf"], rel=1e-3)
    assert by["L(N)", "chinchilla"]["held_out_error"] < 1e-4
    assert by["L(N)", "power-offset"]["henighan_exponent"] == 0.24
    assert by["L(C)", "power-offset"]["henighan_l_inf"] == 3.13
    assert by["N_opt(C)", "envelope"]["henighan_exponent"] == 0.64


def test_a_ladder_of_two_sizes_says_what_it_lacks():
    [ladder] = ladders(table().filter(pl.col("N") < 7e3))
    doubts = {(row["quantity"], row["method"]): row["doubts"] for row in exponents(ladder, 0).to_dicts()}
    assert "3 parameters" in doubts["L(N)", "power-offset"]
    assert "2 values of N" in doubts["L(N)", "chinchilla"]
    assert "2 sizes" in doubts["N_opt(C)", "envelope"]


def test_the_size_held_out_of_l_of_c_is_the_largest_on_the_frontier():
    """A larger one above the frontier is in no fit of L(C), so that leaving it out tests nothing."""
    losses = pl.when(pl.col("N") == pl.col("N").max()).then(0.95 * pl.col("loss")).otherwise("loss")
    off = table().with_columns(losses)
    above = off.tail(2).with_columns(N=pl.lit(2e6), loss=pl.lit(4.0), run=pl.lit("above"))
    [ladder] = ladders(pl.concat([off, above]))
    [row] = exponents(ladder, 0).filter(quantity="L(C)", method="power-offset").to_dicts()
    smaller = fit(ladder.once.filter(pl.col("N") < 1e5), "power-offset", x="C", bootstrap=0)
    assert row["exponent_without"] == pytest.approx(smaller.params["alpha"], rel=1e-3)
    assert row["exponent_without"] != pytest.approx(row["exponent"], rel=0.01)
