"""The table of classes in docs/instruments.md is that of the committed runs."""

from pathlib import Path

import polars as pl
import pytest

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "experiments" / "results" / "kaplan_transfer"
SHOWN = ("quotes", "copied", "inside_word", "names", "word_start", "after_rare_word")


@pytest.mark.parametrize("name", SHOWN)
def test_losses_by_class(name):
    table = pl.read_parquet(RESULTS / "classes.parquet").filter(split="validation")
    best = table.sort("loss").group_by("unique_tokens").first().sort("unique_tokens")
    losses = " | ".join(f"{loss:.2f}" for loss in best[f"loss_of_{name}"])
    fall = pl.read_csv(RESULTS / "classes.csv").row(by_predicate=pl.col("class") == name, named=True)
    exponent = f"{fall['alpha_U']:.3f} [{fall['alpha_U_low']:.3f}, {fall['alpha_U_high']:.3f}]"
    page = (ROOT / "docs" / "instruments.md").read_text()
    assert f"| `{name}` | {losses} | {exponent} |" in page
