"""The token store: the packed tokens of a corpus, flat on disk. `store_building` makes it.

CACHE/corpora/        TFDS data sets
CACHE/index/KEY.json  names and fingerprint of the inputs -> CONTENT
CACHE/tokens/CONTENT/ manifest.json  tokenizer.json  train.bin  validation.bin  test.bin
"""

import functools
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from quarry.errors import DataError, RecordError
from quarry.train.data.tokenizers import Tokenizer, load_tokenizer
from quarry.train.record.files import Schema, read_json

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
_ENTRY: Schema = {"documents": int, "tokens": int, "bytes": int, "sha256": str}
_MANIFEST = {"corpus": str, "tokenizer": str, "splits": dict.fromkeys(SPLITS, _ENTRY)}


class DamagedStore(DataError):
    """A file of a token store that does not hold what was written; `fault` names it without a remedy."""

    def __init__(self, fault: str, directory: Path):
        super().__init__(f"{fault}: delete {directory} to prepare it again")
        self.fault = fault


@dataclass(frozen=True)
class TokenStore:
    """The packed tokens of a corpus. `manifest` has counts, the SHA-256 of each file, source and licence."""

    directory: Path
    manifest: dict[str, Any]
    tokenizer: Tokenizer

    def tokens(self, split: Split) -> np.memmap:
        """Token ids [n_tokens] of a split, memory-mapped, read-only; a separator ends each document."""
        return np.memmap(self._file(split), dtype=self.tokenizer.dtype, mode="r")

    def n_tokens(self, split: Split) -> int:
        """Number of tokens of a split, separators included."""
        return self.manifest["splits"][split]["tokens"]

    def n_bytes(self, split: Split) -> int:
        """Bytes of text of a split, in UTF-8; separators count 0."""
        return self.manifest["splits"][split]["bytes"]

    def verify(self) -> None:
        """Read all the files. Raises DamagedStore if one differs from its SHA-256 in the manifest.

        A process reads an unchanged file once: 1.4 GB of tokens take a second.
        """
        for split in SPLITS:
            path = self._file(split)
            try:
                status = path.stat()
                found = _sha256(path, (status.st_ino, status.st_size, status.st_mtime_ns))
            except OSError as error:
                raise DamagedStore(f"{path} cannot be read ({error.strerror})", self.directory) from None
            if found != self.manifest["splits"][split]["sha256"]:
                raise DamagedStore(
                    f"{path} is damaged (its SHA-256 is not the one in the manifest)", self.directory
                )

    def _file(self, split: str) -> Path:
        return self.directory / f"{split}.bin"


@functools.cache
def _sha256(path: Path, version: tuple[int, ...]) -> str:
    """Hexadecimal digest of a file in this `version`, read once."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def open_store(directory: Path) -> TokenStore:
    """The store in a directory `CACHE/tokens/CONTENT`.

    Raises DamagedStore if a file is missing or damaged, or if its size is not the manifest's. The tokens
    themselves are not read: `TokenStore.verify` does that.
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
        _check_size(store, split)
    return store


def checksum(manifest: dict[str, Any], tokenizer: Tokenizer) -> str:
    """Digest of a manifest, but for its own field `checksum`, and of the tokenizer."""
    rest = {name: value for name, value in manifest.items() if name != "checksum"}
    return hash_json([rest, tokenizer.definition])


def hash_json(value: Any) -> str:
    """Hexadecimal SHA-256 of a JSON value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _check_size(store: TokenStore, split: Split) -> None:
    path, size = store.directory / f"{split}.bin", store.n_tokens(split) * store.tokenizer.dtype.itemsize
    actual = path.stat().st_size if path.is_file() else 0
    if actual != size:
        raise DamagedStore(f"{path} has {actual:,} bytes, not {size:,}", store.directory)
