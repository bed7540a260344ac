"""Perplexities read as losses are doubted, by value, by size and by name; losses of any text are not."""

import numpy as np
import polars as pl
import pytest

from quarry import fit, load_points
from quarry.analysis.laws.published import find_published
from quarry.analysis.points.loading import as_points
from quarry.analysis.points.perplexity import named_perplexity, perplexity_doubts
from tests.analysis.designs import DESIGNS
from tests.conftest import ROOT
from tests.published import published

REMEDY = "of a perplexity take the logarithm first"
BESIROGLU = find_published("besiroglu")


def ladder(sizes: tuple[float, float], easier: float = 0.0) -> pl.DataFrame:
    """Chinchilla's law from one size to another, of 20 tokens a parameter, and so many nats less."""
    n = np.geomspace(*sizes, 8)
    loss = BESIROGLU.law.predict(BESIROGLU.params, {"N": n, "E": 20 * n})
    return pl.DataFrame({"N": n, "E": 20 * n, "loss": loss - easier})


@pytest.mark.parametrize(
    ("sizes", "easier", "says"),
    [
        ((1e8, 1e10), 0.0, "column loss reaches 31."),
        ((5e8, 5e10), 0.2, "column loss, "),  # 6 to 13
        ((1e8, 1e10), 1.0, "column loss, "),  # code: 3 to 11
    ],
)
def test_a_perplexity_is_doubted_and_its_logarithm_is_not(sizes, easier, says):
    table = ladder(sizes, easier)
    (doubt,) = perplexity_doubts(table.with_columns(pl.col("loss").exp()))
    assert doubt.startswith(says)
    assert doubt.endswith(REMEDY)
    assert perplexity_doubts(table) == []


@pytest.mark.parametrize(
    ("n", "tokens", "loss"),
    [
        ([1e5, 1e6], [1e6, 1e7], [9.4, 7.1]),  # small models at their beginning
        ([1e8, 1e9], [2e7, 2e8], [9.9, 8.0]),  # large ones, hardly trained
        ([1e8, 1e9], [2e9, 2e10], [1.3, 0.9]),  # bytes
        ([1e8, 1e9], [2e9, 2e10], [4.2, 3.4]),  # a hard language
        ([1e8, 1e9], [0.0, 2e10], [4.2, None]),  # refused elsewhere
    ],
)
def test_losses_of_any_models_are_not_doubted(n, tokens, loss):
    assert perplexity_doubts(pl.DataFrame({"N": n, "E": tokens, "loss": loss})) == []


@pytest.mark.parametrize("path", sorted((ROOT / "experiments" / "results").glob("*/points.parquet")), ids=str)
def test_committed_losses_are_not_doubted(path):
    assert perplexity_doubts(load_points(path, annealed_only=False).table) == []


def test_published_losses_are_not_doubted():
    assert perplexity_doubts(load_points(published("chinchilla_234.csv")).table) == []


def test_a_column_that_is_called_perplexity_is_doubted_by_its_name():
    assert all(named_perplexity([name]) for name in ("val_ppl", "Perplexity", "eval/perplexity"))
    assert not any(named_perplexity([name]) for name in ("log_ppl", "ln_perplexity", "loss", "appl"))
    table = ladder((1e8, 1e10)).rename({"loss": "ppl"})
    for points in (load_points(table, loss="ppl"), load_points(table, columns={"loss": "ppl"})):
        assert points.notes == (f"column ppl is read as a loss in nats per token: {REMEDY}",)


def test_a_fit_repeats_the_doubt():
    table = DESIGNS["power-offset"].table(seed=1)
    found = fit(table.with_columns(pl.col("loss").exp().clip(16.0)), "power-offset", bootstrap=0)
    assert any(warning.endswith(REMEDY) for warning in found.warnings)
    assert not as_points(table, found.law).remarks
