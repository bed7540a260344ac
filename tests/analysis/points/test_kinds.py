"""Every public function of points takes Points, data frames of polars and pandas, and paths, alike."""

from itertools import product
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import quarry
from quarry.analysis.points.loading import as_points
from quarry.errors import PointsError
from quarry.train.record.points_table import points_table
from tests.analysis.epochs.one_law import one_law
from tests.analysis.quick import QUICK
from tests.analysis.synthetic_runs import write_ladder

N, U, K = 2.0 ** np.arange(14, 18), 2.0 ** np.arange(18, 22), (1, 4)
QUIET = {"bootstrap": 0}

VERBS = {
    "fit": lambda points: quarry.fit(points, QUICK, **QUIET).objective,
    "predictions": lambda points: quarry.fit(table(), QUICK, **QUIET).predictions(points)["error"].to_list(),
    "compare": lambda points: (
        quarry.compare(points, {"one": QUICK, "other": QUICK}, bootstrap=100).ranking["objective"].to_list()
    ),
    "compare_rivals": lambda points: (
        quarry.compare_rivals(points, {"one": QUICK}, bootstrap=100).verdicts["error"].to_list()
    ),
    "allocate": lambda points: quarry.allocate(points, [1e15], method="isoflop", **QUIET).a[0],
    "fit_isoflop": lambda points: quarry.fit_isoflop(points, **QUIET).trend.a,
    "fit_envelope": lambda points: quarry.fit_envelope(points, **QUIET).trend.a,
    "find_crossing": lambda points: quarry.find_crossing(points, **QUIET).compute.exponent,
    "study_epochs": lambda points: quarry.study_epochs(points, 4.0, **QUIET).cells["loss"].to_list(),
}


def table() -> pl.DataFrame:
    """A grid of sizes, unique tokens and passes, two seeds each, by a law in which repeats count for less."""
    random = np.random.default_rng(0)
    rows = []
    for n, u, k, seed in product(N, U, K, (0, 1)):
        loss = 1.2 + 20 * n**-0.34 + 30 * (u * k**0.7) ** -0.28
        name = f"{n:g}/{u:g}/{k}/{seed}"
        rows.append({"run": name, "N": n, "E": u * k, "U": u, "loss": loss + 1e-3 * random.standard_normal()})
    return pl.DataFrame(rows)


def by_tokens(frame: pl.DataFrame) -> pl.DataFrame:
    """The same with tokens processed under the name D."""
    return frame.rename({"E": "D"})


KINDS = {
    "points": lambda folder: as_points(table()),
    "polars with D": lambda folder: by_tokens(table()),
    "pandas": lambda folder: table().to_pandas(),
    "pandas with D": lambda folder: by_tokens(table()).to_pandas(),
    "the path of a CSV file with D": lambda folder: str(_written(by_tokens(table()), folder / "points.csv")),
    "the path of a Parquet file": lambda folder: _written(table(), folder / "points.parquet"),
}


def _written(frame: pl.DataFrame, path: Path) -> Path:
    (frame.write_csv if path.suffix == ".csv" else frame.write_parquet)(path)
    return path


@pytest.fixture(scope="module", autouse=True)
def quick():
    """One law of repeated data is enough for the study of epochs."""
    with one_law():
        yield


@pytest.fixture(scope="module")
def expected() -> dict:
    """What each function makes of a polars frame with E."""
    frame = table()
    return {name: verb(frame) for name, verb in VERBS.items()}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("verb", VERBS)
def test_a_function_takes_every_kind_of_points_alike(verb, kind, tmp_path, expected):
    assert VERBS[verb](KINDS[kind](tmp_path)) == pytest.approx(expected[verb], rel=1e-9, abs=1e-12)


@pytest.mark.slow
def test_a_runs_directory_and_its_table_are_taken_alike(tmp_path):
    root = write_ladder(tmp_path / "study")
    fitted = quarry.fit(root, "kaplan-n", **QUIET)
    assert len(fitted.points) == 6
    rows = points_table(root)
    for points in (str(root), rows, rows.to_pandas(), quarry.load_points(rows)):
        assert quarry.fit(points, "kaplan-n", **QUIET).params == fitted.params


def test_what_pandas_counts_as_missing_is_empty():
    frame = pl.DataFrame({"N": [1.0, 2.0], "D": [3.0, None], "loss": [5.0, 6.0]}).to_pandas()
    assert as_points(frame).table["E"].to_list() == [3.0, None]
    with pytest.raises(PointsError, match="a table: column E, row 2: an empty cell is not a positive number"):
        quarry.load_points(frame)


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"N": [1.0], "D": ["many"], "loss": [2.0]}, "a table: column D, row 1: 'many' is not a number"),
        ({"N": [[1.0]], "D": [1.0], "loss": [2.0]}, r"column N holds List\(Float64\), not numbers"),
        ({"N": [1.0], "D": [1.0], "loss": [2.0], "run": [None]}, "column run, row 1: an empty cell"),
        ({"N": [1.0], "C": [1.0], "loss": [2.0]}, "column C gives fewer tokens than one"),
        ({"N": [1.0], "D": [1.0], "loss": [2.0], "annealed": ["so"]}, "'so' is not true or false"),
    ],
)
def test_a_frame_that_is_no_table_of_points_is_refused(columns, sentence):
    with pytest.raises(PointsError, match=sentence):
        quarry.fit(pl.DataFrame(columns), QUICK, **QUIET)


def test_truth_is_read_alike_from_booleans_text_and_numbers():
    for values in ([True, False, None], ["TRUE", "false", None], ["1", "0", None], [1.0, 0.0, None]):
        frame = pl.DataFrame({"N": [1.0] * 3, "D": [6.0] * 3, "loss": [2.0] * 3, "annealed": values})
        assert as_points(frame).table["annealed"].to_list() == [True, False, False]


def test_a_recipe_that_is_no_number_is_refused_by_the_study():
    with pytest.raises(PointsError, match="a table: column dropout, row 1: 'some' is not a number"):
        quarry.study_epochs(table().with_columns(dropout=pl.lit("some")), 4.0, **QUIET)
