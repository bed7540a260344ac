"""Corpora of extras: the hub by a folder in its layout, procedural mathematics that repeats."""

import subprocess
import sys

import polars as pl
import pytest

from quarry.errors import ConfigError, DataError
from quarry.train.data.corpora import fingerprint, open_corpus

HASHES = "import hashlib, pathlib; from quarry.train.data.corpora import open_corpus; " + (
    "corpus = open_corpus('reasoning?documents=23,seed=3', pathlib.Path()); "
    "print(hashlib.sha256(repr([tuple(each) for each in corpus]).encode()).hexdigest())"
)


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """A folder that holds the data set owner/small, as the hub's repositories are laid out."""
    root = tmp_path_factory.mktemp("hub")
    (root / "owner" / "small").mkdir(parents=True)
    rows = {"text": [f"text {i}" for i in range(20)], "title": ["a"] * 20, "n": range(20)}
    pl.DataFrame(rows).write_parquet(root / "owner" / "small" / "train-00000-of-00001.parquet")
    return root


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_data_set_of_the_hub_is_a_corpus(hub, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(hub)
    corpus = open_corpus("hf:owner/small", tmp_path)
    assert [document.text for document in corpus] == [f"text {i}" for i in range(20)]
    assert len(open_corpus("hf:owner/small?split=train[:5],column=title", tmp_path)) == 5
    assert fingerprint("hf:owner/small", tmp_path) == fingerprint("hf:owner/small", tmp_path)
    for options, message in {
        "column=n": "no one column of text: its columns are text, title, n, of text text, title",
        "split=dev": "cannot be had from the hub .*Unknown split",
    }.items():
        with pytest.raises(DataError, match=message):
            open_corpus(f"hf:owner/small?{options}", tmp_path)


@pytest.mark.parametrize("name", ["../etc", "/etc", "a/b/c", "a//b", "owner/..", "https://x"])
def test_names_cannot_leave_the_hub(tmp_path, name):
    with pytest.raises(DataError, match="is not NAME or OWNER/NAME of a data set"):
        open_corpus(f"hf:{name}", tmp_path)


@pytest.mark.slow
def test_procedural_mathematics_is_the_same_in_every_process():
    runs = [
        subprocess.run(
            [sys.executable, "-c", HASHES], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True
        )
        for seed in "12"
    ]
    assert all(run.returncode == 0 for run in runs), runs
    assert runs[0].stdout == runs[1].stdout


@pytest.mark.slow
def test_options_of_procedural_mathematics(tmp_path):
    corpus = open_corpus("reasoning?documents=11,seed=1,tasks=lcm+gcd", tmp_path)
    names = [document.name for document in corpus]
    assert names[:3] == ["gcd[0]", "lcm[0]", "gcd[1]"]
    assert len(set(names)) == len(corpus) == 11
    assert corpus[0].text.count("\n") == 2
    for options, message in {
        "documents=3": "documents = 3 must be at least 10",
        "tasks=sums": "reasoning-gym has no task 'sums'",
        "tasks=polynomial_multiplication": "the text of polynomial_multiplication differs between processes",
    }.items():
        with pytest.raises(DataError, match=message):
            open_corpus(f"reasoning?{options}", tmp_path)


def test_missing_extras_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr("quarry.installation.find_spec", lambda name: None)
    for name, extra in {"hf:owner/small": "hf", "reasoning": "reasoning"}.items():
        with pytest.raises(ConfigError, match=rf"needs \w+: pip install .*\[{extra}\]"):
            open_corpus(name, tmp_path)
