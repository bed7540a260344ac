"""The token store: a corpus tokenised and packed once, flat on disk, found again at once.

Documents are split, ordered and freed of exact duplicates by the hash of their text, so that a document's
split depends on no other document, and any prefix of the training tokens is a random sample of the corpus.

    CACHE/corpora/        TFDS data sets
    CACHE/index/KEY.json  names and fingerprint of the inputs -> CONTENT
    CACHE/tokens/CONTENT/ manifest.json  tokenizer.json  train.bin  validation.bin  test.bin
"""

import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from quarry.errors import DataError
from quarry.train.data.corpora import Corpus, fingerprint, open_corpus
from quarry.train.data.tokenizers import (
    Tokenizer,
    check_tokenizer,
    load_tokenizer,
    make_tokenizer,
    save_tokenizer,
)
from quarry.train.record.files import write_json

Split = Literal["train", "validation", "test"]

FORMAT = 1  # of the files and of how documents are split and ordered; part of both hashes


@dataclass(frozen=True)
class TokenStore:
    """The packed tokens of a corpus. `manifest` has the counts, SHA-256 of the files, source and licence."""

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
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != entry["sha256"]:
                raise DataError(
                    f"{self._file(split)} is damaged: delete {self.directory} to prepare it again"
                )

    def _file(self, split: str) -> Path:
        return self.directory / f"{split}.bin"


def prepare(
    corpus_name: str,
    tokenizer_name: str,
    cache: Path,
    *,
    validation_fraction: float = 0.05,
    test_fraction: float = 0.05,
) -> TokenStore:
    """The token store of a corpus, made below `cache` on first use; several processes may ask at once.

    Fractions are of documents. Raises DataError for bad names or fractions, or if a split comes out empty.
    """
    check_tokenizer(tokenizer_name)
    _check_fractions(validation_fraction, test_fraction)
    recipe = {
        "corpus": corpus_name,
        "tokenizer": tokenizer_name,
        "validation_fraction": validation_fraction,
        "test_fraction": test_fraction,
    }
    if store := _find(cache, recipe):
        return store
    with _locked(cache):
        return _find(cache, recipe) or _build(cache, recipe)


def open_store(directory: Path) -> TokenStore:
    """The store in a directory `CACHE/tokens/CONTENT`.

    Raises DataError if a file is missing or its size is not the manifest's.
    """
    manifest = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
    store = TokenStore(directory, manifest, load_tokenizer(directory / "tokenizer.json"))
    for split, entry in manifest["splits"].items():
        path, size = directory / f"{split}.bin", entry["tokens"] * store.tokenizer.dtype.itemsize
        found = path.stat().st_size if path.exists() else 0
        if found != size:
            raise DataError(
                f"{path} has {found:,} bytes, not {size:,}: delete {directory} to prepare it again"
            )
    return store


def _find(cache: Path, recipe: dict[str, Any]) -> TokenStore | None:
    """The store of a recipe if its inputs have not changed since it was made, without reading them."""
    index = _index(cache, recipe)
    if not index.exists():
        return None
    entry = json.loads(index.read_text(encoding="utf-8"))
    return _open_as(cache, **entry) if (cache / "tokens" / entry["content"]).exists() else None


def _open_as(cache: Path, content: str, provenance: dict[str, str]) -> TokenStore:
    """Two corpora of the same text share the files; each keeps its own name, source and licence."""
    store = open_store(cache / "tokens" / content)
    return TokenStore(store.directory, store.manifest | provenance, store.tokenizer)


def _index(cache: Path, recipe: dict[str, Any]) -> Path:
    inputs = recipe | {"fingerprint": fingerprint(recipe["corpus"], cache / "corpora"), "format": FORMAT}
    return cache / "index" / f"{_digest(inputs)}.json"


def _build(cache: Path, recipe: dict[str, Any]) -> TokenStore:
    corpus = open_corpus(recipe["corpus"], cache / "corpora")
    index = _index(cache, recipe)  # before reading: a file that changes meanwhile is seen next time
    digests, first = np.unique(_text_digests(corpus), return_index=True)
    members = _split(digests, first, recipe)
    _check_splits(corpus, members, recipe)
    tokenizer = make_tokenizer(recipe["tokenizer"], _texts(corpus, members["train"]))
    provenance = {"corpus": corpus.name, "source": corpus.source, "licence": corpus.licence}
    manifest = provenance | recipe | {"format": FORMAT, "vocab_size": tokenizer.vocab_size}
    manifest |= {"documents": len(first), "duplicates_dropped": len(corpus) - len(first)}
    text = hashlib.sha256(digests.tobytes()).hexdigest()
    content = _digest([text, tokenizer.definition, recipe | {"corpus": None}, FORMAT])[:32]
    if not (cache / "tokens" / content).exists():
        _write(cache / "tokens" / content, corpus, members, tokenizer, manifest)
    index.parent.mkdir(parents=True, exist_ok=True)
    write_json(index, {"content": content, "provenance": provenance})
    return _open_as(cache, content, provenance)


def _texts(corpus: Corpus, members: np.ndarray) -> Iterator[str]:
    return (corpus[int(index)].text for index in members)


def _text_digests(corpus: Corpus) -> np.ndarray:
    """BLAKE2b-128 of every document's text, S16[documents]: all that is kept in memory of a corpus."""
    digests = (hashlib.blake2b(text.encode(), digest_size=16).digest() for _, text in corpus)
    return np.fromiter(digests, dtype="S16", count=len(corpus))


def _split(digests: np.ndarray, first: np.ndarray, recipe: dict[str, Any]) -> dict[str, np.ndarray]:
    """Documents of each split in the order of the store.

    A digest's first half gives the order and its second the split: fractions do not change the order.
    """
    place = digests.view(">u8").reshape(-1, 2)[:, 1] / 2.0**64
    held_out = recipe["test_fraction"] + recipe["validation_fraction"]
    masks = {"train": place >= held_out, "test": place < recipe["test_fraction"]}
    masks["validation"] = ~masks["train"] & ~masks["test"]
    return {split: first[mask] for split, mask in masks.items()}


def _write(
    directory: Path,
    corpus: Corpus,
    members: dict[str, np.ndarray],
    tokenizer: Tokenizer,
    manifest: dict[str, Any],
) -> None:
    """Write the store aside, then rename it into place: no one sees half of one."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=directory.parent) as scratch:
        partial = Path(scratch) / "store"
        partial.mkdir()
        splits = {
            split: _write_split(partial / f"{split}.bin", _texts(corpus, members[split]), tokenizer)
            for split in ("train", "validation", "test")
        }
        save_tokenizer(tokenizer, partial / "tokenizer.json")
        write_json(partial / "manifest.json", manifest | {"splits": splits})
        os.rename(partial, directory)


def _write_split(path: Path, texts: Iterator[str], tokenizer: Tokenizer) -> dict[str, Any]:
    counts, digest = {"documents": 0, "tokens": 0, "bytes": 0}, hashlib.sha256()
    separator = np.array([tokenizer.separator], tokenizer.dtype).tobytes()
    with path.open("wb") as file:
        for text in texts:
            chunk = tokenizer.encode(text).tobytes() + separator
            digest.update(chunk)
            file.write(chunk)
            counts["documents"] += 1
            counts["tokens"] += len(chunk) // tokenizer.dtype.itemsize
            counts["bytes"] += len(text.encode())
        file.flush()
        os.fsync(file.fileno())
    return counts | {"sha256": digest.hexdigest()}


def _check_fractions(validation: float, test: float) -> None:
    for name, value in {"validation_fraction": validation, "test_fraction": test}.items():
        if not 0 < value < 1:
            raise DataError(f"{name} = {value} must be between 0 and 1")
    if validation + test >= 1:
        raise DataError(
            f"validation_fraction = {validation} and test_fraction = {test} leave nothing to train on"
        )


def _check_splits(corpus: Corpus, members: dict[str, np.ndarray], recipe: dict[str, Any]) -> None:
    empty = [split for split, documents in members.items() if len(documents) == 0]
    if empty:
        count = sum(map(len, members.values()))
        raise DataError(
            f"corpus = {corpus.name!r} has {count} distinct document{'s' * (count != 1)}, and none fell into "
            f"{' and '.join(empty)}: split it into more documents, or raise validation_fraction = "
            f"{recipe['validation_fraction']} and test_fraction = {recipe['test_fraction']}"
        )


@contextmanager
def _locked(cache: Path):
    """One process at a time prepares; the system lets go of the lock of a process that dies."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
