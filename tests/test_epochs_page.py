"""docs/epochs.md and the README quote the study of epochs as the committed tables have it."""

import runpy

import polars as pl
import pytest

from quarry.analysis.epochs.predictions import predictions
from tests.conftest import ROOT

RESULTS = ROOT / "experiments" / "results" / "epochs"
PAGE = (ROOT / "docs" / "epochs.md").read_text()
KEPT = pl.read_csv(RESULTS / "page.csv")


def test_the_page_has_every_number_of_its_table():
    assert len(KEPT) > 60
    for what, words in KEPT.iter_rows():
        assert what == "verdicts" or words in PAGE, (what, words)


def test_the_choices_and_the_known_worlds_are_those_of_the_tables():
    numbers = runpy.run_path(str(ROOT / "docs" / "scripts" / "epochs_numbers.py"))
    rows = numbers["of_choices"](pl.read_parquet(RESULTS / "choices.parquet"))
    rows += numbers["of_worlds"](pl.read_csv(RESULTS / "worlds.csv"))
    assert rows == [row for row in KEPT.rows() if row[0] in {what for what, _ in rows}]


def test_the_runs_beyond_the_table_and_the_tuned_cells_are_those_of_the_tables():
    numbers = runpy.run_path(str(ROOT / "docs" / "scripts" / "epochs_numbers.py"))
    points, beyond, tuned = (
        pl.read_parquet(RESULTS / f"{name}.parquet") for name in ("points", "beyond", "tuned")
    )
    predicted = pl.read_csv(RESULTS / "predictions.csv")
    rows = numbers["of_predictions"](predicted, beyond)
    rows += numbers["of_small_batches"](beyond) + numbers["of_larger"](predicted, beyond)
    search = runpy.run_path(str(ROOT / "docs" / "scripts" / "epochs_tuned.py"))
    rows += search["of_tuned"](tuned, points)
    rows += numbers["on_gpu"]()
    kinds = ("beyond", "tuned", "gpu")
    assert rows == [row for row in KEPT.rows() if row[0].split(",")[0] in kinds]
    assert {row[0].split(",")[0] for row in rows} == set(kinds)


def test_a_false_claim_came_true_in_no_known_world_and_the_page_says_how_often_true_ones_did():
    worlds = pl.read_csv(RESULTS / "worlds.csv")
    false = worlds.filter(~pl.col("truth"))
    assert (false["yes"] <= 0.05 * false["repeats"]).all()


@pytest.mark.slow
def test_the_committed_points_give_the_numbers_of_the_page():
    numbers = runpy.run_path(str(ROOT / "docs" / "scripts" / "epochs_numbers.py"))
    found = numbers["passages"](numbers["study"]())
    assert found == KEPT.rows()[: len(found)]
    verdicts = dict(found)["verdicts"]
    assert verdicts == "claim 1: yes; claim 2: undecided; claim 3: undecided; claim 4: yes"


def test_every_run_beyond_the_table_was_predicted():
    cells = runpy.run_path(str(ROOT / "docs" / "scripts" / "epochs_predictions.py"))["cells"]()
    predicted = pl.read_csv(RESULTS / "predictions.csv").select("N", "U", "k").unique()
    assert sorted(cells) == sorted(predicted.rows())
    assert max(cells)[0] > 1.4e7


@pytest.mark.slow
def test_the_committed_points_give_the_predictions():
    kept = pl.read_csv(RESULTS / "predictions.csv").filter(U=2.0**19, k=1.0)
    cell = kept.filter(pl.col("N") == pl.col("N").max())
    found = predictions(RESULTS / "points.parquet", [cell.select("N", "U", "k").row(0)], bootstrap=0)
    assert found["law"].to_list() == cell["law"].to_list()
    assert found["loss"].to_numpy() == pytest.approx(cell["loss"].to_numpy(), rel=1e-3)
    assert found["relation"].to_list() == cell["relation"].to_list()


def test_the_runs_that_answer_objections_are_those_of_the_tables():
    answers = runpy.run_path(str(ROOT / "docs" / "scripts" / "epochs_answers.py"))["answers"]()
    kinds = {what.split(",")[0] for what, _ in answers}
    assert kinds == {"depth", "longer", "others", "sharing", "averaged"}
    assert answers == [row for row in KEPT.rows() if row[0].split(",")[0] in kinds]
