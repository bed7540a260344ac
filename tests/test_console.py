"""What is printed: text as it is, and a console that takes no more."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from quarry.console import make_console
from tests.commands import environment, start
from tests.train.tiny import write_tiny

QUARRY = str(Path(sys.executable).with_name("quarry"))
FULL = Path("/dev/full")


def test_brackets_are_text_and_no_markup(capsys):
    make_console().print("4 points -> [/red].csv and [bold]this[/bold] :smile:")
    assert capsys.readouterr().out == "4 points -> [/red].csv and [bold]this[/bold] :smile:\n"


def run_into(output, words, cwd, cache):
    """The exit code of `quarry WORDS` that prints into `output`, and what it printed as errors."""
    process = start(cache, *words, cwd=cwd, output=output)
    process.wait(100)
    return process.returncode, process.errors.read_text()


@pytest.mark.slow
@pytest.mark.skipif(not FULL.exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize("words", [["crossing"], ["--version"], ["fit", "--help"]])
def test_a_result_that_cannot_be_printed_is_an_error(words, tmp_path, cache):
    said = run_into(FULL, words, tmp_path, cache)
    assert said == (1, "error: what was printed is not complete: No space left on device\n")


@pytest.mark.parametrize("words", [["crossing"], ["--help"]])
def test_a_reader_that_has_seen_enough_is_no_error(words, tmp_path, cache):
    process = subprocess.Popen(
        [QUARRY, *words],
        env=environment(cache),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(60) == 0
    process.stderr.close()


@pytest.mark.slow
@pytest.mark.skipif(not FULL.exists(), reason="the system has no /dev/full")
def test_a_run_ends_well_whatever_becomes_of_its_display(tmp_path, cache):
    write_tiny(tmp_path / "study")
    for words in (["train", "study/tiny.py"], ["points", "runs", "-o", "points.parquet"]):
        assert run_into(FULL, words, tmp_path, cache) == (0, "")
    assert json.loads((tmp_path / "runs/study/tiny/run.json").read_text())["status"] == "finished"
    assert (tmp_path / "points.parquet").exists()
