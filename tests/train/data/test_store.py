"""The token store: split by document, lossless, found again without reading, never half-written."""

import json
import shutil
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from quarry.errors import DataError
from quarry.train.data import store as store_module
from quarry.train.data import store_writing
from quarry.train.data.cache_lock import cache_lock
from quarry.train.data.store import open_store
from quarry.train.data.store_building import prepare_tokens
from quarry.train.data.tokenizers import make_tokenizer

SPLITS = ("train", "validation", "test")


def documents(store, split):
    """The documents of a split, in its order."""
    ids = np.asarray(store.tokens(split))
    ends = np.flatnonzero(ids == store.tokenizer.separator)
    assert ends[-1] == len(ids) - 1
    return [store.tokenizer.decode(piece) for piece in np.split(ids, ends[:-1] + 1)]


def all_documents(store):
    return [text for split in SPLITS for text in documents(store, split)]


def write(folder, texts):
    folder.mkdir(exist_ok=True)
    for i, text in enumerate(texts):
        (folder / f"{i}.txt").write_text(text)
    return f"folder:{folder}"


@pytest.mark.parametrize("tokenizer", ["bytes", "bpe:280"])
def test_every_document_is_in_one_split(folder, tmp_path, tokenizer):
    store = prepare_tokens(f"folder:{folder}", tokenizer, tmp_path)
    found = {split: documents(store, split) for split in SPLITS}
    assert sorted(all_documents(store)) == sorted(path.read_text() for path in folder.iterdir())
    for split, texts in found.items():
        entry = store.manifest["splits"][split]
        assert entry["documents"] == len(texts)
        assert entry["tokens"] == store.n_tokens(split) == len(store.tokens(split))
        assert store.n_bytes(split) == sum(len(text.encode()) for text in texts)
        assert store.n_bytes(split) == store.tokenizer.token_bytes[store.tokens(split)].sum()
    store.verify()


def test_fractions_are_respected(folder, tmp_path):
    store = prepare_tokens(f"folder:{folder}", "bytes", tmp_path, validation_fraction=0.3, test_fraction=0.2)
    counts = [store.manifest["splits"][split]["documents"] for split in SPLITS]
    assert np.allclose(counts, [100, 60, 40], atol=25)  # 3.5 standard deviations


def test_a_split_depends_on_no_other_document(store, folder, tmp_path):
    more = shutil.copytree(folder, tmp_path / "more")
    (more / "new.txt").write_text("one more")
    grown = prepare_tokens(f"folder:{more}", "bytes", tmp_path / "cache")
    for split in SPLITS:
        assert [text for text in documents(grown, split) if text != "one more"] == documents(store, split)


def test_the_order_is_not_that_of_the_files(store):
    numbers = [int(text.split(",")[0].removeprefix("Document ")) for text in documents(store, "train")]
    assert abs(np.corrcoef(numbers, np.arange(len(numbers)))[0, 1]) < 0.3


def test_exact_duplicates_are_dropped_and_counted(tmp_path):
    texts = [f"text {i}" for i in range(100)]
    store = prepare_tokens(write(tmp_path / "a", texts + texts[:7]), "bytes", tmp_path / "cache")
    assert store.manifest["documents"] == 100
    assert store.manifest["duplicates_dropped"] == 7
    assert sorted(all_documents(store)) == sorted(texts)


def test_bpe_is_trained_on_training_documents_only(folder, tmp_path):
    store = prepare_tokens(f"folder:{folder}", "bpe:280", tmp_path)
    assert store.tokenizer == make_tokenizer("bpe:280", documents(store, "train"))
    assert store.tokenizer != make_tokenizer("bpe:280", documents(store, "test"))


def test_the_second_use_reads_no_document(folder, tmp_path):
    first = prepare_tokens(f"folder:{folder}", "bytes", tmp_path)
    before = (first.directory / "train.bin").stat().st_mtime_ns
    program = (
        "import sys, pathlib; from quarry.train.data import folder_corpus, store_building;"
        "folder_corpus.read_text = None;"
        f"found = store_building.prepare_tokens('folder:{folder}', 'bytes', pathlib.Path({str(tmp_path)!r}));"
        "assert 'tensorflow_datasets' not in sys.modules; print(found.directory)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == str(first.directory)
    assert (first.directory / "train.bin").stat().st_mtime_ns == before


def test_changed_documents_make_another_store(tmp_path):
    name = write(tmp_path / "a", [f"text {i}" for i in range(100)])
    first = prepare_tokens(name, "bytes", tmp_path / "cache")
    (tmp_path / "a" / "3.txt").write_text("another text")
    second = prepare_tokens(name, "bytes", tmp_path / "cache")
    assert second.directory != first.directory
    assert "another text" in all_documents(second)


def test_the_same_text_elsewhere_shares_the_files_and_keeps_its_name(tmp_path):
    texts = [f"text {i}" for i in range(100)]
    stores = [prepare_tokens(write(tmp_path / name, texts), "bytes", tmp_path / "cache") for name in "ab"]
    again = prepare_tokens(f"folder:{tmp_path / 'b'}", "bytes", tmp_path / "cache")
    assert stores[0].directory == stores[1].directory == again.directory
    assert again.manifest["corpus"] == stores[1].manifest["corpus"] == f"folder:{tmp_path / 'b'}"


@pytest.mark.slow
def test_two_processes_that_prepare_at_once_both_get_a_good_store(tmp_path):
    program = (
        "import sys, pathlib; from quarry.train.data.store_building import prepare_tokens;"
        "store = prepare_tokens('sotu', 'bytes', pathlib.Path(sys.argv[1]));"
        "store.verify(); print(store.directory)"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    pipe = subprocess.PIPE
    runs = [subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) for _ in range(2)]
    answers = [run.communicate(timeout=50) for run in runs]
    assert [run.returncode for run in runs] == [0, 0], answers
    assert answers[0][0] == answers[1][0]
    assert [str(path) for path in (tmp_path / "tokens").iterdir()] == [answers[0][0].strip()]


def test_dying_while_writing_leaves_nothing_visible(folder, tmp_path):
    program = (
        "import os, pathlib, sys; from quarry.train.data import store_building, store_writing;"
        "store_writing.save_tokenizer = lambda *_: os._exit(9);"
        f"store_building.prepare_tokens('folder:{folder}', 'bytes', pathlib.Path(sys.argv[1]))"
    )
    run = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True)
    assert run.returncode == 9
    assert all(path.name.startswith(".") for path in (tmp_path / "tokens").iterdir())
    store = prepare_tokens(f"folder:{folder}", "bytes", tmp_path)
    store.verify()
    assert list((tmp_path / "tokens").iterdir()) == [store.directory]


def test_a_truncated_file_is_refused_on_opening(store, tmp_path):
    copy = shutil.copytree(store.directory, tmp_path / "copy")
    with (copy / "train.bin").open("r+b") as file:
        file.truncate(100)
    with pytest.raises(DataError, match=r"train.bin has 100 bytes, not [\d,]+: delete"):
        open_store(copy)
    (copy / "train.bin").unlink()
    with pytest.raises(DataError, match=r"train.bin has 0 bytes"):
        open_store(copy)


def test_a_changed_byte_is_found_by_verify(store, tmp_path):
    copy = shutil.copytree(store.directory, tmp_path / "copy")
    with (copy / "test.bin").open("r+b") as file:
        file.write(b"\x01")
    with pytest.raises(DataError, match=r"test.bin is damaged"):
        open_store(copy).verify()


def test_the_manifest_describes_the_store(store, folder):
    manifest = json.loads((store.directory / "manifest.json").read_text())
    assert manifest == store.manifest
    assert manifest["corpus"] == f"folder:{folder}"
    assert manifest["licence"] == "unknown"
    assert manifest["tokenizer"] == "bytes"


def test_one_document_cannot_be_split(tmp_path):
    name = write(tmp_path / "a", ["all of it"])
    with pytest.raises(DataError, match=r"1 distinct document, and none fell into .* and "):
        prepare_tokens(name, "bytes", tmp_path / "cache")
    assert not (tmp_path / "cache" / "tokens").exists()


def test_a_corpus_of_empty_documents_is_refused(tmp_path):
    with pytest.raises(DataError, match="has no text: all its documents are empty"):
        prepare_tokens(write(tmp_path / "a", ["", ""]), "bytes", tmp_path / "cache")


def test_copies_are_those_of_the_corpus_not_of_one_with_the_same_texts(tmp_path):
    texts = [f"text {i}\n" for i in range(300)]
    once = prepare_tokens(write(tmp_path / "once", texts), "bytes", tmp_path / "cache")
    twice = prepare_tokens(write(tmp_path / "twice", [*texts, texts[0]]), "bytes", tmp_path / "cache")
    again = prepare_tokens(f"folder:{tmp_path / 'twice'}", "bytes", tmp_path / "cache")
    assert once.directory == twice.directory == again.directory
    assert [store.manifest["duplicates_dropped"] for store in (once, twice, again)] == [0, 1, 1]


@pytest.mark.parametrize(
    ("fractions", "message"),
    [
        ({"validation_fraction": 0.0}, "validation_fraction = 0.0 must be between"),
        ({"test_fraction": 1.5}, "test_fraction = 1.5 must be between"),
        ({"test_fraction": 0.5, "validation_fraction": 0.5}, "leave nothing to train on"),
    ],
)
def test_bad_fractions_are_refused(folder, tmp_path, fractions, message):
    with pytest.raises(DataError, match=message):
        prepare_tokens(f"folder:{folder}", "bytes", tmp_path, **fractions)


def test_every_long_step_is_announced(folder, tmp_path):
    said = []
    prepare_tokens(f"folder:{folder}", "bpe:280", tmp_path, say=said.append)
    assert said == [
        f"reading the corpus folder:{folder}",
        "training the tokenizer bpe:280 on 0.1 MB of text",
        "writing 0.1 MB of text as tokens, bpe:280",
    ]
    prepare_tokens(f"folder:{folder}", "bpe:280", tmp_path, say=said.append)
    assert len(said) == 3


@pytest.mark.parametrize("count", [1, 2, 5])
def test_documents_too_few_to_split_are_cut_by_position(tmp_path, count):
    texts = [f"{letter}-" + "".join(f"{i} " for i in range(1000)) for letter in "abcde"[:count]]
    said = []
    store = prepare_tokens(write(tmp_path / "a", texts), "bytes", tmp_path / "cache", say=said.append)
    assert said[1].endswith("has too few documents to split: the last parts of each are held out")
    parts = [documents(store, split) for split in SPLITS]
    assert sorted(map("".join, zip(*parts, strict=True))) == texts
    for split, share in zip(SPLITS, (0.9, 0.05, 0.05), strict=True):
        assert abs(store.n_bytes(split) - share * sum(map(len, texts))) <= count
    assert store.manifest["split_by"] == "position"
    assert store.manifest["documents"] == count


def test_one_file_is_a_corpus(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "enwik8").write_text("wiki " * 1000)
    store = prepare_tokens("folder:~/enwik8", "bytes", tmp_path / "cache")
    assert [store.n_bytes(split) for split in SPLITS] == [4500, 250, 250]


def test_a_separator_divides_a_file_into_documents(tmp_path):
    file, texts = tmp_path / "input.txt", [f"text {i}\n" for i in range(300)]
    file.write_text("<|endoftext|>".join([*texts, "\n"]))
    name = f"folder:{file}?separator=<|endoftext|>"
    store = prepare_tokens(name, "bytes", tmp_path / "cache")
    assert sorted(all_documents(store)) == sorted(texts)
    assert (store.manifest["corpus"], store.manifest["documents"]) == (name, 300)
    assert "split_by" not in store.manifest
    whole = prepare_tokens(f"folder:{file}", "bytes", tmp_path / "cache")
    assert (whole.manifest["split_by"], whole.directory != store.directory) == ("position", True)


def test_a_store_of_an_earlier_version_is_checked_by_its_sha256(store, tmp_path):
    copy = shutil.copytree(store.directory, tmp_path / "copy")
    manifest = json.loads((copy / "manifest.json").read_text())
    del manifest["checksum"]
    for entry in manifest["splits"].values():
        del entry["xxh3"]
    (copy / "manifest.json").write_text(json.dumps(manifest))
    open_store(copy).verify()
    with (copy / "test.bin").open("r+b") as file:
        file.write(b"\x01")
    with pytest.raises(DataError, match=r"test.bin is damaged \(its SHA-256"):
        open_store(copy).verify()


def test_a_long_check_says_so(store, monkeypatch):
    said = []
    monkeypatch.setattr(store_module, "LARGE_BYTES", 1)
    store.verify(said.append)
    assert said == ["checking 0.0 GB of tokens"]


def test_a_split_in_shards_has_the_tokens_and_digests_of_one_file(folder, store, tmp_path, monkeypatch):
    monkeypatch.setattr(store_writing, "SHARD_BYTES", 10_001)
    sharded = prepare_tokens(f"folder:{folder}", "bytes", tmp_path)
    assert [file.name for file in sharded.files("train")[:2]] == ["train.00000.bin", "train.00001.bin"]
    assert max(file.stat().st_size for file in sharded.directory.glob("*.bin")) == 10_001
    assert sharded.directory.name == store.directory.name
    assert sharded.manifest["splits"] == store.manifest["splits"]
    assert all(np.array_equal(sharded.tokens(split), store.tokens(split)) for split in SPLITS)
    sharded.verify()
    with sharded.files("train")[1].open("r+b") as file:
        file.write(b"\x01")
    with pytest.raises(DataError, match=r"train.00001.bin is damaged"):
        open_store(sharded.directory).verify()
    sharded.files("train")[1].unlink()
    with pytest.raises(DataError, match=r"train.00001.bin has 0 bytes, not 10,001"):
        open_store(sharded.directory)


def test_a_wait_for_another_process_is_announced(tmp_path):
    said, entered = [], threading.Event()

    def wait():
        with cache_lock(tmp_path, said.append):
            entered.set()

    with cache_lock(tmp_path, said.append):
        waiting = threading.Thread(target=wait)
        waiting.start()
        while not said:
            time.sleep(0.01)
        assert not entered.is_set()
    waiting.join(10)
    assert entered.is_set()
    assert said == [f"waiting for another process, which prepares text in {tmp_path}"]
