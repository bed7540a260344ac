"""The numbers beside README's first picture are those of the table and of the command that it names."""

import re
from pathlib import Path

import polars as pl
import pytest

from quarry import fit, fit_isoflop
from quarry.analysis.points.curves import learning_curves
from quarry.experiments.quickstart import BATCH_TOKENS, TOKENS
from quarry.installation import sample_table
from tests.conftest import ROOT

README = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
POINTS = ROOT / "experiments" / "results" / "quickstart" / "points.parquet"
NUMBER = r"([\d.]*\d)"


def quoted(pattern: str) -> tuple[str, ...]:
    """The numbers of README in a sentence of this form, in which # is a number."""
    found = re.search(re.escape(pattern).replace(r"\#", NUMBER), README)
    assert found, pattern
    return found.groups()


def test_the_models_and_losses_of_the_demo():
    points = pl.read_parquet(POINTS)
    n, branches = points["n_nonembedding"] / 1e3, points.filter(pl.col("trunk").is_not_null())["point"]
    said = quoted("byte-level models of # to # thousand parameters")
    assert said == (f"{n.min():.0f}", f"{n.max():.0f}")
    assert quoted("six runs and # branches of them") == (str(branches.n_unique()),)
    assert points["point"].n_unique() == 6 + branches.n_unique()
    longest = TOKENS // BATCH_TOKENS * BATCH_TOKENS
    ended = learning_curves(points).filter(pl.col("annealed"), pl.col("E") == longest).sort("N")["loss"]
    assert len(ended) == 6
    said = quoted(
        "At # thousand tokens the loss falls from # to # nats per byte from the smallest to the largest"
    )
    assert said == (f"{TOKENS / 1e3:.0f}", f"{ended[0]:.2f}", f"{ended[-1]:.2f}")


def test_the_sizes_that_are_best_for_the_three_budgets():
    found = fit_isoflop(POINTS)
    said = quoted("at 6e10, 1.2e11 and 2.4e11 FLOPs the least loss is at #, # and # thousand parameters")
    assert said == tuple(f"{n / 1e3:.0f}" for n in found.budgets["N"])
    exponent = (found.trend.a, *found.trend.a_interval)
    assert quoted("a = # [#, #]") == tuple(f"{value:.2f}" for value in exponent)


def test_the_table_that_comes_along_is_the_demo():
    ended = pl.read_parquet(POINTS).filter("annealed", split="validation")
    own = ended.select(
        "annealed", run=pl.coalesce("trunk", "point"), N="n_nonembedding", E="tokens", loss="loss"
    )
    shipped = pl.read_csv(ROOT / "docs" / "ladder.csv")
    own = own.select("run", "N", "E", pl.col("loss").round(4), "annealed")
    assert shipped.equals(own.sort("N", "E"))
    assert README.count("sample:ladder") == 3
    assert Path(sample_table("sample:ladder")) == ROOT / "docs" / "ladder.csv"
    assert sample_table("ladder") == "ladder"


@pytest.mark.slow
def test_the_interval_of_the_irreducible_loss_is_that_of_the_command_beside_it():
    quoted("`quarry fit experiments/results/quickstart/points.parquet --law power-offset`")
    found = fit(POINTS, "power-offset")
    low, high = found.interval["L_inf"]
    said = quoted("`L_inf` between # and the least loss, # (the widened bootstrap says #)")
    assert said == (f"{low:.3g}", f"{found.points['loss'].min():.3g}", f"{high:.3g}")


def test_the_bits_per_byte_of_the_best_model_and_of_the_compressors():
    points = pl.read_parquet(POINTS)
    bits, *others = quoted("needs # bits per byte, where `gzip -9` needs # and `xz -9` #")
    assert bits == f"{points['bits_per_byte'].min():.2f}"
    columns = [name for name in points.columns if "gzip" in name or "xz" in name]
    assert others == [f"{points[name].drop_nulls().max():.2f}" for name in sorted(columns)]
