"""The commands as a user types them, and what bad input says."""

import json
import os
import re
import shutil
import signal
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from quarry.train.commands import train
from quarry.train.record.files import read_last_row
from quarry.train.record.run_directory import RunDirectory
from tests.commands import quarry, quarry_here, start
from tests.train.run.test_loop import rows_of
from tests.train.tiny import write_tiny

pytestmark = pytest.mark.slow


def without_variants(file: Path) -> None:
    """Leave the point alone in its file."""
    file.write_text(file.read_text().split("variants")[0])


def write_with_recipe(folder: Path) -> None:
    """A point that imports its study's package, in a folder with somebody else's module `train`."""
    file = write_tiny(folder / "home" / "yours")
    without_variants(file)
    (folder / "home/yours/__init__.py").write_text("RATE = 0.02\n")
    file.write_text(file.read_text().replace("learning_rate=0.01", "learning_rate=yours.RATE"))
    file.write_text("import yours\n" + file.read_text())
    (folder / "train.py").write_text("raise SystemExit('not our package')\n")


@pytest.fixture(scope="module")
def swept(tmp_path_factory, cache):
    """A folder in which a study of four points, one of them diverging, was swept, and one with a recipe."""
    folder = tmp_path_factory.mktemp("user")
    for name, fields in {"a": {}, "b": dict(steps=40), "wild": dict(rate=1e4)}.items():
        write_tiny(folder / "mine", name=name, **fields)
    for name in ("b", "wild"):  # one of the points has a variant, the others not
        without_variants(folder / "mine" / f"{name}.py")
    write_with_recipe(folder)
    done = quarry(cache, "sweep", "mine", "home/yours", "--workers", "1", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done


def test_a_sweep_trains_every_point_and_variant_and_skips_finished_ones(swept, cache):
    folder, done = swept
    mine = (folder / "runs" / "mine").rglob("run.json")
    status = {path.parent.name: json.loads(path.read_text())["status"] for path in mine}
    assert status == {"a": "finished", "a-seed1": "finished", "b": "finished", "wild": "diverged"}
    assert "4 finished, 1 diverged" in done.stdout
    stamps = {path: path.stat().st_mtime_ns for path in folder.rglob("run.json")}
    again = quarry(cache, "sweep", "mine", cwd=folder)
    assert again.returncode == 0
    assert stamps == {path: path.stat().st_mtime_ns for path in folder.rglob("run.json")}


def test_a_dry_run_says_what_would_be_and_trains_nothing(swept, cache, tmp_path):
    folder, _ = swept
    done = quarry(cache, "sweep", "mine", "--dry-run", "--workdir", tmp_path / "none", cwd=folder)
    assert done.returncode == 0
    header, first = done.stdout.splitlines()[1:3]
    assert " ".join(header.split()) == "point N U E k B S C=6NE time mem status"
    assert first.split()[2:6] == ["2.05k", "5.12k", "2.5", "256"]
    assert not (tmp_path / "none").exists()


def test_a_dry_run_for_slurm_needs_no_slurm(swept, cache, tmp_path, monkeypatch):
    folder, _ = swept
    monkeypatch.setenv("PATH", str(tmp_path))
    done = quarry_here("sweep", "mine", "--on", "slurm", "--dry-run", cwd=folder, cache=cache)
    assert done.returncode == 0, done.stderr
    assert "no Slurm here" in done.stdout
    assert done.stdout.count("finished") == 3


def test_points_and_fit_and_report_follow(swept, cache):
    folder, _ = swept
    assert quarry_here("points", "runs", "-o", "points.csv", cwd=folder).returncode == 0
    table = pl.read_csv(folder / "points.csv")
    assert set(table["status"]) == {"finished", "diverged"}
    words = ["fit", "runs", "--law", "power-offset", "--x", "E", "--mid-schedule", "--bootstrap", "100"]
    fitted = quarry_here(*words, "--json", "fit.json", cwd=folder, cache=cache)
    assert fitted.returncode == 0, fitted.stderr
    assert "held-out extrapolation error" in fitted.stdout
    assert json.loads((folder / "fit.json").read_text())["law"] == "power-offset"
    report = quarry(cache, "report", "runs", "-o", "page.html", cwd=folder)
    assert report.returncode == 0, report.stderr
    assert "<html" in (folder / "page.html").read_text()


def test_options_override_the_file_and_a_name_keeps_them_apart(swept, cache, tmp_path):
    folder, _ = swept
    words = ["train", "mine/a.py", "--workdir", tmp_path, "--name", "wide", "--model.d-model", "32"]
    done = quarry(cache, *words, "--tracking", "tensorboard", cwd=folder)
    assert done.returncode == 0, done.stderr
    run = json.loads((tmp_path / "mine/wide/run.json").read_text())
    assert run["d_model"] == 32
    assert list((tmp_path / "mine/wide/tensorboard").glob("events*"))


def test_a_variant_is_trained_by_name(swept, cache, tmp_path):
    folder, _ = swept
    done = quarry(cache, "train", "mine/a.py", "--variant", "seed1", "--workdir", tmp_path, cwd=folder)
    assert done.returncode == 0, done.stderr
    alone, in_sweep = (RunDirectory(place / "mine/a-seed1") for place in (tmp_path, folder / "runs"))
    assert alone.read_run()["seed_init"] == 1
    assert rows_of(alone) == rows_of(in_sweep)


def test_a_stopped_sweep_saves_its_points_and_goes_on(tmp_path, cache):
    for name in ("a", "b"):
        write_tiny(tmp_path / "mine", name=name, steps=20_000)
    process = start(cache, "sweep", "mine/a.py", "mine/b.py", cwd=tmp_path)
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and not any(map(read_last_row, tmp_path.rglob("metrics.jsonl"))):
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    printed, _ = process.communicate(timeout=120)
    assert process.returncode == 75
    assert printed.endswith("\nsaved; the same command resumes\n")
    states = [json.loads(path.read_text())["status"] for path in tmp_path.rglob("run.json")]
    assert "preempted" in states
    assert set(states) <= {"preempted", "finished"}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has ended")
def test_points_save_and_end_when_their_sweep_is_killed(tmp_path, cache):
    write_tiny(tmp_path / "mine", steps=10**6)
    process = start(cache, "sweep", "mine/tiny.py", "--workers", "1", cwd=tmp_path)
    while not any(map(read_last_row, tmp_path.rglob("metrics.jsonl"))):
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 300
    while "preempted" not in [json.loads(path.read_text())["status"] for path in tmp_path.rglob("run.json")]:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_changed_point_is_not_taken_for_the_finished_one(swept, tmp_path, cache):
    folder, _ = swept
    shutil.copytree(folder / "runs/mine/b", tmp_path / "runs/mine/b")
    without_variants(write_tiny(tmp_path / "mine", name="b", steps=30))
    refused(quarry(cache, "sweep", "mine/b.py", cwd=tmp_path), "(duration.steps: 40 -> 30)")


def test_a_point_imports_the_recipe_of_its_study_from_anywhere(swept):
    folder, _ = swept
    (run,) = [json.loads(path.read_text()) for path in (folder / "runs" / "yours").rglob("run.json")]
    assert (run["status"], run["peak_learning_rate"]) == ("finished", 0.02)


def test_a_run_does_not_go_on_with_other_text(tmp_path, cache):
    (tmp_path / "texts").mkdir()
    for number in range(60):
        (tmp_path / "texts" / f"{number}.txt").write_text(f"This is text number {number}. " * 20)
    write_tiny(tmp_path / "mine", steps=3000)
    process = start(cache, "train", "mine/tiny.py", "--data.corpus", "folder:texts", cwd=tmp_path)
    log = tmp_path / "runs/mine/tiny/metrics.jsonl"
    while read_last_row(log) is None:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.kill()
    process.communicate()
    for number in range(60):
        (tmp_path / "texts" / f"{number}.txt").write_text(f"This is another text, number {number}. " * 20)
    done = quarry(cache, "train", "mine/tiny.py", "--data.corpus", "folder:texts", cwd=tmp_path)
    refused(done, "the corpus 'folder:texts' has changed since")


def test_doctor_reports_and_measures(cache, tmp_path):
    write_tiny(tmp_path / "study", layers=2)
    done = quarry(cache, "doctor", "study/tiny.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.search("cpu:0 +│ cpu +│ right", done.stdout)
    assert re.search("other hosts +│ a process on its own ", done.stdout)
    assert re.search("GiB free, enough for 3 checkpoints of 0.2 MiB", done.stdout)
    assert not re.search(r"\b1 cores", done.stdout)
    assert re.search("file lock +│ locks ", done.stdout)
    for words in ("versions", "devices", "cache at", "extras", "tokens/s at N ="):
        assert words in done.stdout
    assert "\\[" not in done.stdout  # commands that install extras can be pasted


@pytest.mark.parametrize(
    "words", [[], ["--help"], ["train", "--help"], ["sweep", "--help"], ["fit", "--help"]]
)
def test_help_is_there(words, cache, tmp_path):
    done = quarry(cache, *(words or ["--help"]), cwd=tmp_path)
    assert done.returncode == 0
    assert "usage: quarry" in done.stdout


GOOD = "from quarry.train.config.experiment import *\nfrom quarry.model.config import *\n"
BAD_FILES = {
    "no_config": ("x = 1", "does not define `config`"),
    "wrong_type": ("config = Experiment(batch_tokens='4k')", "Experiment.batch_tokens must be int, not '4k'"),
    "wrong_float": (
        "config = Experiment(model=modern(64.0, 2, 2))",
        "ModelConfig.d_model must be int, not 64.0",
    ),
    "wrong_choice": ("config = Experiment(schedule=ScheduleConfig('linear'))", "not 'linear'"),
    "unknown_field": ("config = Experiment(batch_size=4)", "unexpected keyword argument 'batch_size'"),
    "two_durations": ("config = Experiment(duration=Duration(tokens=1, epochs=2))", "tokens = 1, epochs = 2"),
    "too_unique": (
        "config = Experiment(data=DataConfig(unique_tokens=10**9))",
        "unique_tokens = 1,000,000,000 is more than the corpus has: 10,707,312 training tokens",
    ),
    "heads": (
        "config = Experiment(model=modern(63, 2, 2))",
        "d_model = 63 is not divisible by model.n_heads = 2",
    ),
    "corpus": ("config = Experiment(data=DataConfig(corpus='nothing'))", "'nothing'"),
    "empty": ("config = Experiment(data=DataConfig(corpus='folder:empty'))", "empty"),
    "latin": ("config = Experiment(data=DataConfig(corpus='folder:latin'))", "old.txt"),
    "vocabulary": (
        "config = Experiment(model=modern(64, 2, 2, vocab_size=100))",
        "model.vocab_size = 100 is less than the 256 tokens",
    ),
}


IN_A_PROCESS = {"corpus", "wrong_type", "wrong_float", "wrong_choice"}
"""Run as installed; in this process the types of all arguments are checked before the fields are."""


def refused(done, says):
    """One sentence, exit code 2, no traceback."""
    assert done.returncode == 2, done.stdout + done.stderr
    said = " ".join((done.stdout + done.stderr).replace("│", " ").split())
    assert says in said
    assert "Traceback" not in said


@pytest.fixture
def unprepared(monkeypatch):
    """`quarry train` leaves the settings of this process alone, which it needs for training."""
    monkeypatch.setattr(train, "prepare", lambda *_: None)


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_point_is_refused_in_a_sentence_and_nothing_is_written(name, tmp_path, cache, unprepared):
    text, says = BAD_FILES[name]
    (tmp_path / "empty").mkdir()
    (tmp_path / "latin").mkdir()
    (tmp_path / "latin" / "old.txt").write_bytes("café".encode("latin-1"))
    (tmp_path / f"{name}.py").write_text(GOOD + text)
    words = ["train", f"{name}.py"]
    done = (
        quarry(cache, *words, cwd=tmp_path)
        if name in IN_A_PROCESS
        else quarry_here(*words, cwd=tmp_path, cache=cache)
    )
    refused(done, says)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--quarry.model.layers", "4"], "--quarry.model.layers"),
        (["--model.n-layers", "many"], "many"),
        (["--duration.tokens", "5"], "given: tokens = 5, steps = 20"),
        (["--model.d-model", "63"], "d_model = 63 is not divisible by"),
        (["--name", "../up"], "point name '../up' may hold only"),
        (["--variant", "none"], "names no variant 'none'"),
        (["--tracking", "paper"], "paper"),
    ],
)
def test_a_bad_option_is_refused_in_a_sentence(words, says, tmp_path, cache, unprepared):
    write_tiny(tmp_path / "study")
    refused(quarry_here("train", "study/tiny.py", *words, cwd=tmp_path, cache=cache), says)
    assert not list(tmp_path.rglob("metrics.jsonl"))


def test_a_run_directory_that_cannot_be_written_is_named(tmp_path, cache, unprepared):
    write_tiny(tmp_path / "study")
    (tmp_path / "runs").write_text("a file in the way")
    refused(
        quarry_here("train", "study/tiny.py", cwd=tmp_path, cache=cache), "cannot write in runs/study/tiny"
    )


BAD_TABLES = {
    "no columns": ("size,score\n1,2\n", "N"),
    "NaN": ("N,E,loss\n1e6,1e8,3\n2e6,1e8,nan\n", "loss"),
    "not positive": ("N,E,loss\n1e6,1e8,3\n2e6,1e8,-1\n", "loss"),
    "few points": ("N,E,loss\n1e6,1e8,3\n2e6,1e8,2.8\n", "2"),
    "text": ("N,E,loss\nbig,1e8,3\n", "big"),
}


@pytest.mark.parametrize("name", BAD_TABLES)
def test_a_bad_table_is_refused_in_a_sentence(name, tmp_path):
    text, says = BAD_TABLES[name]
    (tmp_path / "bad.csv").write_text(text)
    refused(quarry_here("fit", "bad.csv", "--law", "chinchilla", "--json", "out.json", cwd=tmp_path), says)
    assert not (tmp_path / "out.json").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["sweep", "nothing"], "no study 'nothing'"),
        (["sweep"], "name a study"),
        (["sweep", "quickstart", "--workers", "0"], "--workers must be at least 1"),
        (["sweep", "quickstart", "--workdir", "/dev/null/runs"], "cannot write in /dev/null/runs"),
        (["sweep", "quickstart", "--cache", "/dev/null/cache"], "cannot write in /dev/null/cache"),
        (["train", "study/small"], "study/small is not a Python file"),
        (["points", "nowhere", "-o", "p.csv"], "no such directory of runs: nowhere"),
        (["points", __file__, "-o", "p.csv"], f"{__file__} is a file: give a directory of runs"),
        (["fit", "nowhere.csv", "--law", "chinchilla"], "nowhere.csv"),
        (["report", "nowhere"], "nowhere"),
        (["dance"], "dance"),
        (["train"], "A scale-point file"),
        (["train", "absent.py"], "no such scale-point file: absent.py"),
    ],
)
def test_bad_words_are_refused_in_a_sentence(words, says, tmp_path, cache):
    refused(quarry_here(*words, cwd=tmp_path, cache=cache), says)


def test_an_unknown_law_names_the_known(tmp_path):
    (tmp_path / "good.csv").write_text("N,E,loss\n1e6,1e8,3\n2e6,1e8,2.8\n")
    refused(quarry_here("fit", "good.csv", "--law", "gravity", cwd=tmp_path), "chinchilla")
    refused(quarry_here("fit", "good.csv", "--law", "kaplan-x", cwd=tmp_path), "did you mean kaplan-n?")
