"""`quarry data`: what it measures of a corpus, what it lists, and that every corpus says what it needs."""

import gzip

import numpy as np
import pytest

from quarry import cli
from quarry.errors import ConfigError, DataError
from quarry.train.data.corpora import SOURCES
from quarry.train.data.documents import Source
from quarry.train.data.inspection import gzip_ratio, inspect_corpus, usual_tokenizers
from quarry.train.data.progress import progress_by, tracked


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """A folder of 41 documents, two of them near twins and two equal; the longest has 5 kB."""
    folder = tmp_path_factory.mktemp("texts")
    words = [[f"word{j * (i + 1) * 7919 % 1000}" for j in range(60)] for i in range(38)]
    texts = [" ".join(each) for each in words]
    texts += [texts[0] + " more", texts[1], "LONGEST " + "long " * 1000, "short"]
    for i, text in enumerate(texts):
        (folder / f"{i}.txt").write_text(text)
    return folder, texts


def test_a_corpus_is_measured(texts, tmp_path):
    folder, texts = texts
    found = inspect_corpus(f"folder:{folder}", ("bytes", "bpe:300", "bpe:9000"), tmp_path)
    assert (found.documents, found.duplicates, found.near_duplicates) == (41, 1, 1)
    assert found.bytes == sum(map(len, set(texts)))
    assert found.tokens["bytes"] == found.bytes + 41 > found.tokens["bpe:300"]
    assert "bpe:9000 is too large" in found.untrained["bpe:9000"]
    assert (found.longest.bytes, found.shortest) == (5008, (5, "short"))
    assert found.longest.begins.startswith("LONGEST long")
    assert found.sample in "".join(texts)


def test_a_document_that_is_cut_by_position_is_one_document(tmp_path):
    text = "".join(f"word{i} " for i in range(500))
    (tmp_path / "a.txt").write_text(text)
    found = inspect_corpus(f"folder:{tmp_path / 'a.txt'}", ("bytes",), tmp_path)
    assert (found.documents, found.bytes, found.near_duplicates) == (1, len(text), 0)
    assert found.longest == found.shortest == (len(text), text[:60])


def test_the_gzip_ratio_does_not_depend_on_the_length():
    noise = np.random.default_rng(0).bytes(3 * 2**20)
    assert gzip_ratio(noise) == pytest.approx(1, abs=1e-3)
    assert gzip_ratio(b"ab" * 2**20) == gzip_ratio(b"ab" * 2**19)
    assert gzip_ratio(b"abc" * 9) == len(gzip.compress(b"abc" * 9, 9, mtime=0)) / 27


def test_images_are_measured_in_pixels():
    assert usual_tokenizers("fashion?levels=4") == ("bytes", "pixels:4")
    assert usual_tokenizers("sotu") == ("bytes", "bpe:4096")


def test_every_source_says_what_it_is_and_what_installs_it(tmp_path):
    for source in SOURCES.values():
        assert isinstance(source, Source)
        assert source.about
        assert source.licence
        said = ""
        try:
            source.check_installed(tmp_path)
        except (ConfigError, DataError) as error:
            said = str(error).partition(": ")[2]
        assert not said or "install" in said


def test_the_command_lists_prepares_and_measures(texts, tmp_path, monkeypatch, capsys):
    folder, cache = texts[0], ["--cache", str(tmp_path)]
    monkeypatch.setenv("COLUMNS", "200")
    assert cli.run(["data", "list", *cache]) == 0
    listed = capsys.readouterr().out
    assert all(source.usage.partition("[")[0][:12] in listed for source in SOURCES.values())
    assert cli.run(["data", "get", f"folder:{folder}", "--near-duplicates", "0.8", *cache]) == 0
    printed = capsys.readouterr()
    assert "near duplicates dropped  1" in printed.out
    assert f"reading the corpus folder:{folder}" in printed.err
    assert cli.run(["data", "inspect", f"folder:{folder}", "--tokenizers", "bytes", *cache]) == 0
    printed = capsys.readouterr().out
    assert "near duplicates  1 (2.44%) at 0.8" in printed
    assert "longest          5,008 bytes: 'LONGEST long" in printed


def test_progress_is_shown_only_where_a_command_asks():
    seen = []

    def tracker(items, description, total):
        seen.append((description, total))
        return items

    assert list(tracked([1], "before", 1)) == [1]
    with progress_by(tracker):
        assert list(tracked([1, 2], "inside", 2)) == [1, 2]
    list(tracked([1], "after"))
    assert seen == [("inside", 2)]
