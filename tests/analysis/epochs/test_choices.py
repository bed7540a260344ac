"""The table of choices: every combination once, and true claims that hold in most admissible ones."""

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from quarry.analysis.commands import epochs as command
from quarry.analysis.commands.options import BootstrapOptions
from quarry.analysis.epochs import choices
from quarry.analysis.epochs.cells import CELL, annealed_rows, numeric_points
from quarry.analysis.epochs.recipes import batch_warnings, recipes_table
from tests.analysis.epochs.known_surface import L_0, SIZES, Surface, runs

TABLE = runs(Surface(), 1).with_columns(n_params=pl.col("N") + 1e4, batch_tokens=1024.0)


@pytest.mark.slow
def test_every_choice_is_judged_once_and_true_claims_hold_in_most(monkeypatch):
    monkeypatch.setattr(choices, "RHOS", (0.1,))
    table = TABLE.filter(pl.col("N") < SIZES[-1]).drop("n_params")
    found = choices.table_of_choices(numeric_points(table), None, None, workers=1)
    assert found.select(choices.COLUMNS).is_duplicated().sum() == 0
    assert set(found["counts"]) == {"non-embedding"}
    assert set(found.drop_nulls("recipe")["recipe"]) == {"plain", "tuned"}
    assert set(found.drop_nulls("floor")["floor"]) == {"shared gamma", "own gamma", "grid"}
    assert set(found["batch"]) == {"as trained"}
    by_claim = {row["claim"]: row for row in choices.headlines(found).iter_rows(named=True)}
    assert by_claim[1]["no"] == 0
    assert by_claim[1]["yes"] > 0.5 * by_claim[1]["choices"]
    assert by_claim[4]["yes"] == by_claim[4]["choices"] == 2
    assert found.filter(~pl.col("admissible"))["objection"].str.len_chars().min() > 0
    out = found.filter(smallest="out")  # without the smallest size there are no replicates
    assert out["objection"].str.contains("noise is not measured").all()


@pytest.mark.slow
def test_the_command_writes_the_table_and_prints_the_headlines(tmp_path, monkeypatch):
    row = {"claim": 1, "rho": 0.1, "floor": "grid", "admissible": True, "objection": "", "holds": "undecided"}
    monkeypatch.setattr(command, "table_of_choices", lambda *_, **__: pl.DataFrame([row]))
    TABLE.with_columns(unigram_entropy=L_0).write_parquet(tmp_path / "points.parquet")
    options = command.EpochsOptions(choices=tmp_path / "choices.csv", draws=BootstrapOptions(0))
    console = Console(record=True, width=120)
    command.study_points(tmp_path / "points.parquet", options, console)
    assert pl.read_csv(tmp_path / "choices.csv")["holds"].to_list() == ["undecided"]
    printed = console.export_text()
    assert "choices  yes  undecided  no" in printed
    assert "these verdicts are by one set of choices" not in printed


def test_the_best_of_one_recipe_is_no_further_choice(monkeypatch):
    told = []
    monkeypatch.setattr(choices._Study, "rows", lambda self: told.append(self.grid) or iter(()))
    for table, grids in ((TABLE, 2), (TABLE.filter(pl.col("weight_decay") < 1), 1)):
        told.clear()
        choices.table_of_choices(numeric_points(table.drop("n_params")), None, None, workers=1)
        assert len(told) == grids  # without the smallest size there are no replicates, and no study


def test_batches_above_the_critical_one_and_the_smallest_size_are_left_out():
    critical = {"B_star": 4000.0, "alpha_B": 0.5}  # 1,024 tokens at a loss of 1.98
    below = choices._world(TABLE, choices.BELOW, "N", "out", critical)
    assert 0 < len(below) < len(TABLE)
    assert below["loss"].max() <= np.sqrt(4000 / 1024)
    assert below["N"].min() == SIZES[1]
    total = choices._world(TABLE, choices.ALL_BATCHES, "n_params", "in", None)
    assert total["N"].min() == SIZES[0] + 1e4


def test_a_best_recipe_of_another_batch_is_named():
    table = TABLE.filter(pl.col("weight_decay") < 1)
    assert batch_warnings(recipes_table(annealed_rows(table), CELL)) == ()
    last = (pl.col("N") == SIZES[1]) & (pl.col("U") == 2.0**18) & (pl.col("E") == 2.0**23)
    half = table.filter(last).with_columns(loss=pl.lit(1.2), batch_tokens=512.0, run=pl.lit("half"))
    (warning,) = batch_warnings(recipes_table(annealed_rows(pl.concat([table, half])), CELL))
    assert "N = 12k, U = 262k (512 tokens)" in warning
