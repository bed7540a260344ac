"""Reading points: what is kept, what is dropped and counted, and what is refused in one sentence."""

import contextlib
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarry.analysis.points.loading import load_points
from quarry.analysis.points.run_names import with_run
from quarry.analysis.points.table import Exclusion
from quarry.errors import PointsError
from quarry.train.record.points_table import points_table
from tests.analysis.synthetic_runs import write_ladder, write_run


def csv(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "points.csv"
    path.write_text(text)
    return path


def test_another_trainers_table_gets_its_defaults(tmp_path):
    points = load_points(csv(tmp_path, "N,D,loss\n100,2000,3.5\n200,4000,3.1\n"))
    assert points.table.select("run", "N", "E", "U", "C", "loss").rows() == [
        ("row 1", 100.0, 2000.0, 2000.0, 6 * 100 * 2000.0, 3.5),
        ("row 2", 200.0, 4000.0, 4000.0, 6 * 200 * 4000.0, 3.1),
    ]
    assert points.excluded == ()


def test_tokens_follow_from_compute(tmp_path):
    points = load_points(csv(tmp_path, "N,C,loss\n100,1200000,3.5\n"))
    assert points.table["E"].to_list() == [2000.0]
    assert points.table["C"].to_list() == [1.2e6]


def test_a_tables_own_runs_unique_tokens_and_compute_are_kept(tmp_path):
    points = load_points(csv(tmp_path, "run,N,E,U,C,loss\na/b,100,2000,500,7,3.5\n"))
    assert points.table.select("run", "U", "C").rows() == [("a/b", 500.0, 7.0)]


def test_runs_give_their_annealed_validation_points(tmp_path):
    root = write_ladder(tmp_path / "study")
    write_run(tmp_path / "study" / "lost", n=5_000, status="diverged")
    points = load_points(root)
    assert points.table["run"].to_list() == sorted(points.table["run"].to_list())
    assert set(points.table["run"]) == {
        f"study/n{n}" for n in (8_000, 24_000, 70_000, 200_000, 600_000, 1_800_000)
    }
    everything = points_table(root)
    assert len(points.table) + sum(exclusion.n for exclusion in points.excluded) == len(everything)
    assert [exclusion.reason for exclusion in points.excluded] == [
        "status diverged",
        "not of the validation split",
        "measured mid-schedule, not annealed",
    ]
    assert points.table["C"].to_list() == [6 * n * e for n, e in points.table.select("N", "E").rows()]


def test_mid_schedule_points_come_when_asked_for(tmp_path):
    root = write_ladder(tmp_path / "study", sizes=(8_000, 24_000))
    kept = load_points(root, annealed_only=False)
    assert len(kept.table) > len(load_points(root).table) == 2
    assert len(load_points(root, split="test").table) == 2


@pytest.mark.parametrize(
    ("count", "n"), [("n_nonembedding", 8_000), ("n_params", 40_768), ("n_nonembedding+n_head", 24_384)]
)
def test_the_count_is_the_one_asked_for(tmp_path, count, n):
    points = load_points(write_ladder(tmp_path / "study", sizes=(8_000,)), count=count)
    assert points.table["N"].to_list() == [n]
    assert points.table["C"].to_list() == [6 * n * 2_000_000]
    assert points.count == count


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_points_table_reads_as_its_runs_do(tmp_path, suffix):
    root = write_ladder(tmp_path / "study", sizes=(8_000, 24_000))
    table, path = points_table(root), tmp_path / f"points.{suffix}"
    table.write_csv(path) if suffix == "csv" else table.write_parquet(path)
    from_file, from_runs = load_points(path), load_points(root)
    columns = ["run", "N", "E", "U", "C", "loss"]
    assert from_file.table.select(columns).equals(from_runs.table.select(columns))
    assert from_file.excluded == from_runs.excluded


BAD = {
    "column loss is absent": ("N,D\n1,2\n", "needs columns N, loss and one of D, E .* found N, D"),
    "no tokens": ("N,loss\n1,2\n", "needs columns N, loss and one of D, E"),
    "two token columns": ("N,D,E,loss\n1,2,2,3\n", "has both D and E"),
    "text": ("N,D,loss\n1,2,3\n1,2,low\n", "column loss, row 2: 'low' is not a number"),
    "nan": ("N,D,loss\n1,2,3\n1,2,nan\n", "column loss, row 2: nan is not a positive number"),
    "infinite": ("N,D,loss\n1,2,inf\n", "column loss, row 1: inf is not a positive number"),
    "negative": ("N,D,loss\n1,2,-3\n", "column loss, row 1: -3 is not a positive number"),
    "zero size": ("N,D,loss\n0,2,3\n", "column N, row 1: 0 is not a positive number"),
    "zero tokens": ("N,D,loss\n1,0,3\n", "column E, row 1: 0 is not a positive number"),
    "empty cell": ("N,D,loss\n1,,3\n", "column E, row 1: an empty cell is not a positive number"),
    "no rows": ("N,D,loss\n", "no points"),
    "no bytes": ("", "not a CSV file that can be read"),
    "ragged": ("N,D,loss\n1,2,3,4,5\n", "not a CSV file that can be read"),
    "not true or false": (
        "N,D,loss,annealed\n1,2,3,maybe\n",
        "column annealed, row 1: 'maybe' is not true or false",
    ),
    "all filtered": ("N,D,loss,status\n1,2,3,failed\n", "no points left .1 status failed"),
    "a points table without a count": (
        "tokens,unique_tokens,loss\n1,2,3\n",
        "column n_nonembedding is missing",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_tables_are_refused_in_one_sentence(tmp_path, case):
    text, sentence = BAD[case]
    path = csv(tmp_path, text)
    with pytest.raises(PointsError, match=sentence) as refused:
        load_points(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_absent_and_unreadable_files(tmp_path):
    with pytest.raises(PointsError, match=r"no\.csv: no such file"):
        load_points(tmp_path / "no.csv")
    (tmp_path / "points.parquet").write_text("N,D,loss")
    with pytest.raises(PointsError, match="not a Parquet file"):
        load_points(tmp_path / "points.parquet")
    with pytest.raises(PointsError, match="no run below"):
        load_points(tmp_path)
    with pytest.raises(PointsError, match="count='parameters' is not one of"):
        load_points(tmp_path, count="parameters")


CELL = st.one_of(st.floats().map(str), st.integers().map(str), st.text(max_size=8), st.just(""))
HEADER = st.lists(
    st.sampled_from(["N", "D", "E", "C", "U", "loss", "run", "status", "annealed", "split", "x"])
)


def test_blanks_around_cells_and_lines_without_any_are_read_over(tmp_path):
    path = tmp_path / "padded.csv"
    path.write_text("N , E, loss\n1e6, 2e7 , 3.5\n\n 2e6,4e7,3.25 \n,,\n")
    assert load_points(path).table.select("N", "E", "loss").rows() == [(1e6, 2e7, 3.5), (2e6, 4e7, 3.25)]


@pytest.mark.slow
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(header=HEADER, rows=st.lists(st.lists(CELL, max_size=6), max_size=4), junk=st.binary(max_size=40))
def test_no_file_gives_anything_but_points_or_a_points_error(tmp_path, header, rows, junk):
    text = "\n".join(",".join(row) for row in [header, *rows])
    path = tmp_path / "points.csv"
    for content in (
        text.encode("utf-8", "surrogatepass"),
        text.encode("utf-8", "surrogatepass") + junk,
        junk,
    ):
        path.write_bytes(content)
        with contextlib.suppress(PointsError):
            assert not load_points(path).table.is_empty()


def test_exclude_leaves_out_and_counts(tmp_path):
    text = "run,N,D,loss\na/b,100,2000,3.5\na/c,200,4000,3.1\na/d,300,4000,3.0\na/e,400,4000,2.9\n"
    points = load_points(csv(tmp_path, text)).exclude(["N<=1.5e2", "run = a/c", "loss!=3.0", "E>1e9"])
    assert points.table["run"].to_list() == ["a/d"]
    assert points.excluded == (
        Exclusion("excluded by 'N<=1.5e2'", 1),
        Exclusion("excluded by 'run = a/c'", 1),
        Exclusion("excluded by 'loss!=3.0'", 1),
        Exclusion("excluded by 'E>1e9'", 0),
    )


@pytest.mark.parametrize(
    ("comparison", "sentence"),
    [
        ("N", "cannot read 'N': write column op value"),
        ("__import__('os')", "cannot read"),
        ("size<3", "no column size; found N, D, loss"),
        ("N<many", "'many' is not a number"),
        ("N>0", "no point is left"),
    ],
)
def test_bad_exclusions(tmp_path, comparison, sentence):
    points = load_points(csv(tmp_path, "N,D,loss\n100,2000,3.5\n"))
    with pytest.raises(PointsError, match=sentence):
        points.exclude([comparison])


def test_excluding_by_a_column_of_text_and_of_truth(tmp_path):
    path = tmp_path / "points.parquet"
    pl.DataFrame({"N": [1, 2], "D": [3, 4], "loss": [5.0, 6.0], "good": [True, False]}).write_parquet(path)
    assert load_points(path).exclude(["good=false"]).table["N"].to_list() == [1.0]


def test_a_branch_is_resampled_with_its_trunk():
    table = pl.DataFrame({"study": ["s"] * 3, "point": ["n", "n-k1", "m"], "trunk": [None, "n", None]})
    assert with_run(table, "a table")["run"].to_list() == ["s/n", "s/n", "s/m"]
