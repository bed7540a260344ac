"""Token stores on gs://: training reads the rows of each step from there, held-out text is copied here whole.

CACHE/remote/KEY/  manifest.json  tokenizer.json  validation.bin  test.bin   of each store that was read
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from quarry.errors import DataError
from quarry.train.data.cache_lock import cache_lock
from quarry.train.data.shards import Piece, SplitTokens
from quarry.train.data.store import (
    DamagedStore,
    Say,
    Split,
    TokenStore,
    hash_json,
    read_store,
)
from quarry.train.record.bucket import Folder, Stored, readers
from quarry.train.record.files import atomic_write
from quarry.train.record.folders import make_writable

HELD_OUT: tuple[Split, ...] = ("validation", "test")


class BucketTokens(SplitTokens):
    """The tokens of a split in objects of a folder; every piece is a request, many are under way at once."""

    gap: ClassVar[int] = 2**14
    rows_at_once: ClassVar[int] = 128
    threads: ClassVar[int] = 2

    def __init__(self, store: "BucketStore", split: Split):
        super().__init__([shard["tokens"] for shard in store.shards(split)])
        self._folder, self._objects = store.folder, store.objects
        self._names = [file.name for file in store.files(split)]
        self._dtype = store.tokenizer.dtype

    def _fetch(self, pieces: Sequence[Piece]) -> Sequence[np.ndarray]:
        return list(readers().map(self._read, pieces))

    def _read(self, piece: Piece) -> np.ndarray:
        name, size = self._names[piece.shard], self._dtype.itemsize
        content = self._folder.read(
            name, piece.first * size, piece.last * size, self._objects[name].generation
        )
        return np.frombuffer(content, self._dtype)


@dataclass(frozen=True)
class BucketStore(TokenStore):
    """A store in `folder`, with its held-out text in `directory`."""

    folder: Folder
    objects: Mapping[str, Stored]
    here: ClassVar[tuple[Split, ...]] = HELD_OUT

    def reader(self, split: Split) -> SplitTokens:
        return super().reader(split) if split in self.here else BucketTokens(self, split)

    def check_objects(self) -> None:
        """Raise DataError if a shard is missing, or has not the size or the CRC32C of the manifest."""
        for split in ("train", *HELD_OUT):
            for file, shard in zip(self.files(split), self.shards(split), strict=True):
                self._check_object(file.name, shard["tokens"] * self.tokenizer.dtype.itemsize, shard)

    def _check_object(self, name: str, size: int, shard: Mapping[str, object]) -> None:
        found, where = self.objects.get(name), f"{self.folder.address}/{name}"
        if found is None:
            fault = f"{where} is missing"
        elif found.size != size:
            fault = f"{where} has {found.size:,} bytes, not {size:,}"
        elif shard.get("crc32c", found.crc32c) != found.crc32c:
            fault = f"{where} is damaged (its CRC32C is not the one in the manifest)"
        else:
            return
        raise DataError(f"{fault}: `quarry data put` copies it again")


def open_bucket_store(address: str, cache: Path, *, verify: bool, say: Say) -> BucketStore:
    """The store at `gs://BUCKET/FOLDER`, its held-out text in the cache. No training token is read.

    Raises DataError if there is none, if a shard is missing or does not match the manifest, and BucketError.
    """
    store = read_bucket_store(address, cache)
    store.check_objects()
    with cache_lock(cache / "remote", say):
        if not _has_held_out(store, verify, say):
            _fetch_held_out(store, say)
    return store


def read_bucket_store(address: str, cache: Path) -> BucketStore:
    """The store at `gs://BUCKET/FOLDER`, by its manifest and tokenizer alone.

    Raises DataError if there is none, and BucketError.
    """
    folder = Folder(address)
    objects = folder.objects()
    if "manifest.json" not in objects:
        raise DataError(
            f"{address} holds no token store: `quarry data put CORPUS {address}` copies one there"
        )
    make_writable(cache)
    directory = _small_files(folder, cache)
    try:
        store = read_store(directory)
    except DamagedStore as damage:
        fault = damage.fault.replace(str(directory), folder.address)
        raise DataError(f"{fault}: `quarry data put` copies it again") from None
    return BucketStore(store.directory, store.manifest, store.tokenizer, folder, objects)


def _small_files(folder: Folder, cache: Path) -> Path:
    """The folder in the cache of the store as it is in the bucket now, with its manifest and tokenizer."""
    content = folder.read("manifest.json")
    try:
        directory = cache / "remote" / hash_json(json.loads(content))[:32]
    except ValueError:
        raise DataError(f"{folder.address}/manifest.json is damaged: it holds no JSON") from None
    directory.mkdir(parents=True, exist_ok=True)
    for name, small in (("manifest.json", content), ("tokenizer.json", folder.read("tokenizer.json"))):
        with atomic_write(directory / name) as partial:
            partial.write_bytes(small)
    return directory


def _has_held_out(store: BucketStore, verify: bool, say: Say) -> bool:
    try:
        store.check_sizes()
        if verify:
            store.verify(say)
    except DamagedStore:
        return False
    return True


def _fetch_held_out(store: BucketStore, say: Say) -> None:
    """Copy the validation and test split here. Raises DataError if they are not those of the manifest."""
    say(f"copying the held-out text of {store.folder.address} into {store.directory}")
    for split in HELD_OUT:
        for file in store.files(split):
            content = store.folder.read(file.name, generation=store.objects[file.name].generation)
            with atomic_write(file) as partial:
                partial.write_bytes(content)
    try:
        store.verify(say)
    except DamagedStore as damage:
        fault = damage.fault.replace(str(store.directory), store.folder.address)
        raise DataError(f"{fault}: `quarry data put` copies it again") from None
