"""The token store: the packed tokens of a corpus, flat on disk. `store_building` makes it.

CACHE/corpora/        TFDS data sets
CACHE/index/KEY.json  names and fingerprint of the inputs -> CONTENT
CACHE/tokens/CONTENT/ manifest.json  tokenizer.json  train.bin  validation.bin  test.bin
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from quarry.errors import DataError
from quarry.train.data.tokenizers import Tokenizer, load_tokenizer

Split = Literal["train", "validation", "test"]


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
        """Read all the files. Raises DataError if one differs from its SHA-256 in the manifest."""
        for split, entry in self.manifest["splits"].items():
            with self._file(split).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if digest != entry["sha256"]:
                raise DataError(
                    f"{self._file(split)} is damaged: delete {self.directory} to prepare it again"
                )

    def _file(self, split: str) -> Path:
        return self.directory / f"{split}.bin"


def open_store(directory: Path) -> TokenStore:
    """The store in a directory `CACHE/tokens/CONTENT`.

    Raises DataError if a file is missing or its size is not the manifest's.
    """
    manifest = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
    store = TokenStore(directory, manifest, load_tokenizer(directory / "tokenizer.json"))
    for split, entry in manifest["splits"].items():
        path, size = directory / f"{split}.bin", entry["tokens"] * store.tokenizer.dtype.itemsize
        actual = path.stat().st_size if path.exists() else 0
        if actual != size:
            raise DataError(
                f"{path} has {actual:,} bytes, not {size:,}: delete {directory} to prepare it again"
            )
    return store
