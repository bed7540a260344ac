"""Every file of the cache, damaged in many ways: the tokens are built again, or one sentence says why not."""

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from quarry.errors import DataError, DiskFull, QuarryError
from quarry.train.data import store_building
from quarry.train.data.store import SPLITS
from quarry.train.data.store_building import prepare_tokens
from tests.train.damages import DAMAGES, FOLDER_DAMAGES


@pytest.fixture(scope="module")
def texts(tmp_path_factory) -> str:
    root = tmp_path_factory.mktemp("texts")
    for i in range(60):
        (root / f"{i}.txt").write_text(f"Document {i}. " + f"word{i * 7919 % 60} " * 20)
    return f"folder:{root}"


@pytest.fixture(scope="module")
def clean(texts, tmp_path_factory) -> Path:
    """A cache with the store of the texts, undamaged."""
    cache = tmp_path_factory.mktemp("clean")
    prepare_tokens(texts, "bpe:262", cache)
    return cache


def contents(store):
    return [np.asarray(store.tokens(split)).tolist() for split in SPLITS], store.manifest, store.tokenizer


FILES = ["train.bin", "validation.bin", "test.bin", "manifest.json", "tokenizer.json", "index/*.json", "."]


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_named_and_built_again(texts, clean, tmp_path, name):
    whole = contents(prepare_tokens(texts, "bpe:262", clean))
    folder = DAMAGES if name != "." else {way: FOLDER_DAMAGES[way] for way in ("a file", "a pipe")}
    for number, (what, damage) in enumerate(folder.items()):
        cache = shutil.copytree(clean, tmp_path / str(number))
        [path] = cache.glob(name if "/" in name else f"tokens/*/{name}")
        damage(path)
        said = []
        assert contents(prepare_tokens(texts, "bpe:262", cache, say=said.append)) == whole, what
        assert what == "deleted" or path.name in said[0], (what, said)
        assert contents(prepare_tokens(texts, "bpe:262", cache, say=said.append)) == whole, what
        assert len(said) <= 4


@pytest.mark.parametrize("folder", [".", "tokens", "index"])
@pytest.mark.parametrize("kind", ["a dangling link", "a pipe"])
def test_a_folder_that_is_none_is_named(texts, clean, tmp_path, folder, kind):
    cache = shutil.copytree(clean, tmp_path / "cache")
    DAMAGES[kind](cache / folder)
    with pytest.raises(QuarryError, match=f"{(cache / folder).name}: (File exists|it is no folder)"):
        prepare_tokens(texts, "bpe:262", cache)


def test_the_store_of_another_corpus_is_not_used(texts, clean, tmp_path):
    """Its files agree with each other: it was trained on without a word."""
    whole, cache = (
        contents(prepare_tokens(texts, "bpe:262", clean)),
        shutil.copytree(clean, tmp_path / "cache"),
    )
    [own] = (cache / "tokens").iterdir()
    (tmp_path / "input.txt").write_text("another text " * 500)
    other = prepare_tokens(f"folder:{tmp_path / 'input.txt'}", "bytes", cache).directory
    shutil.rmtree(own)
    shutil.copytree(other, own)
    said = []
    assert contents(prepare_tokens(texts, "bpe:262", cache, say=said.append)) == whole
    assert "holds the tokens of another corpus: building" in said[0]


def test_a_file_that_was_read_undamaged_is_not_read_again(texts, clean, monkeypatch):
    prepare_tokens(texts, "bpe:262", clean)
    monkeypatch.setattr("hashlib.file_digest", None)
    prepare_tokens(texts, "bpe:262", clean)


def test_a_complete_cache_is_only_read(texts, clean, monkeypatch):
    monkeypatch.setattr(store_building, "make_writable", None)
    monkeypatch.setattr(store_building, "cache_lock", None)
    prepare_tokens(texts, "bpe:262", clean)


@pytest.mark.parametrize("free", [0, 10])
def test_a_full_disk_is_one_sentence(texts, tmp_path, monkeypatch, free):
    def full(*_):
        raise OSError(28, "No space left on device")

    system = os.statvfs(tmp_path)
    fields = {name: getattr(system, name) for name in dir(system) if name.startswith("f_")}
    monkeypatch.setattr(store_building, "write_store", full)
    fields |= {"f_files": 9, "f_favail": free}
    monkeypatch.setattr("os.statvfs", lambda _: SimpleNamespace(**fields))
    left = "as many files as it can (9 inodes" if free == 0 else "MiB are free"
    with pytest.raises(DiskFull) as refused:
        prepare_tokens(texts, "bytes", tmp_path)
    assert left in str(refused.value)


def test_a_store_from_before_checksums_is_still_read(texts, clean, tmp_path):
    from quarry.train.record.files import read_json, write_json

    cache = shutil.copytree(clean, tmp_path / "cache")
    for path in [*cache.glob("tokens/*/manifest.json"), *cache.glob("index/*.json")]:
        value = read_json(path, {"checksum": str})
        write_json(path, {name: part for name, part in value.items() if name != "checksum"})
    said = []
    prepare_tokens(texts, "bpe:262", cache, say=said.append)
    assert said == []


def test_text_that_changes_between_two_readings_is_refused(texts, tmp_path, monkeypatch):
    """Editing a file while the store is built and restoring it with its time must leave no entry."""
    source = Path(shutil.copytree(texts.removeprefix("folder:"), tmp_path / "texts"))
    victim, make = source / "7.txt", store_building.make_tokenizer
    text, status = victim.read_text(), victim.stat()

    def change_and_restore(*arguments):
        victim.write_text("another text")
        tokenizer = make(*arguments)
        victim.write_text(text)
        os.utime(victim, ns=(status.st_atime_ns, status.st_mtime_ns))
        return tokenizer

    monkeypatch.setattr(store_building, "make_tokenizer", change_and_restore)
    with pytest.raises(DataError, match=r"7\.txt changed while it was read"):
        prepare_tokens(f"folder:{source}", "bytes", tmp_path / "cache")
    assert not (tmp_path / "cache" / "index").exists()
    monkeypatch.setattr(store_building, "make_tokenizer", make)
    prepare_tokens(f"folder:{source}", "bytes", tmp_path / "cache")


def test_text_that_is_other_when_written_is_refused(texts, tmp_path, monkeypatch):
    source = Path(shutil.copytree(texts.removeprefix("folder:"), tmp_path / "texts"))
    make = store_building.make_tokenizer

    def change(*arguments):
        for path in source.iterdir():
            path.write_text("another text")
        return make(*arguments)

    monkeypatch.setattr(store_building, "make_tokenizer", change)
    with pytest.raises(DataError, match=r"txt changed while it was read"):
        prepare_tokens(f"folder:{source}", "bytes", tmp_path / "cache")
    assert list((tmp_path / "cache" / "tokens").iterdir()) == []
