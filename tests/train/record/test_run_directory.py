import json
import resource

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarry.errors import RecordError
from quarry.train.record.files import drop_rows_after, read_jsonl, read_last_row, write_json
from quarry.train.record.logs import JsonlLog
from quarry.train.record.points_table import points_table, write_table
from quarry.train.record.run_directory import RunDirectory
from quarry.train.record.schema import POINT_COLUMNS


@pytest.fixture
def run(tmp_path):
    directory = RunDirectory(tmp_path / "study" / "point")
    directory.path.mkdir(parents=True)
    return directory


def log_rows(path, rows):
    log = JsonlLog(path)
    for row in rows:
        log.append(row)
    log.close()


@given(st.data())
def test_a_log_cut_anywhere_gives_a_prefix_of_its_rows(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("log") / "metrics.jsonl"
    rows = [{"step": step, "loss": step / 3} for step in range(5)]
    log_rows(path, rows)
    whole = path.read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])
    kept = read_jsonl(path)
    assert kept == rows[: len(kept)]
    assert len(kept) >= whole[:cut].count(b"\n")


def test_a_row_that_does_not_fit_on_the_disk_leaves_none_of_itself(tmp_path):
    log, row = JsonlLog(tmp_path / "metrics.jsonl"), {"step": 1, "loss": 5.5}
    log.append(row)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.path.stat().st_size + 7, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            log.append({"step": 2, "loss": 5.25})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert log.is_intact(thoroughly=True)
    log.append({"step": 2, "loss": 5.0})
    log.close()
    assert read_jsonl(log.path) == [row, {"step": 2, "loss": 5.0}]


def test_damage_in_the_middle_is_an_error(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n{"st\n{"step": 3}\n')
    with pytest.raises(RecordError, match="line 2 is damaged"):
        read_jsonl(path)


def test_rows_after_the_restored_step_are_dropped(tmp_path):
    path = tmp_path / "metrics.jsonl"
    log_rows(path, [{"step": step} for step in (1, 2, 3)])
    with path.open("a") as file:
        file.write('{"step": 4, "lo')
    drop_rows_after(path, 2)
    assert read_jsonl(path) == [{"step": 1}, {"step": 2}]
    drop_rows_after(path, 0)
    assert path.read_text() == ""


def test_the_last_whole_row_is_read_from_the_tail(tmp_path):
    path = tmp_path / "metrics.jsonl"
    assert read_last_row(path) is None
    log_rows(path, [{"step": step, "filler": "x" * 50} for step in range(1000)])
    with path.open("a") as file:
        file.write('{"step": 1000')
    row = read_last_row(path)
    assert row is not None
    assert row["step"] == 999


def test_json_is_replaced_atomically(run):
    write_json(run.run, {"a": 1})
    run.write_run(b=2)
    assert run.read_run() == {"a": 1, "b": 2}
    assert [path.name for path in run.path.iterdir()] == ["run.json"]
    run.run.write_text('{"a":')
    with pytest.raises(RecordError, match="is damaged"):
        run.read_run()


def test_a_point_is_an_evaluation_with_the_counts_of_its_run(run):
    run.write_run(n_nonembedding=10, flops_6ne_per_token=60.0, unique_tokens=100, seed_init=3)
    log_rows(run.evals, [{"step": 1, "tokens": 50, "epochs": 0.5, "loss": 2.0, "split": "validation"}])
    run.finish("finished")
    table = points_table(run.path.parent.parent)
    assert table.schema == pl.Schema(POINT_COLUMNS)
    row = table.row(0, named=True)
    assert (row["study"], row["point"], row["status"]) == ("study", "point", "finished")
    assert (row["flops_6ne"], row["flops_exact"], row["n_nonembedding"], row["loss"]) == (
        3000.0,
        None,
        10,
        2.0,
    )
    assert pl.read_parquet(run.path / "evals.parquet").height == 1


def test_a_diverged_run_is_a_row(run):
    run.write_run(status="diverged", n_nonembedding=10)
    row = points_table(run.path).row(0, named=True)
    assert (row["status"], row["loss"]) == ("diverged", None)


def test_a_value_of_the_wrong_type_is_reported(run):
    run.write_run(status="finished", n_nonembedding=10, data={"corpus": {"name": "speeches"}})
    log_rows(run.evals, [{"step": 1, "tokens": 50, "loss": 2.0}])
    with pytest.raises(RecordError, match="records a value of the wrong type"):
        points_table(run.path)


def test_a_folder_without_runs_is_reported(tmp_path):
    with pytest.raises(RecordError, match="no run below"):
        points_table(tmp_path)
    with pytest.raises(RecordError, match="no such directory"):
        points_table(tmp_path / "absent")


def test_tables_are_written_whole_or_not_at_all(tmp_path):
    table = pl.DataFrame({"a": [1]})
    for name in ("t.csv", "new/t.parquet"):
        write_table(table, tmp_path / name)
    assert pl.read_parquet(tmp_path / "new/t.parquet").equals(table)
    with pytest.raises(RecordError, match=r"must end in .csv or .parquet"):
        write_table(table, tmp_path / "t.txt")
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordError, match="cannot write"):
        write_table(table, tmp_path / "file" / "t.csv")


def test_text_that_a_spreadsheet_would_run_is_quoted_in_csv_alone(tmp_path):
    cells = ["=1+1", "+x", "-x", "@x", "\tx", "x=1", "-1.5", "", None]
    table = pl.DataFrame({"run": cells, "loss": [-1.0] * len(cells)})
    for name in ("t.csv", "t.parquet"):
        write_table(table, tmp_path / name)
    quoted = ["'=1+1", "'+x", "'-x", "'@x", "'\tx", "x=1", "-1.5", "", None]
    assert pl.read_csv(tmp_path / "t.csv", infer_schema=False)["run"].to_list() == quoted
    assert pl.read_csv(tmp_path / "t.csv")["loss"].to_list() == [-1.0] * len(cells)
    assert pl.read_parquet(tmp_path / "t.parquet").equals(table)


def test_an_unknown_status_is_no_status(run):
    assert run.status() is None
    run.run.write_text(json.dumps({"status": "odd"}))
    assert run.status() is None
