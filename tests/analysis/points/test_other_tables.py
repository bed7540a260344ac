"""Tables of other trainers: other formats, other names, odd columns, cells to leave out, words of status."""

import datetime
import gzip
import json

import numpy as np
import polars as pl
import pytest

import quarry
from quarry.analysis.laws.chinchilla import CHINCHILLA
from quarry.analysis.planning.surface import Surface
from quarry.analysis.points.loading import as_points, load_points
from quarry.analysis.points.names import read_mapping
from quarry.analysis.points.units import check_counts, ranges_of
from quarry.errors import FitError, PointsError
from tests.commands import quarry_here

ROWS = [(1e6, 2e7, 3.5), (2e6, 2e7, 3.3), (1e6, 8e7, 3.1), (2e6, 8e7, 2.9)]
HEADER = "N,D,loss"
LINES = [f"{n:g},{d:g},{loss:g}" for n, d, loss in ROWS]


def written(tmp_path, text: str, name: str = "points.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


def rows(points) -> list[tuple]:
    return points.table.select("N", "E", "loss").rows()


FORMATS = {
    "points.csv": "\n".join([HEADER, *LINES]),
    "points.tsv": "\n".join([HEADER, *LINES]).replace(",", "\t"),
    "tabs.txt": "\n".join([HEADER, *LINES]).replace(",", "\t"),
    "semicolons.csv": "\n".join([HEADER, *LINES]).replace(",", ";"),
    "points.json": json.dumps([dict(zip("NDL", row, strict=True)) for row in ROWS]).replace('"L"', '"loss"'),
    "columns.json": json.dumps(dict(zip(("N", "D", "loss"), zip(*ROWS, strict=True), strict=True))),
    "points.jsonl": "\n".join(json.dumps(dict(zip(("N", "D", "loss"), row, strict=True))) for row in ROWS)
    + "\n",
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_usual_format_reads_alike(tmp_path, name):
    assert rows(load_points(written(tmp_path, FORMATS[name], name))) == ROWS


def test_compressed_csv_is_read(tmp_path):
    path = tmp_path / "points.csv.gz"
    path.write_bytes(gzip.compress(FORMATS["points.csv"].encode()))
    assert rows(load_points(path)) == ROWS


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", "[1, 2]"),
        ("a.json", '{"N": [1], "loss": [1, 2]}'),
        ("a.json", "[" * 100_000),
        ("a.jsonl", "{}\nx\n{}\n"),
        ("a.csv.gz", "\x1f\x8bxx"),
    ],
)
def test_a_broken_file_is_named_in_a_sentence(tmp_path, name, text):
    path = tmp_path / name
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(PointsError, match=r"not a .* file that can be read") as refused:
        load_points(path)
    assert str(path) in str(refused.value)


def test_flops_beyond_64_bits_are_read_from_json(tmp_path):
    path = written(tmp_path, '[{"N": 1000000, "C": 120000000000000000000000, "loss": 3}]', "points.json")
    assert load_points(path).table["C"].to_list() == [1.2e23]


@pytest.mark.parametrize(
    ("header", "note"),
    [
        ("params,tokens,loss", "read params as N, tokens as D"),
        ("num_params,tokens_trained,val/loss", "read num_params as N, tokens_trained as D, val/loss as loss"),
        ("n,d,Loss", "read n as N, d as D, Loss as loss"),
    ],
)
def test_the_usual_names_are_understood_and_noted(tmp_path, header, note):
    points = load_points(written(tmp_path, "\n".join([header, *LINES])))
    assert rows(points) == ROWS
    assert points.notes[0].startswith(note)


def test_a_data_frame_with_usual_names_is_fitted():
    frame = pl.DataFrame(ROWS, schema=["params", "tokens", "loss"], orient="row")
    assert rows(as_points(frame)) == ROWS
    assert (
        "read params as N"
        in quarry.fit(frame.filter(pl.col("tokens") < 3e7), "kaplan-n", bootstrap=0).warnings[0]
    )


def test_columns_are_named_by_the_user_with_their_units(tmp_path):
    path = written(tmp_path, "a,b c,l\n1,0.02,3.5\n2,0.08,2.9\n")
    points = load_points(path, columns=read_mapping(["N=1e6*a,D=1e9*b c", "loss=l"]))
    assert rows(points) == [(1e6, 2e7, 3.5), (2e6, 8e7, 2.9)]


@pytest.mark.parametrize(
    ("text", "columns", "sentence"),
    [
        ("parms,tokns,loss\n1,2,3\n", (), r"did you mean --columns N=parms,D=tokns\?"),
        ("parms,tokns,los\n1,2,3\n", (), r"did you mean --columns N=parms,loss=los,D=tokns\?"),
        ("N,Tokens (B),loss\n1,2,3\n", (), r"did you mean --columns 'D=1e9\*Tokens \(B\)'\?"),
        ("N,D,loss\n1,2,3\n", ("N=parms",), "no column 'parms' for N"),
        ("params,D,loss\n1,2,3\n", ("N=parms",), "did you mean params"),
        ("N,D,loss\n1,2,3\n", ("N",), "cannot read 'N': write --columns"),
    ],
)
def test_names_that_are_nearly_right_are_proposed(tmp_path, text, columns, sentence):
    with pytest.raises(PointsError, match=sentence):
        load_points(written(tmp_path, text), columns=read_mapping(columns))


@pytest.mark.parametrize("cell", ["nan", "diverged", "", "-1"])
@pytest.mark.parametrize("condition", ["state=crashed", "N>1.5e6 and D>3e7", "C>9e14", "E/N>39 and N=2e6"])
def test_a_row_that_cannot_be_used_can_be_left_out(tmp_path, cell, condition):
    lines = [*(f"{line},ok" for line in LINES[:3]), f"2e6,8e7,{cell},crashed"]
    path = written(tmp_path, "\n".join([HEADER + ",state", *lines]))
    points = load_points(path, exclude=[condition])
    assert rows(points) == ROWS[:3]
    assert [(out.reason, out.n) for out in points.excluded] == [(f"excluded by {condition!r}", 1)]
    with pytest.raises(PointsError, match="column loss, row 4"):
        load_points(path)


def test_a_cell_that_is_no_number_can_be_named(tmp_path):
    path = written(tmp_path, "N,D,loss\n1e6,2e7,10.2\n2e6,2e7,diverged\n3e6,2e7,2.5\n")
    assert load_points(path, exclude=["loss=diverged"]).table["loss"].to_list() == [10.2, 2.5]
    with pytest.raises(PointsError, match="row 2: 'diverged' is not a number"):
        load_points(path, exclude=["loss>3"])
    assert load_points(path, exclude=["loss>3", "N=2e6"]).table["loss"].to_list() == [2.5]


def test_a_value_that_cannot_be_used_says_how_to_leave_it_out(tmp_path):
    path = written(tmp_path, "N,D,loss,state\n1,2,nan,crashed\n")
    with pytest.raises(
        PointsError, match=r"--exclude leaves rows out by any of N, D, loss, state; 'loss = nan' is"
    ):
        load_points(path)
    grouped = written(tmp_path, 'N,D,loss\n"24,800",2e7,3.1\n')
    with pytest.raises(PointsError, match=r"'24,800' is not a number, .*: write it without separators"):
        load_points(grouped)


def test_words_of_status_and_split_that_are_not_known_are_told(tmp_path):
    with pytest.raises(
        PointsError, match=r"1 status done, which is none of running, finished, .* --columns status="
    ):
        load_points(written(tmp_path, "N,D,loss,status\n1,2,3,done\n"))
    with pytest.raises(PointsError, match="split holds val, known are validation, test; --columns split="):
        load_points(written(tmp_path, "N,D,loss,split\n1,2,3,val\n"))
    path = written(tmp_path, "N,D,loss,status\n1,2,3,done\n")
    assert len(load_points(path, columns={"status": ""}).table) == 1


ODD = {
    "categorical": pl.Series(["a", "b"] * 2, dtype=pl.Categorical),
    "list": pl.Series([[1.0]] * 4),
    "struct": pl.Series([{"a": 1}] * 4),
    "binary": pl.Series([b"\xff"] * 4),
    "truth": pl.Series([True, False] * 2),
    "integer": pl.Series([1, 2, 3, 4]),
    "date": pl.Series([datetime.date(2024, 1, 1)] * 4),
}


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize(
    "name", ["run", "status", "split", "annealed", "loss", "N", "row", "state", "run_name"]
)
def test_columns_of_any_type_are_read_or_refused_in_a_sentence(tmp_path, kind, name):
    frame = pl.DataFrame(ROWS, schema=["N", "D", "loss"], orient="row").with_columns(ODD[kind].alias(name))
    path = tmp_path / "points.parquet"
    frame.write_parquet(path)
    for condition in ((), ("N>1e9",), (f"{name}=a",)):
        points, error = attempt(path, condition)
        assert "\n" not in error
        assert (points is None) == bool(error)
        if name == "loss":
            assert (points is None) == (kind != "integer" or condition == ("loss=a",))
        if name in ("row", "state") and condition != (f"{name}=a",):
            assert len(points.table) == 4


def attempt(path, conditions) -> tuple:
    """The points, or the sentence that refuses them."""
    try:
        return load_points(path, exclude=conditions), ""
    except PointsError as error:
        return None, str(error)


def test_a_loss_of_truths_or_dates_beside_numbers_is_refused():
    frame = pl.DataFrame(ROWS, schema=["N", "D", "loss"], orient="row").to_pandas()
    for odd in (True, datetime.date(2024, 1, 1)):
        frame["loss"] = np.array([odd, 3.3, 3.1, 2.9], object)
        with pytest.raises(PointsError, match=r"column loss, row 1: '(True|2024-01-01)' is not a number"):
            quarry.fit(frame, "kaplan-n", bootstrap=0)


def curves(steps=range(1, 13), sizes=(1e6, 4e6, 1.6e7, 6.4e7)) -> pl.DataFrame:
    """A learning curve of each size, with an offset of its own."""
    offsets = np.random.default_rng(0).normal(0, 0.01, len(sizes))
    cells = [
        (n, 2e7 * float(step), offset) for n, offset in zip(sizes, offsets, strict=True) for step in steps
    ]
    losses = [(1.8 + 400 * n**-0.34 + 400 * e**-0.28) * np.exp(offset) for n, e, offset in cells]
    return pl.DataFrame({"N": [n for n, *_ in cells], "D": [e for _, e, _ in cells], "loss": losses})


def test_learning_curves_without_names_are_one_run_each_and_said():
    points = as_points(curves())
    assert points.table["run"].n_unique() == 4
    assert "48 rows of 4 sizes (N 1M to 64M) are those of learning curves" in points.remarks[0]
    fitted = quarry.fit(curves(), "kaplan-nd", bootstrap=0)
    assert fitted.diagnostics.runs == 4
    assert fitted.warnings[0] == points.remarks[0]


@pytest.mark.parametrize(
    "steps", [2.0 ** np.arange(9), np.arange(1, 6), np.array([1, 2, 3, 4, 6, 8, 12, 16, 24.0])]
)
def test_end_points_of_a_grid_stay_runs_of_their_own(steps):
    points = as_points(curves(steps=steps))
    assert points.table["run"].n_unique() == len(points.table)
    assert points.remarks == []


def test_dense_curves_are_recognised_however_they_are_spaced():
    assert as_points(curves(steps=np.geomspace(1, 100, 25))).table["run"].n_unique() == 4


@pytest.mark.parametrize("column", ["run_name", "Run ID", "job_name", "name"])
def test_other_trackers_names_of_runs_are_read(column):
    frame = curves().with_columns(pl.format("job {}", pl.col("N").cast(pl.Int64)).alias(column))
    points = as_points(frame)
    assert points.table["run"].to_list() == frame[column].to_list()
    assert points.remarks == [f"column {column} is taken as the name of the run: 4 runs"]


def test_a_name_of_several_sizes_is_no_run():
    frame = curves(steps=2.0 ** np.arange(4)).with_columns(name=pl.lit("sweep"))
    assert as_points(frame).table["run"].n_unique() == len(frame)


def test_units_of_millions_and_billions_are_doubted():
    cells = [(n, d, 3.0) for n in (30.0, 10_000.0) for d in (1.0, 200.0)]
    doubt = as_points(pl.DataFrame(cells, schema=["N", "D", "loss"], orient="row")).remarks[0]
    assert "N from 30 is fewer than 1k parameters and E / N from 0.0001 to 6.67" in doubt
    assert "N in millions would be 30M to 10B, E in billions would be 1B to 200B" in doubt
    assert "--columns N=1e6*N,D=1e9*D" in doubt


@pytest.mark.parametrize(("n", "d"), [(1e6, 1e9), (1e6, 1.0), (1.0, 1e9), (1e9, 1e9)])
def test_no_plan_is_made_in_other_units(n, d):
    frame = curves(steps=2.0 ** np.arange(6)).with_columns(pl.col("N") / n, pl.col("D") * 100 / d)
    with pytest.raises(FitError, match=r"no plan: .* no counts of parameters and tokens"):
        check_counts(ranges_of(as_points(frame).table))


def test_small_counts_are_counts():
    """6 to 394 thousand parameters on a quarter of a million tokens; counts in millions are none."""
    small = {"N": (6288.0, 393920.0), "E": (262144.0, 262144.0), "E/N": (0.67, 42.0)}
    check_counts(small)
    with pytest.raises(
        FitError, match=r"N in millions would be 70M to 10B, E in millions would be 1.4B to 200B"
    ):
        check_counts({"N": (70.0, 1e4), "E": (1400.0, 2e5), "E/N": (20.0, 20.0)})


def test_budgets_are_neither_planned_nor_allocated_in_other_units():
    frame = curves(steps=2.0 ** np.arange(6)).with_columns(pl.col("N") / 1e6, pl.col("D") * 100 / 1e9)
    params = {"L_inf": 1.8, "A": 4.0, "B": 1.0, "alpha": 0.34, "beta": 0.28}
    ranges = ranges_of(as_points(frame).table)
    surface = Surface("fit", CHINCHILLA, params, "fit.json", ranges=ranges)
    with pytest.raises(FitError, match="no plan"):
        quarry.plan(surface, 1e21)
    with pytest.raises(FitError, match="no plan"):
        quarry.plan_next_runs(surface, 2, 1e21, "alpha")
    cells = [(n, c / (6 * n)) for c in (1e4, 1e5) for n in np.geomspace(0.2, 5, 7) * np.sqrt(c / 120)]
    budgets = pl.DataFrame(cells, schema=["N", "D"], orient="row")
    loss = 1.8 + 4 / pl.col("N") ** 0.34 + 5 / pl.col("D") ** 0.28
    with pytest.raises(FitError, match="no plan"):
        quarry.allocate(budgets.with_columns(loss=loss), [1e21], method="isoflop", bootstrap=0)


def test_fewer_tokens_than_one_are_refused(tmp_path):
    path = written(tmp_path, "N,D,loss\n1,0.5,3\n2,7,3\n")
    with pytest.raises(PointsError, match=r"column D, row 1: 0.5 is less than a token: D counts tokens"):
        load_points(path)
    assert len(load_points(path, exclude=["D<1"]).table) == 1


def test_notes_and_doubts_are_printed_by_the_commands(tmp_path):
    written(tmp_path, "\n".join(["params,tokens,loss", *LINES]))
    words = ["points.csv", "--law", "kaplan-n", "--bootstrap", "0", "--exclude", "tokens>3e7"]
    done = quarry_here("fit", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "warning: read params as N, tokens as D" in done.stdout


def test_a_product_too_large_for_a_number_is_blamed_on_the_column_of_the_file():
    table = pl.DataFrame({"N": [1e6, 2e6], "tokens": [1e8, 1e305], "loss": [3.0, 2.9]})
    with pytest.raises(PointsError, match=r"column D, row 2: 1e\+305 gives a C = 6NE that is too large"):
        load_points(table)
