"""Stores of parts that several machines made are joined to the store of the whole, bit for bit."""

import dataclasses
import shutil

import numpy as np
import pytest

from quarry.errors import DataError
from quarry.train.data import store_joining
from quarry.train.data.prepared import tokenizer_of
from quarry.train.data.store import SPLITS
from quarry.train.data.store_building import prepare_tokens
from quarry.train.data.store_copying import copy_store
from quarry.train.data.store_joining import join_stores
from tests.commands import quarry_here
from tests.train.record.emulator import BUCKET, serving


@pytest.fixture(scope="module")
def parts(folder, tmp_path_factory):
    """The folder's documents in three folders; one document lies in two of them."""
    root = tmp_path_factory.mktemp("parts")
    for number, file in enumerate(sorted(folder.iterdir())):
        (root / str(number % 3)).mkdir(exist_ok=True)
        shutil.copy(file, root / str(number % 3))
    shutil.copy(root / "0" / "000.txt", root / "1" / "again.txt")
    return [root / str(part) for part in range(3)]


@pytest.fixture(scope="module")
def stores(parts, tmp_path_factory):
    """The places of the stores of the parts, in bytes."""
    cache = tmp_path_factory.mktemp("stores")
    return [str(prepare_tokens(f"folder:{part}", "bytes", cache).directory) for part in parts]


@pytest.mark.parametrize("block", [300, 2**20])
def test_the_joined_store_is_that_of_the_whole(store, stores, tmp_path, monkeypatch, block):
    monkeypatch.setattr(store_joining, "BLOCK", block)  # 300 bytes are less than a document
    joined = join_stores(stores, tmp_path)
    for split in SPLITS:
        assert np.array_equal(joined.tokens(split), store.tokens(split))
    for name in ("splits", "documents", "text_sha256", "vocab_size"):
        assert joined.manifest[name] == store.manifest[name]
    assert joined.manifest["duplicates_dropped"] == 1
    assert joined.manifest["corpus"].count(" + folder:") == 2
    joined.verify()


def test_a_joined_store_is_not_made_again(stores, tmp_path):
    said = []
    one = join_stores(stores, tmp_path, said.append)
    other = join_stores(stores[::-1], tmp_path, said.append)
    assert other.directory == one.directory
    assert len(said) == 1
    assert said[0].startswith("joining 0.1 MB")


def test_parts_in_a_bucket_with_the_first_ones_tokenizer_are_joined(parts, folder, tmp_path, monkeypatch):
    """By the commands, as two machines would: each has a cache of its own."""
    with serving() as (variables, _):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        places = [f"gs://{BUCKET}/parts/{number}" for number in range(3)]
        tokenizers = [("--tokenizer", "bpe:290"), *2 * [("--tokenizer-of", places[0])]]
        for part, place, words in zip(parts, places, tokenizers, strict=True):
            cache = tmp_path / part.name
            quarry_here("data", "put", f"folder:{part}", place, *words, cwd=tmp_path, cache=cache)
        whole = tmp_path / "whole"
        answer = quarry_here("data", "join", *places, "--to", whole, cwd=tmp_path, cache=tmp_path / "here")
        assert answer.stdout.split() == ["--data.corpus", f"store:{whole}", "--data.tokenizer", "bpe:290"]
        given = tokenizer_of(places[0], tmp_path / "there")
    at_once = prepare_tokens(f"folder:{folder}", "bpe:290", tmp_path / "at-once", tokenizer=given)
    joined = prepare_tokens(f"store:{whole}", "bpe:290", tmp_path / "here")
    for split in SPLITS:
        assert np.array_equal(joined.tokens(split), at_once.tokens(split))


def test_stores_that_cannot_be_joined_are_refused(store, parts, stores, tmp_path):
    def prepared(corpus, tokenizer="bytes", **options):
        return str(prepare_tokens(corpus, tokenizer, tmp_path / "other", **options).directory)

    part = f"folder:{parts[1]}"
    with pytest.raises(DataError, match=r"parts = .*: name two stores or more to join"):
        join_stores(stores[:1], tmp_path)
    with pytest.raises(DataError, match=r"was made with test_fraction = 0.2, .* with 0.05: only stores made"):
        join_stores([stores[0], prepared(part, test_fraction=0.2)], tmp_path)
    one, other = (prepared(f"folder:{folder}", "bpe:290") for folder in parts[:2])
    with pytest.raises(DataError, match=f"has tokens of another bpe:290 than .*--tokenizer-of {one}"):
        join_stores([one, other], tmp_path)
    mixture = prepared(f"mix:folder:{parts[0]}=0.5+folder:{parts[1]}=0.5")
    with pytest.raises(DataError, match="is a mixture: join its parts"):
        join_stores([mixture, stores[0]], tmp_path)
    (tmp_path / "few").mkdir()
    (tmp_path / "few" / "one.txt").write_text("one document\n" * 90)
    with pytest.raises(DataError, match="has so few documents that each is cut"):
        join_stores([prepared(f"folder:{tmp_path / 'few'}"), stores[0]], tmp_path)
    with pytest.raises(DataError, match="are not all different stores: name each once"):
        join_stores([stores[0], stores[0] + "/"], tmp_path)
    with pytest.raises(DataError, match=r"was made by an earlier version \(content is missing\)"):
        store_joining._check_mergeable("old", dataclasses.replace(store, manifest={}))


def test_a_text_that_one_part_holds_out_by_name_is_held_out_of_the_others(parts, tmp_path):
    """Whatever the order of the parts; with near twins dropped no checksum of all texts is told."""
    held = ("*/1*.txt", "*/2*.txt")
    shutil.copytree(parts[0], tmp_path / "other")
    text = (tmp_path / "other" / "003.txt").read_text()
    (tmp_path / "other" / "199.txt").write_text(text)
    (tmp_path / "other" / "003.txt").unlink()
    options = {"held_out": held, "near_duplicates": 0.99}
    one, other = (
        str(prepare_tokens(f"folder:{folder}", "bytes", tmp_path / "made", **options).directory)
        for folder in (parts[0], tmp_path / "other")
    )
    for number, places in enumerate(((one, other), (other, one))):
        said = []
        joined = join_stores(places, tmp_path / f"{number}", said.append)
        assert (
            said[1] == "note: near duplicates were dropped within each part: twins of several parts are kept"
        )
        held_out = [joined.tokenizer.decode(joined.tokens(split)) for split in ("validation", "test")]
        assert any(text in found for found in held_out)
        assert text not in joined.tokenizer.decode(joined.tokens("train"))
        assert "text_sha256" not in joined.manifest


def test_the_bytes_of_pixels_are_their_number(tmp_path):
    """Of many levels a pixel is a character of several bytes in UTF-8."""
    rng, places = np.random.default_rng(0), []
    for part in range(2):
        (tmp_path / str(part)).mkdir()
        for number in range(60):
            picture = "".join(map(chr, 0x2800 + rng.integers(0, 200, 25)))
            (tmp_path / str(part) / f"{number}.txt").write_text(picture, encoding="utf-8")
        corpus = f"folder:{tmp_path / str(part)}"
        places.append(prepare_tokens(corpus, "pixels:256", tmp_path / "made"))
    joined = join_stores([str(store.directory) for store in places], tmp_path / "joined")
    assert joined.n_bytes("train") == sum(store.n_bytes("train") for store in places)


def test_documents_in_another_order_are_refused(store, stores, tmp_path):
    place = tmp_path / "turned"
    copy_store(store, str(place))
    tokens = store.tokens("train")
    first = int(np.flatnonzero(tokens == store.tokenizer.separator)[0]) + 1
    turned = np.concatenate([tokens[first:], tokens[:first]])
    store = dataclasses.replace(store, directory=place)
    (place / "train.bin").write_bytes(turned.tobytes())
    with pytest.raises(DataError, match=r"train.bin is damaged"):
        join_stores([str(place), stores[0]], tmp_path)
    parts = {str(place): store, stores[0]: prepare_tokens(f"store:{stores[0]}", "bytes", tmp_path)}
    with pytest.raises(DataError, match=f"{place}: its train documents are not in the order of their hashes"):
        store_joining._write(tmp_path, parts)
