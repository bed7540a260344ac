"""The tables of docs/instruments.md are those of the committed runs."""

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


def ends(row, name, digits):
    """A value and its interval."""
    value, low, high = (f"{row[name + end]:.{digits}f}" for end in ("", "_low", "_high"))
    return f"{value} [{low}, {high}]"


def test_laws_of_position():
    page = (ROOT / "docs" / "instruments.md").read_text()
    for row in pl.read_csv(RESULTS / "longer" / "context.csv").to_dicts():
        cells = (ends(row, "a", 3), ends(row, "b", 2), ends(row, "c", 2))
        assert f"| {row['N']:,.0f} | {' | '.join(cells)} |" in page


def test_offsets_of_other_texts_and_classes_by_size():
    page = (ROOT / "docs" / "instruments.md").read_text()
    table = pl.read_csv(RESULTS / "longer" / "texts.csv")
    speeches = table.row(by_predicate=pl.col("text") == "speeches", named=True)
    code = table.row(by_predicate=pl.col("text") == "code", named=True)
    for words in (ends(speeches, "offset", 3), ends(speeches, "per_loss", 2), ends(code, "offset", 2)):
        assert words.replace("[", "nats [") in page or words in page
    for name in ("quotes", "copied", "inside_word", "names", "word_start"):
        assert ends(table.row(by_predicate=pl.col("class") == name, named=True), "alpha_N", 3) in page
