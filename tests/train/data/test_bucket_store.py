"""Stores copied to a bucket or a folder: trained on there as from the cache, resumable, checked by digest."""

import dataclasses
import json

import numpy as np
import pytest

from quarry.errors import BucketError, ConfigError, DataError
from quarry.train.config.experiment import DataConfig
from quarry.train.config.point_files import Point
from quarry.train.data.bucket_store import BucketTokens
from quarry.train.data.feed import feed
from quarry.train.data.order import BatchOrder
from quarry.train.data.selection.stores import select_tokens
from quarry.train.data.store_building import prepare_tokens
from quarry.train.data.store_copying import copy_store
from quarry.train.record import bucket
from quarry.train.record.bucket import Folder
from quarry.train.record.progress import Quiet
from quarry.train.record.run_directory import RunDirectory
from quarry.train.run.loop import train
from tests.train.record.emulator import BUCKET, serving
from tests.train.run.test_loop import rows_of
from tests.train.tiny import tiny_point

PLACE = f"gs://{BUCKET}/stores/tiny"


@pytest.fixture(scope="module")
def put(store):
    """An emulated bucket with the store in two shards, and the bucket's storage."""
    with serving() as (variables, storage), pytest.MonkeyPatch.context() as environment:
        for name, value in variables.items():
            environment.setenv(name, value)
        bucket._client.cache_clear()
        assert copy_store(store, PLACE, shard_bytes=-(-store.n_tokens("train") // 2)) == 4
        yield storage
    bucket._client.cache_clear()


def opened(cache, place=PLACE, **options):
    return prepare_tokens(f"store:{place}", "bytes", cache, **options)


def test_a_store_in_a_bucket_has_the_tokens_of_the_local_one(put, store, tmp_path):
    remote = opened(tmp_path)
    assert len(remote.shards("train")) == 2
    for split in ("train", "validation", "test"):
        assert np.array_equal(remote.tokens(split), store.tokens(split))
    assert remote.manifest["splits"] == store.manifest["splits"]
    kept = {file.name for file in remote.directory.iterdir()}
    assert kept == {"manifest.json", "tokenizer.json", "validation.bin", "test.bin"}
    order, options = BatchOrder(90, seed=1), {"context": 512, "batch_sequences": 3, "first": 7, "steps": 20}
    for one, other in zip(feed(store, order, **options), feed(remote, order, **options), strict=True):
        assert np.array_equal(one.targets_BxT, other.targets_BxT)
    with pytest.raises(DataError, match=r"data.selection = 'gzip:middle' reads the whole training split"):
        select_tokens(remote, "gzip:middle", tmp_path)


@pytest.mark.slow
def test_a_run_from_a_bucket_or_a_folder_is_that_on_the_corpus(put, store, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(BucketTokens, "gap", 0)
    copy_store(store, str(tmp_path / "put"), shard_bytes=3000)
    rows = []
    for name, corpus in enumerate((f"folder:{folder}", f"store:{PLACE}", f"store:{tmp_path / 'put'}")):
        config = tiny_point(tmp_path / "study", steps=6).config
        config = dataclasses.replace(config, data=DataConfig(corpus=corpus, unique_tokens=40_000))
        point = Point("study", f"p{name}", config, tmp_path / "study" / "tiny.py")
        assert train(point, tmp_path / "runs", tmp_path / "cache", Quiet()) == "finished"
        rows.append(rows_of(RunDirectory(tmp_path / "runs" / "study" / f"p{name}")))
    assert rows[0] == rows[1] == rows[2]


def test_only_what_is_missing_or_differs_is_copied(put, store, tmp_path):
    size = -(-store.n_tokens("train") // 2)
    assert copy_store(store, PLACE, shard_bytes=size) == 0
    folder, whole = Folder(PLACE), Folder(PLACE).read("train.00001.bin")
    folder.send("train.00001.bin", whole[:100])
    with pytest.raises(DataError, match=rf"train.00001.bin has 100 bytes, not {len(whole):,}: `quarry"):
        opened(tmp_path)
    folder.send("train.00001.bin", bytes(len(whole)))
    with pytest.raises(DataError, match=r"train.00001.bin is damaged \(its CRC32C"):
        opened(tmp_path)
    folder.blob("train.00001.bin").delete()
    with pytest.raises(DataError, match=rf"{PLACE}/train.00001.bin is missing"):
        opened(tmp_path)
    assert copy_store(store, PLACE, shard_bytes=size) == 1
    assert folder.read("train.00001.bin") == whole


def test_the_copies_of_held_out_text_are_checked_and_made_again(put, store, tmp_path):
    said = []
    file = opened(tmp_path, say=said.append).directory / "test.bin"
    file.write_bytes(b"\x01" + file.read_bytes()[1:])
    assert np.array_equal(opened(tmp_path, say=said.append).tokens("test"), store.tokens("test"))
    opened(tmp_path, say=said.append)
    assert [sentence.startswith("copying the held-out text") for sentence in said] == [True, True]


def test_a_network_lost_in_the_middle_ends_in_one_sentence_after_retries(put, store, tmp_path, monkeypatch):
    remote = opened(tmp_path)
    monkeypatch.setattr(bucket, "RETRY_SECONDS", 1e-3)
    monkeypatch.setattr(put, "get_file", lost)
    with pytest.raises(BucketError, match=rf"{PLACE} cannot be used: .*onnection"):
        remote.reader("train").rows(np.arange(0, 20_000, 9000), 10)


def lost(*_):
    raise ConnectionResetError


def test_places_and_options_that_cannot_be_are_refused(put, store, tmp_path):
    with pytest.raises(BucketError, match="gs://nowhere/a cannot be used: there is no such bucket"):
        opened(tmp_path, "gs://nowhere/a")
    with pytest.raises(DataError, match=f"gs://{BUCKET}/a holds no token store: `quarry data put"):
        opened(tmp_path, f"gs://{BUCKET}/a")
    with pytest.raises(DataError, match=f"{tmp_path} holds no token store: `quarry data put"):
        opened(tmp_path, str(tmp_path))
    with pytest.raises(ConfigError, match="s3://b/a: "):
        opened(tmp_path, "s3://b/a")
    with pytest.raises(DataError, match=r"has tokens of bytes, not of data.tokenizer = bpe:300"):
        prepare_tokens(f"store:{PLACE}", "bpe:300", tmp_path)
    with pytest.raises(
        DataError, match=r"near_duplicates = 0.8: store:gs.* was made with None; leave it out"
    ):
        opened(tmp_path, near_duplicates=0.8)
    with pytest.raises(DataError, match=r"corpus = 'store:a' is tokens, not text"):
        prepare_tokens("mix:store:a=1+sotu=1", "bytes", tmp_path)


def test_another_store_and_a_damaged_folder_are_refused(store, tmp_path):
    place = tmp_path / "put"
    copy_store(store, str(place))
    (place / "test.bin").write_bytes(bytes(store.n_tokens("test")))
    with pytest.raises(DataError, match=r"test.bin is damaged .*: `quarry data put` copies it again"):
        opened(tmp_path, str(place))
    assert copy_store(store, str(place)) == 1
    assert np.array_equal(opened(tmp_path, str(place)).tokens("train"), store.tokens("train"))
    manifest = json.loads((place / "manifest.json").read_text())
    (place / "manifest.json").write_text(json.dumps(manifest | {"content": "another"}))
    with pytest.raises(DataError, match=f"{place} holds another token store: name an empty folder"):
        copy_store(store, str(place))
    with pytest.raises(ConfigError, match=r"cannot write in .*test.bin: it is no folder"):
        copy_store(store, str(place / "test.bin"))
