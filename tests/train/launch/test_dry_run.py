"""The table of a dry run: numbers that can be read, and what is known without the corpus."""

import dataclasses
import random

import pytest

from quarry.errors import DataError
from quarry.model.config import modern
from quarry.train.config.experiment import BranchConfig, DataConfig, Duration, Experiment, ScheduleConfig
from quarry.train.config.point_files import Point
from quarry.train.data import store_building
from quarry.train.data.selection import stores
from quarry.train.launch import estimates
from quarry.train.launch.dry_run import dry_run_table, missing_corpora, passes
from quarry.train.launch.jobs import plan_jobs
from tests.commands import quarry_here
from tests.train.tiny import write_tiny

ABSENT = Experiment(
    model=modern(16, 2, 2, context=32),
    data=DataConfig(corpus="folder:/no/such/folder", unique_tokens=2080),
    duration=Duration(epochs=8.0),
    branches=BranchConfig(epochs=(2.0,)),
    schedule=ScheduleConfig(warmup_steps=1),
    batch_tokens=256,
)


@pytest.mark.parametrize(
    ("epochs", "shown"), [(0.31117, "0.311"), (2.7, "2.7"), (128.0, "128"), (1024.0, "1024"), (1e-5, "1e-05")]
)
def test_passes_have_three_digits_or_all_before_the_point(epochs, shown):
    assert passes(epochs) == shown


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """The rows of a dry run of one experiment by heading, the row of the whole last, and its notes."""
    monkeypatch.setattr(estimates, "matmul_flops_per_second", lambda: 1e6)

    def plan(config):
        point = Point("study", "a", config, tmp_path / "a.py")
        jobs = plan_jobs([point], tmp_path / "runs", tmp_path / "cache")
        table = dry_run_table(jobs)
        columns = {str(column.header): list(column.cells) for column in table.columns}
        rows = [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
        return rows, missing_corpora(jobs)

    return plan


def data(**changes):
    return dataclasses.replace(ABSENT.data, **changes)


def test_a_named_u_gives_all_sizes_without_the_corpus(plan):
    (whole, branch, waiting), notes = plan(ABSENT)
    assert [whole[name] for name in ("U", "E", "k", "B", "S")] == ["2.08k", "16.6k", "8", "256", "65"]
    assert (branch["point"], branch["k"], branch["S"]) == ("a-k2", "1.97", "16")
    assert (whole["status"], branch["status"]) == ("no corpus", "no corpus")
    assert int(branch["time"]) < int(whole["time"]) <= int(waiting["time"])
    assert notes == [
        "note: planned without the corpus (–: not known without it): corpus = 'folder:/no/such/folder': no "
        "such file or folder"
    ]


def test_without_u_the_passes_that_were_asked_for_remain(plan):
    (whole, branch, waiting), _ = plan(dataclasses.replace(ABSENT, data=data(unique_tokens=None)))
    for row, k in ((whole, "8"), (branch, "2")):
        assert [row[name] for name in ("U", "E", "k", "S", "C=6NE", "time")] == ["–", "–", k, "–", "–", "–"]
        assert row["N"] != "–"
        assert row["B"] == "256"
        assert int(row["mem"]) > 0
    assert waiting["time"] == "–"


def test_without_u_a_duration_in_tokens_is_known(plan):
    config = dataclasses.replace(
        ABSENT, data=data(unique_tokens=None), duration=Duration(tokens=5120), branches=BranchConfig()
    )
    (whole, waiting), _ = plan(config)
    assert [whole[name] for name in ("U", "E", "k", "S")] == ["–", "5.12k", "–", "20"]
    assert waiting["time"] == whole["time"] != "–"


def test_a_dry_run_neither_downloads_nor_prepares_what_takes_long(plan, tmp_path, monkeypatch):
    monkeypatch.setattr(store_building, "QUICK_BYTES", 3)
    monkeypatch.setattr(store_building, "open_corpus", None)
    (tmp_path / "text.txt").write_text("long")
    for corpus in ("tfds:lm1b", "hf:some/text", f"folder:{tmp_path}", f"mix:folder:{tmp_path}=1+tfds:c4=1"):
        _, (note,) = plan(dataclasses.replace(ABSENT, data=data(corpus=corpus)))
        assert f"`quarry data get {corpus} --tokenizer bytes`" in note


def test_a_dry_run_chooses_no_tokens(plan, tmp_path, monkeypatch):
    monkeypatch.setattr(stores, "_build", None)
    words = random.Random(0)
    (tmp_path / "text.txt").write_text(" ".join(words.choice(("ore", "vein", "slate")) for _ in range(9999)))
    config = dataclasses.replace(ABSENT, data=data(corpus=f"folder:{tmp_path}", selection="gzip:middle"))
    (whole, *_), (note,) = plan(config)
    assert whole["U"] == "2.08k"
    assert "data.selection = 'gzip:middle': the first run chooses its tokens" in note


def test_a_corpus_that_does_not_exist_is_no_missing_corpus(plan):
    for corpus in ("speeches", "mix:sotu=1+speeches=1"):
        with pytest.raises(DataError, match="'speeches' is unknown"):
            plan(dataclasses.replace(ABSENT, data=data(corpus=corpus)))


def test_the_command_prints_the_plan_and_how_to_get_the_corpus(tmp_path):
    file = write_tiny(tmp_path / "mine")
    file.write_text(file.read_text().replace("unique_tokens=2048", "corpus='tfds:c4'"))
    done = quarry_here("sweep", "mine", "--dry-run", cwd=tmp_path, cache=tmp_path / "cache")
    assert done.returncode == 0, done.stderr
    assert "quarry data get tfds:c4 --tokenizer bytes" in done.stdout.splitlines()[-1]
    assert not (tmp_path / "cache").exists()
