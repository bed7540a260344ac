"""The token store: the packed tokens of a corpus, flat on disk. `store_building` makes it.

CACHE/corpora/        TFDS data sets
CACHE/index/KEY.json  names and fingerprint of the inputs -> CONTENT
CACHE/tokens/CONTENT/ manifest.json  tokenizer.json  train.bin  validation.bin  test.bin

A split of more than `shards.SHARD_BYTES` is several files, train.00000.bin and so on, whose sizes and digests
are in the manifest's `shards`.
"""

import functools
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

import numpy as np
import xxhash

from quarry.errors import DataError, RecordError
from quarry.train.data.shards import FileTokens, SplitTokens, shard_names
from quarry.train.data.tokenizer import Tokenizer
from quarry.train.data.tokenizers import load_tokenizer
from quarry.train.record.files import Schema, read_json

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
Say = Callable[[str], object]
LARGE_BYTES = 4e9
"""Tokens that take seconds to read."""
_ENTRY: Schema = {"documents": int, "tokens": int, "bytes": int, "sha256": str}
_MANIFEST = {"corpus": str, "tokenizer": str, "splits": dict.fromkeys(SPLITS, _ENTRY)}


def silent(sentence: str) -> None:
    """A `say` for callers without a screen."""


class DamagedStore(DataError):
    """A file of a token store that does not hold what was written; `fault` names it without a remedy."""

    def __init__(self, fault: str, directory: Path):
        super().__init__(f"{fault}: delete {directory} to prepare it again")
        self.fault = fault


@dataclass(frozen=True)
class TokenStore:
    """The packed tokens of a corpus. `manifest` has counts, two digests of each file, source and licence."""

    directory: Path
    manifest: dict[str, Any]
    tokenizer: Tokenizer
    here: ClassVar[tuple[Split, ...]] = SPLITS
    """The splits that are in `directory`."""

    def tokens(self, split: Split) -> np.ndarray:
        """Token ids [n_tokens] of a split, read-only; a separator ends each document.

        One file is memory-mapped. Several are read into memory: a few rows of them come from `reader`.
        """
        files = self.files(split)
        if split in self.here and len(files) == 1:
            return np.memmap(files[0], dtype=self.tokenizer.dtype, mode="r")
        return self.reader(split).read(0, self.n_tokens(split))

    def reader(self, split: Split) -> SplitTokens:
        """Reads rows of a split, without the rest of it."""
        sizes = [shard["tokens"] for shard in self.shards(split)]
        return FileTokens(self.files(split), sizes, self.tokenizer.dtype)

    def shards(self, split: Split) -> list[dict[str, Any]]:
        """Tokens and digests of each file of a split."""
        return self.manifest.get("shards", {}).get(split, [self.manifest["splits"][split]])

    def files(self, split: Split) -> list[Path]:
        """The files of a split."""
        return [self.directory / name for name in shard_names(split, len(self.shards(split)))]

    def n_tokens(self, split: Split) -> int:
        """Number of tokens of a split, separators included."""
        return self.manifest["splits"][split]["tokens"]

    def n_bytes(self, split: Split) -> int:
        """Bytes of text of a split, in UTF-8; separators count 0."""
        return self.manifest["splits"][split]["bytes"]

    def train_counts(self, most: int) -> np.ndarray:
        """How often each token is among the first `most` of the training split: [tokens], counted once."""
        key = (self.manifest["splits"]["train"]["sha256"], most)
        if key not in _COUNTS:
            _COUNTS[key] = np.bincount(self.reader("train").read(0, most))
        return _COUNTS[key]

    def verify(self, say: Say = silent) -> None:
        """Read all the files. Raises DamagedStore if one is not the one that was written.

        They are compared with their XXH3, which is eight times as fast as SHA-256, or with their SHA-256 if
        an earlier version wrote the store. A process reads an unchanged file once. `say` is told of a long
        wait.
        """
        size = sum(map(self.n_tokens, self.here)) * self.tokenizer.dtype.itemsize
        if size > LARGE_BYTES:
            say(f"checking {size / 1e9:.1f} GB of tokens")
        for split in self.here:
            for path, entry in zip(self.files(split), self.shards(split), strict=True):
                self._verify(path, entry)

    def check_sizes(self) -> None:
        """Raise DamagedStore if a file is missing, or its size is not the manifest's."""
        for split in self.here:
            for path, shard in zip(self.files(split), self.shards(split), strict=True):
                size = shard["tokens"] * self.tokenizer.dtype.itemsize
                actual = path.stat().st_size if path.is_file() else 0
                if actual != size:
                    raise DamagedStore(f"{path} has {actual:,} bytes, not {size:,}", self.directory)

    def _verify(self, path: Path, entry: dict[str, Any]) -> None:
        kind = next(kind for kind in DIGESTS if kind in entry)
        try:
            found = _digest(path, kind, _version(path))
        except OSError as error:
            raise DamagedStore(f"{path} cannot be read ({error.strerror})", self.directory) from None
        if found != entry[kind]:
            raise DamagedStore(
                f"{path} is damaged (its {NAMES[kind]} is not the one in the manifest)", self.directory
            )


_COUNTS: dict[tuple[str, int], np.ndarray] = {}
"""Counts of tokens by the SHA-256 of the training split and how many of its tokens are counted."""
DIGESTS: dict[str, Callable[[], Any]] = {"xxh3": xxhash.xxh3_128, "sha256": hashlib.sha256}
"""The digests of a file in the manifest, the fastest first; stores of earlier versions have no `xxh3`."""
NAMES = {"xxh3": "XXH3", "sha256": "SHA-256"}


def _version(path: Path) -> tuple[int, ...]:
    """What changes whenever a file does."""
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


@functools.cache
def _digest(path: Path, kind: str, version: tuple[int, ...]) -> str:
    """Hexadecimal digest of a file in this `version`, read once."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, DIGESTS[kind]).hexdigest()


def open_store(directory: Path, content: str | None = None) -> TokenStore:
    """The store in a directory `CACHE/tokens/CONTENT`.

    Raises DamagedStore if a file is missing or damaged, if its size is not the manifest's, or if it is
    another store than `content`, put there by hand. The tokens themselves are not read: `TokenStore.verify`
    does that.
    """
    store = read_store(directory)
    if content is not None and store.manifest.get("content", content) != content:
        raise DamagedStore(f"{directory} holds the tokens of another corpus", directory)
    store.check_sizes()
    return store


def read_store(directory: Path) -> TokenStore:
    """The store that a manifest and a tokenizer describe, whatever files of tokens are there.

    Raises DamagedStore if one of the two is missing or damaged.
    """
    try:
        manifest = read_json(directory / "manifest.json", _MANIFEST)
        tokenizer = load_tokenizer(directory / "tokenizer.json")
    except (RecordError, DataError) as error:
        raise DamagedStore(str(error), directory) from None
    if "checksum" in manifest and manifest["checksum"] != checksum(manifest, tokenizer):
        raise DamagedStore(f"{directory / 'manifest.json'} or tokenizer.json there is damaged", directory)
    store = TokenStore(directory, manifest, tokenizer)
    for split in SPLITS:
        if sum(shard["tokens"] for shard in store.shards(split)) != store.n_tokens(split):
            raise DamagedStore(
                f"{directory / 'manifest.json'} gives shards of {split} that are not all of it", directory
            )
    return store


def checksum(manifest: dict[str, Any], tokenizer: Tokenizer) -> str:
    """Digest of a manifest, but for its own field `checksum`, and of the tokenizer."""
    rest = {name: value for name, value in manifest.items() if name != "checksum"}
    return hash_json([rest, tokenizer.definition])


def hash_json(value: Any) -> str:
    """Hexadecimal SHA-256 of a JSON value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
