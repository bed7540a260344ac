"""What `quarry watch` says of runs that train, ended, were killed or are damaged."""

import io
import json
import re

import pytest
from rich.console import Console

from quarry.cli import run
from quarry.errors import ConfigError, RecordError
from quarry.train.inspect.watching import STOPPED, RunState, read_states, states_page, states_table, summary
from quarry.train.record.run_directory import RunDirectory


@pytest.fixture
def runs(tmp_path):
    """A run that finished, one that was killed and one whose run.json is damaged."""
    for name, status in {"done": "finished", "killed": "running"}.items():
        directory = RunDirectory(tmp_path / "runs" / "study" / name)
        directory.path.mkdir(parents=True)
        directory.write_run(status=status, steps=100, tokens=5000)
        row = {"step": 40, "tokens": 2000, "loss": 2.5, "tokens_per_second": 1000.0}
        directory.metrics.write_text(json.dumps(row) + "\n")
        evaluation = {"step": 20, "split": "validation", "loss": 2.75}
        directory.evals.write_text(json.dumps(evaluation) + "\n")
    damaged = tmp_path / "runs" / "study" / "torn"
    damaged.mkdir()
    (damaged / "run.json").write_text("{")
    return tmp_path / "runs"


def test_states_are_those_of_the_records(runs):
    done, killed, torn = read_states(runs)
    assert (done.run, done.state, done.seconds_left) == ("study/done", "finished", None)
    assert (killed.state, killed.loss, killed.validation) == (STOPPED, 2.5, 2.75)
    assert torn.state == "damaged"
    assert summary([done, killed, torn]) == "1 damaged, 1 finished, 1 stopped"


def test_a_run_that_trains_says_how_long_it_takes(runs, monkeypatch):
    monkeypatch.setattr(RunDirectory, "is_in_use", lambda _: True)
    training = read_states(runs)[1]
    assert training.state == "running"
    assert training.seconds_left == pytest.approx(0.6 * 5000 / 1000)
    assert 'http-equiv="refresh"' in states_page([training])


def test_a_run_compiles_until_its_first_logged_step(runs, monkeypatch):
    monkeypatch.setattr(RunDirectory, "is_in_use", lambda _: True)
    assert read_states(runs)[1].cells[1] == "running"
    RunDirectory(runs / "study" / "killed").metrics.unlink()
    assert read_states(runs)[1].cells[1:3] == ("compiling", "0 of 100")
    assert 'http-equiv="refresh"' in states_page(read_states(runs))


def test_the_command_prints_once_and_writes_a_page_without_markup_of_the_record(runs, tmp_path, capsys):
    RunDirectory(runs / "study" / "done").write_run(status="<script>")
    page = tmp_path / "watch.html"
    assert run(["watch", str(runs), "--once", "--page", str(page)]) == 0
    assert "40 of 100" in capsys.readouterr().out
    assert "<script>" not in page.read_text()
    assert 'http-equiv="refresh"' not in page.read_text()
    assert 'name="viewport"' in page.read_text()  # or a phone shows it at a third of its size


def test_a_long_name_is_shown_whole():
    name = "study/n24.8k_131k-seed1-and-much-more"
    console = Console(width=80, file=io.StringIO())
    with console.capture() as capture:
        console.print(states_table([RunState(name, "finished", 512, 512, 3.37, 2.13, 7560.0)]))
    first_column = re.findall(r"^ (\S+)", capture.get(), re.MULTILINE)
    assert "".join(first_column) == f"run{name.removeprefix('study/')}"


def test_names_of_two_studies_have_the_study_and_short_ones_are_not_broken():
    console = Console(width=80, file=io.StringIO())
    states = [
        RunState(f"{study}/n25k-t403000", "finished", 787, 787, 1.6, 1.9, 144e3) for study in ("a", "b")
    ]
    for shown, names in ((states, ["a/n25k-t403000", "b/n25k-t403000"]), (states[:1], ["n25k-t403000"])):
        with console.capture() as capture:
            console.print(states_table(shown))
        assert re.findall(r"^ (\S+)", capture.get(), re.MULTILINE) == ["run", *names]


def test_it_ends_by_itself_when_none_trains(runs, capsys):
    assert run(["watch", str(runs), "--every", "0.1"]) == 0
    assert capsys.readouterr().out.endswith("\n")


def test_bad_input_is_named(runs, tmp_path):
    with pytest.raises(ConfigError, match=r"every = 0\.0"):
        run(["watch", str(runs), "--every", "0"])
    with pytest.raises(RecordError, match="no such directory of runs"):
        run(["watch", str(tmp_path / "nowhere")])


def test_a_damaged_log_is_said_of_its_run_alone(runs):
    evals = RunDirectory(runs / "study" / "done").evals
    evals.write_text("{\n" + evals.read_text())
    assert [each.state for each in read_states(runs)] == ["damaged", STOPPED, "damaged"]


def test_a_run_on_a_bucket_is_not_judged_by_a_lock_of_this_machine(runs, monkeypatch):
    monkeypatch.setattr("quarry.train.inspect.watching.bucket_address", lambda root: "gs://bucket/runs")
    assert read_states(runs)[1].state == "running"
