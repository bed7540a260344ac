"""Joins token stores of parts of a corpus, which several machines have made, to the store of the whole.

The documents of a store lie in the order of a hash of their text, which also tells their split, so that the
stores are merged: each is read once, from its first token to its last. What is held in memory is a block of
each split of each store. Texts are had by decoding the tokens, which is without loss. Where documents are
held out by name, a text that one part holds out is held out of the others.
"""

import hashlib
import heapq
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from quarry.errors import DataError
from quarry.train.data.cache_errors import errors_in_sentences
from quarry.train.data.cache_lock import cache_lock
from quarry.train.data.documents import to_utf8
from quarry.train.data.prepared import open_place
from quarry.train.data.progress import tracked
from quarry.train.data.splitting import digest
from quarry.train.data.store import SPLITS, Say, Split, TokenStore, hash_json, open_store, silent
from quarry.train.data.store_building import FORMAT
from quarry.train.data.store_writing import ShardWriter, Written, holds_good_store, write_store
from quarry.train.record.folders import make_writable

JOINING = 1
"""Of how stores are joined; part of the name of a joined one."""
BLOCK = 2**20
"""Tokens that are read at once."""
_RULES = ("validation_fraction", "test_fraction", "near_duplicates", "held_out")

_OTHER_ORDERS = (
    ("shares", "is a mixture: join its parts, each prepared by itself"),
    ("selection", "is selected text: join what it was selected from"),
    ("split_by", "has so few documents that each is cut: prepare them with those of another part"),
)


class Stored(NamedTuple):
    """A document of a store: the hash of its text, its split, its tokens with the separator, its bytes."""

    digest: bytes
    split: Split
    tokens: np.ndarray
    text_bytes: int


@dataclass
class Counts:
    """What a merge has seen: documents that were there before, and a SHA-256 of the digests of the others."""

    repeated: int
    text: Any


def join_stores(places: Sequence[str], cache: Path, say: Say = silent) -> TokenStore:
    """The store, below `cache`, of all documents of the stores at `places`: folders or gs://BUCKET/FOLDER.

    With the tokenizer that they share it has the tokens of the store of their corpora together, bit for bit;
    but near duplicates were looked for within each part alone, and a text that one part holds out by name is
    held out, whichever part comes first. A document of several parts counts once.
    Raises DataError for stores that were made by different rules or tokenizers, or whose documents are not in
    the order of their hashes, as those of mixtures are; BucketError and DiskFull.
    """
    with errors_in_sentences(cache):
        make_writable(cache)
        parts = {place: open_place(place, cache, say) for place in places}
        _check_alike(parts)
        stores = sorted(parts.values(), key=lambda store: store.manifest["content"])
        tokenizer = stores[0].tokenizer
        content = hash_json([[store.manifest["content"] for store in stores], FORMAT, JOINING])[:32]
        directory = cache / "tokens" / content
        with cache_lock(cache, say):
            if not holds_good_store(directory):
                size = sum(store.n_bytes(split) for store in stores for split in SPLITS)
                say(f"joining {size / 1e6:.1f} MB of text")
                if "near_duplicates" in stores[0].manifest:
                    say(
                        "note: near duplicates were dropped within each part: twins of several parts are kept"
                    )

                def write(folder: Path) -> tuple[Written, dict[str, Any]]:
                    written, counts = _write(folder, parts)
                    return written, _manifest(stores, counts) | {"content": content}

                write_store(directory, tokenizer, write)
        return open_store(directory, content)


def _check_alike(parts: Mapping[str, TokenStore]) -> None:
    if len(parts) < 2:
        raise DataError(f"parts = {' '.join(parts) or 'none'}: name two stores or more to join")
    for place, store in parts.items():
        _check_mergeable(place, store)
    if len({store.manifest["content"] for store in parts.values()}) < len(parts):
        raise DataError(f"{' and '.join(parts)} are not all different stores: name each once")
    (first, one), *others = parts.items()
    for place, store in others:
        for name in _RULES:
            if store.manifest.get(name) != one.manifest.get(name):
                raise DataError(
                    f"{place} was made with {name} = {store.manifest.get(name)}, {first} with "
                    f"{one.manifest.get(name)}: only stores made alike can be joined"
                )
        if store.tokenizer.definition != one.tokenizer.definition:
            raise DataError(
                f"{place} has tokens of another {store.tokenizer.name} than {first}: prepare it with "
                f"--tokenizer-of {first}"
            )


def _check_mergeable(place: str, store: TokenStore) -> None:
    for name in ("content", "duplicates_dropped"):
        if name not in store.manifest:
            raise DataError(f"{place} was made by an earlier version ({name} is missing): prepare it again")
    for name, what in _OTHER_ORDERS:
        if name in store.manifest:
            raise DataError(f"{place} {what}")


def _write(folder: Path, parts: Mapping[str, TokenStore]) -> tuple[Written, Counts]:
    """Write the merged splits."""
    counts, itemsize = Counts(0, hashlib.sha256()), next(iter(parts.values())).tokenizer.dtype.itemsize
    total = sum(store.manifest["splits"][split]["documents"] for store in parts.values() for split in SPLITS)
    with ExitStack() as stack:
        writers = {split: stack.enter_context(ShardWriter(folder, split, itemsize)) for split in SPLITS}
        for document in tracked(_merged(parts, counts), "joining", total):
            writers[document.split].write(document.tokens.tobytes(), document.text_bytes)
    return {split: (writer.entry(), writer.shards) for split, writer in writers.items()}, counts


def _merged(parts: Mapping[str, TokenStore], counts: Counts) -> Iterator[Stored]:
    """The distinct documents of all parts and splits in the order of their hashes."""
    held_out_first = sorted(SPLITS, key="train".__eq__)  # of equal documents the first stream's is taken
    streams = [_documents(place, store, split) for split in held_out_first for place, store in parts.items()]
    for key, same in groupby(heapq.merge(*streams, key=_hash), key=_hash):
        document, *others = same
        counts.repeated += len(others)
        counts.text.update(key)
        yield document


def _hash(document: Stored) -> bytes:
    return document.digest


def _documents(place: str, store: TokenStore, split: Split) -> Iterator[Stored]:
    """The documents of a split in its order. Raises DataError where that is not the order of the hashes."""
    tokenizer, last = store.tokenizer, b""
    for tokens in _pieces(store, split):
        text = tokenizer.decode(tokens[:-1])
        document = Stored(digest(to_utf8(text)), split, tokens, tokenizer.text_bytes(text))
        if document.digest <= last:
            raise DataError(f"{place}: its {split} documents are not in the order of their hashes")
        last = document.digest
        yield document


def _pieces(store: TokenStore, split: Split) -> Iterator[np.ndarray]:
    """The tokens of each document of a split, its separator included."""
    reader, begun = store.reader(split), []
    for first in range(0, len(reader), BLOCK):
        block = reader.read(first, first + BLOCK)
        *whole, rest = np.split(block, np.flatnonzero(block == store.tokenizer.separator) + 1)
        for tokens in whole:
            yield np.concatenate([*begun, tokens])
            begun = []
        begun.append(rest)


def _manifest(stores: Sequence[TokenStore], counts: Counts) -> dict[str, Any]:
    """The manifest of the joined store, but for its splits and its name."""
    first = stores[0].manifest
    each = {
        name: " + ".join(dict.fromkeys(str(store.manifest[name]) for store in stores))
        for name in ("corpus", "source", "licence")
    }
    added = {
        name: sum(store.manifest[name] for store in stores)
        for name in ("duplicates_dropped", "near_duplicates_dropped")
        if name in first
    }
    documents = sum(store.manifest["documents"] for store in stores) - counts.repeated
    rules = {name: first[name] for name in ("tokenizer", *_RULES, "format", "vocab_size") if name in first}
    facts = {"documents": documents, "joined": [store.manifest["content"] for store in stores]}
    added["duplicates_dropped"] += counts.repeated
    if "near_duplicates" not in first:  # else the parts do not tell what they read and dropped
        facts["text_sha256"] = counts.text.hexdigest()
    return each | rules | added | facts
