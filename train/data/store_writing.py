"""Writes the files of a token store."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from quarry.train.data.parallel import map_in_order
from quarry.train.data.progress import tracked
from quarry.train.data.shards import SHARD_BYTES, shard_names
from quarry.train.data.splitting import SplitCorpus
from quarry.train.data.store import DIGESTS, SPLITS, DamagedStore, checksum, open_store
from quarry.train.data.tokenizer import Tokenizer
from quarry.train.data.tokenizers import save_tokenizer
from quarry.train.record.files import write_json

_PARTIAL = ".partial-"


def holds_good_store(directory: Path) -> bool:
    """Whether the directory holds an undamaged store; reads all of it."""
    try:
        open_store(directory, directory.name).verify()
    except DamagedStore:
        return False
    return True


Written = dict[str, tuple[dict[str, Any], list[dict[str, Any]]]]
"""Of each split its entry of the manifest, and one for each of its files."""


def write_store(
    directory: Path, tokenizer: Tokenizer, write: Callable[[Path], tuple[Written, dict[str, Any]]]
) -> None:
    """Write the store in a temporary folder, then rename it: no reader sees half of it.

    `write` writes the splits into a folder and returns them, and the rest of the manifest. A damaged store in
    its place is removed, and so is what a build that was killed has left. Only the process that holds the
    lock of the cache may call this.
    """
    _remove_unfinished(directory.parent)
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=_PARTIAL, dir=directory.parent) as scratch:
        partial = Path(scratch) / "store"
        partial.mkdir()
        written, manifest = write(partial)
        save_tokenizer(tokenizer, partial / "tokenizer.json")
        manifest = manifest | {"splits": {name: entry for name, (entry, _) in written.items()}}
        if shards := {name: parts for name, (_, parts) in written.items() if len(parts) > 1}:
            manifest["shards"] = shards
        write_json(partial / "manifest.json", manifest | {"checksum": checksum(manifest, tokenizer)})
        if os.path.lexists(directory):
            os.rename(directory, Path(scratch) / "damaged")
        os.rename(partial, directory)


def _remove_unfinished(tokens: Path) -> None:
    for folder in tokens.glob(f"{_PARTIAL}*"):
        shutil.rmtree(folder, ignore_errors=True)


def write_splits(folder: Path, split: SplitCorpus, tokenizer: Tokenizer) -> Written:
    """Write the tokens of every split of a corpus."""
    separator = np.array([tokenizer.separator], tokenizer.dtype).tobytes()

    def encode(text: str) -> tuple[bytes, int]:
        return tokenizer.encode(text).tobytes() + separator, tokenizer.text_bytes(text)

    def write_split(name: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        texts = tracked(split.texts(name), f"writing {name}", len(split.members[name]))
        with ShardWriter(folder, name, tokenizer.dtype.itemsize) as writer:
            for chunk, text_bytes in map_in_order(encode, texts):
                writer.write(chunk, text_bytes)
        return writer.entry(), writer.shards

    return {name: write_split(name) for name in SPLITS}


class Digested:
    """Bytes that pass by: how many, and their digests."""

    def __init__(self) -> None:
        self.size, self._digests = 0, {kind: make() for kind, make in DIGESTS.items()}

    def update(self, chunk: bytes | memoryview) -> None:
        self.size += len(chunk)
        for digest in self._digests.values():
            digest.update(chunk)

    def digests(self) -> dict[str, str]:
        """Hexadecimal digests by kind."""
        return {kind: digest.hexdigest() for kind, digest in self._digests.items()}


class ShardWriter:
    """Writes a split in files of at most SHARD_BYTES; a split of one file is named without a number.

    After leaving, `entry` is that of the manifest and `shards` the tokens and digests of each file.
    """

    def __init__(self, folder: Path, split: str, itemsize: int):
        self._folder, self._split, self._itemsize = folder, split, itemsize
        self._whole, self.shards = Digested(), []
        self._documents, self._text_bytes = 0, 0
        self._begin()

    def __enter__(self) -> "ShardWriter":
        return self

    def __exit__(self, *error: object) -> None:
        self._end()
        if len(self.shards) == 1:
            self._path(0).rename(self._folder / shard_names(self._split, 1)[0])

    def entry(self) -> dict[str, Any]:
        """Counts and digests of the split."""
        tokens = self._whole.size // self._itemsize
        counts = {"documents": self._documents, "tokens": tokens, "bytes": self._text_bytes}
        return counts | self._whole.digests()

    def write(self, chunk: bytes, text_bytes: int) -> None:
        """Write the tokens of a document, which is so many bytes of text."""
        self._documents += 1
        self._text_bytes += text_bytes
        rest, most = memoryview(chunk), SHARD_BYTES - SHARD_BYTES % self._itemsize
        while rest:
            if self._shard.size == most:
                self._end()
                self._begin()
            part, rest = rest[: most - self._shard.size], rest[most - self._shard.size :]
            for digested in {self._whole, self._shard}:
                digested.update(part)
            self._file.write(part)

    def _path(self, number: int) -> Path:
        return self._folder / shard_names(self._split, number + 2)[number]

    def _begin(self) -> None:
        self._file = self._path(len(self.shards)).open("wb")
        self._shard = Digested() if self.shards else self._whole  # the first begins as the whole does

    def _end(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self.shards.append({"tokens": self._shard.size // self._itemsize, **self._shard.digests()})
