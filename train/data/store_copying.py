"""Copies a token store to a folder or to gs://, in shards; what is there already is not copied again."""

import base64
import json
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import xxhash

from quarry.errors import DataError
from quarry.train.data.progress import tracked
from quarry.train.data.shards import SHARD_BYTES, shard_names
from quarry.train.data.store import SPLITS, Say, Split, TokenStore, checksum, silent
from quarry.train.record.bucket import Folder, bucket_address
from quarry.train.record.disk_space import enough_space
from quarry.train.record.files import atomic_write
from quarry.train.record.folders import make_writable

UPLOADS_AT_ONCE = 4
CHUNK = 2**22


class Shard(NamedTuple):
    """The bytes of `file` from `first` on that become the file `name`, and their digests."""

    name: str
    file: Path
    first: int
    size: int
    digests: Mapping[str, str] = {}


@runtime_checkable
class Place(Protocol):
    """Where a store is copied to."""

    def digests(self) -> Mapping[str, Any]:
        """Empty objects, by name, of the digests by which a shard is known there."""
        ...

    def holds(self, shard: Shard) -> bool:
        """Whether the shard is there."""
        ...

    def copy(self, shard: Shard) -> None:
        """Copy the shard; no reader sees half of it."""
        ...

    def read(self, name: str) -> bytes | None:
        """A small file; None if it is not there."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Write a small file; no reader sees half of it."""
        ...


def copy_store(store: TokenStore, place: str, shard_bytes: int = SHARD_BYTES, say: Say = silent) -> int:
    """Copy a store to a folder or `gs://BUCKET/FOLDER`, its manifest last; returns how many shards it copied.

    Shards that are there with the right size and digest are left. Raises DataError for another store at the
    place, and BucketError.
    """
    itemsize = store.tokenizer.dtype.itemsize
    if shard_bytes < itemsize:
        raise DataError(f"shard_bytes = {shard_bytes} is less than a token")
    address = bucket_address(Path(place))
    there: Place = BucketPlace(address) if address else FolderPlace(Path(place).expanduser())
    _check_same(store, there, place)
    most = shard_bytes - shard_bytes % itemsize
    plan: dict[Split, list[Shard]] = {split: _cut(store, split, most) for split in SPLITS}
    known = _digested(plan, there)
    missing = [shard for shards in known.values() for shard in shards if not there.holds(shard)]
    say(f"copying {sum(shard.size for shard in missing) / 1e6:.1f} MB in {len(missing)} files to {place}")
    with ThreadPoolExecutor(UPLOADS_AT_ONCE) as pool:
        for _ in tracked(pool.map(there.copy, missing), f"copying to {place}", len(missing)):
            pass
    there.write("tokenizer.json", json.dumps(store.tokenizer.definition).encode())
    there.write("manifest.json", json.dumps(_manifest(store, known), indent=1).encode())
    return len(missing)


def _check_same(store: TokenStore, there: Place, place: str) -> None:
    content = there.read("manifest.json")
    try:
        other = None if content is None else json.loads(content).get("content")
    except (ValueError, AttributeError):
        return
    if content is not None and other != store.manifest.get("content"):
        raise DataError(f"{place} holds another token store: name an empty folder")


def _cut(store: TokenStore, split: Split, most: int) -> list[Shard]:
    """The shards of a split: each file in parts of at most `most` bytes."""
    parts = [
        (file, first, min(most, file.stat().st_size - first))
        for file in store.files(split)
        for first in range(0, file.stat().st_size, most)
    ]
    names = shard_names(split, len(parts))
    return [Shard(name, *part) for name, part in zip(names, parts, strict=True)]


def _digested(plan: Mapping[Split, list[Shard]], there: Place) -> dict[Split, list[Shard]]:
    """The shards with their digests; reads all of them."""
    flat = [shard for shards in plan.values() for shard in shards]
    known = {
        shard.name: shard._replace(digests=_digest(shard, there.digests()))
        for shard in tracked(flat, "reading the store", len(flat))
    }
    return {split: [known[shard.name] for shard in shards] for split, shards in plan.items()}


def _digest(shard: Shard, digests: Mapping[str, Any]) -> dict[str, str]:
    for chunk in _chunks(shard):
        for digest in digests.values():
            digest.update(chunk)
    return {name: _as_text(digest) for name, digest in digests.items()}


def _as_text(digest: Any) -> str:
    """In hexadecimal; a CRC32C in base64, as Cloud Storage writes it."""
    return digest.hexdigest() if hasattr(digest, "intdigest") else base64.b64encode(digest.digest()).decode()


def _chunks(shard: Shard) -> Iterator[bytes]:
    with shard.file.open("rb") as file:
        file.seek(shard.first)
        for start in range(0, shard.size, CHUNK):
            yield file.read(min(CHUNK, shard.size - start))


def _manifest(store: TokenStore, known: Mapping[Split, list[Shard]]) -> dict[str, Any]:
    itemsize = store.tokenizer.dtype.itemsize
    manifest = store.manifest | {
        "shards": {
            split: [{"tokens": shard.size // itemsize, **shard.digests} for shard in shards]
            for split, shards in known.items()
        }
    }
    return manifest | {"checksum": checksum(manifest, store.tokenizer)}


class FolderPlace:
    """A folder on this machine or a mount."""

    def __init__(self, folder: Path):
        self._folder = folder
        make_writable(folder)

    def digests(self) -> Mapping[str, Any]:
        return {"xxh3": xxhash.xxh3_128()}

    def holds(self, shard: Shard) -> bool:
        file = self._folder / shard.name
        if not file.is_file() or file.stat().st_size != shard.size:
            return False
        return _digest(Shard(shard.name, file, 0, shard.size), self.digests()) == shard.digests

    def copy(self, shard: Shard) -> None:
        self._replace(shard.name, lambda file: file.writelines(_chunks(shard)))

    def read(self, name: str) -> bytes | None:
        file = self._folder / name
        return file.read_bytes() if file.is_file() else None

    def write(self, name: str, content: bytes) -> None:
        self._replace(name, lambda file: file.write(content))

    def _replace(self, name: str, write: Callable[[Any], object]) -> None:
        with (
            enough_space(self._folder, "a copy takes as much as the store"),
            atomic_write(self._folder / name) as partial,
            partial.open("wb") as file,
        ):
            write(file)
            file.flush()
            os.fsync(file.fileno())


class BucketPlace:
    """A folder of a bucket."""

    def __init__(self, address: str):
        self._folder = Folder(address)
        self._objects = self._folder.objects()

    def digests(self) -> Mapping[str, Any]:
        import google_crc32c

        return {"xxh3": xxhash.xxh3_128(), "crc32c": google_crc32c.Checksum()}

    def holds(self, shard: Shard) -> bool:
        found = self._objects.get(shard.name)
        return found is not None and (found.size, found.crc32c) == (shard.size, shard.digests["crc32c"])

    def copy(self, shard: Shard) -> None:
        self._folder.send_file(shard.name, shard.file, shard.first, shard.size)

    def read(self, name: str) -> bytes | None:
        return self._folder.read(name) if name in self._objects else None

    def write(self, name: str, content: bytes) -> None:
        self._folder.send(name, content)
