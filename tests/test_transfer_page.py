"""The table of best rates in the guide is that of the committed runs, and says what the text says."""

import polars as pl
import pytest

from quarry.experiments.transfer import best_rates
from tests.conftest import ROOT

RESULTS = ROOT / "experiments" / "results" / "transfer"
PAGE = (ROOT / "docs" / "training.md").read_text()


@pytest.fixture(scope="module")
def best() -> pl.DataFrame:
    return best_rates(pl.read_parquet(RESULTS / "points.parquet"))


def test_the_page_has_the_table_of_the_runs(best):
    assert best.equals(pl.read_csv(RESULTS / "best.csv"))
    for row in best.iter_rows(named=True):
        power = f"2^{round(pl.Series([row['rate']]).log(2)[0])}"
        shape = " | ".join(str(row[name]) for name in ("parametrization", "d_model", "n_layers"))
        cells = f"| {shape} | {power} | {row['loss']:.3f} |"
        assert cells in PAGE, cells
    assert best["inside"].all()


def test_by_mup_the_best_rate_stays_and_without_it_falls(best):
    rates = {
        (row["parametrization"], row["d_model"], row["n_layers"]): row["rate"]
        for row in best.iter_rows(named=True)
    }
    assert all(0.5 <= rates["mup", width, 2] / rates["mup", 16, 2] <= 2 for width in (32, 64, 128))
    assert rates["standard", 128, 2] / rates["standard", 16, 2] <= 1 / 8
