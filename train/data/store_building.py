"""Building a token store: a corpus tokenised and packed once, found again at once.

Documents are split, ordered and freed of exact duplicates by the hash of their text, so that a document's
split depends on no other document, and any prefix of the training tokens is a random sample of the corpus.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from quarry.errors import DataError
from quarry.train.data.corpora import fingerprint, open_corpus
from quarry.train.data.documents import Corpus
from quarry.train.data.store import TokenStore, open_store
from quarry.train.data.tokenizers import Tokenizer, check_tokenizer, make_tokenizer, save_tokenizer
from quarry.train.record.files import write_json

FORMAT = 1
"""Of the files and of how documents are split and ordered; part of both hashes."""


def prepare_tokens(
    corpus_name: str,
    tokenizer_name: str,
    cache: Path,
    *,
    validation_fraction: float = 0.05,
    test_fraction: float = 0.05,
) -> TokenStore:
    """The token store of a corpus, made below `cache` on first use, by one process at a time.

    Fractions are of documents. Raises DataError for bad names or fractions, or if a split is empty.
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
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / ".lock"):  # the kernel releases the lock of a process that dies
        return _find(cache, recipe) or _build(cache, recipe)


def _find(cache: Path, recipe: dict[str, Any]) -> TokenStore | None:
    """The store of a recipe if its inputs have not changed since it was made, without reading them."""
    index = _index(cache, recipe)
    if not index.exists():
        return None
    entry = json.loads(index.read_text(encoding="utf-8"))
    return _open_as(cache, **entry) if (cache / "tokens" / entry["content"]).exists() else None


def _open_as(cache: Path, content: str, provenance: dict[str, str]) -> TokenStore:
    """The store with its own name, source and licence: corpora of the same text share the files."""
    store = open_store(cache / "tokens" / content)
    return TokenStore(store.directory, store.manifest | provenance, store.tokenizer)


def _index(cache: Path, recipe: dict[str, Any]) -> Path:
    inputs = recipe | {"fingerprint": fingerprint(recipe["corpus"], cache / "corpora"), "format": FORMAT}
    return cache / "index" / f"{_digest(inputs)}.json"


def _build(cache: Path, recipe: dict[str, Any]) -> TokenStore:
    corpus = open_corpus(recipe["corpus"], cache / "corpora")
    index = _index(cache, recipe)  # before reading: a file that changes meanwhile is noticed next time
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
    """BLAKE2b-128 of the text of every document, S16[documents]: only these are kept in memory."""
    digests = (hashlib.blake2b(text.encode(), digest_size=16).digest() for _, text in corpus)
    return np.fromiter(digests, dtype="S16", count=len(corpus))


def _split(digests: np.ndarray, first: np.ndarray, recipe: dict[str, Any]) -> dict[str, np.ndarray]:
    """The documents of each split in the order of the store.

    The first half of a digest gives the order and the second half the split, so that the fractions do not
    change the order. `digests` are sorted, and `first` holds the first document with each digest.
    """
    fraction = digests.view(">u8").reshape(-1, 2)[:, 1] / 2.0**64
    held_out = recipe["test_fraction"] + recipe["validation_fraction"]
    masks = {"train": fraction >= held_out, "test": fraction < recipe["test_fraction"]}
    masks["validation"] = ~masks["train"] & ~masks["test"]
    return {split: first[mask] for split, mask in masks.items()}


def _write(
    directory: Path,
    corpus: Corpus,
    members: dict[str, np.ndarray],
    tokenizer: Tokenizer,
    manifest: dict[str, Any],
) -> None:
    """Write the store in a temporary folder, then rename it: no reader sees half of it."""
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


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
