"""Which documents train, validate and test, and in which order.

Documents are split, ordered and freed of exact duplicates by the hash of their text, so that a document's
split depends on no other document, and any prefix of the training tokens is a random sample of the corpus.
Where so few documents leave a split empty, each is cut by position, and its last parts are held out. Near
twins can be dropped first, and documents can be held out by their names instead.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from quarry.errors import DataError
from quarry.train.data.documents import Corpus, Document, to_utf8
from quarry.train.data.mixture import in_proportion
from quarry.train.data.near_duplicates import near_twins
from quarry.train.data.progress import tracked


@dataclass(frozen=True)
class SplitCorpus:
    """A corpus and the indices of the documents of each split, in the order of the store.

    `digests` S16[documents] and `sizes` int64[documents] have the BLAKE2b-128 and the bytes of each text.
    `facts` are the counts for the manifest.
    """

    corpus: Corpus
    digests: np.ndarray
    sizes: np.ndarray
    members: dict[str, np.ndarray]
    facts: dict[str, Any]

    def texts(self, split: str) -> Iterator[str]:
        """The texts of a split, in order. Raises DataError if one is not the text that was hashed."""
        for index in self.members[split]:
            document = self.corpus[int(index)]
            read = np.array([digest(to_utf8(document.text))], "S16")
            if read[0] != self.digests[index]:
                raise DataError(f"{document.name} changed while it was read: run the command again")
            yield document.text

    def n_bytes(self, split: str) -> int:
        """Bytes of text of a split, in UTF-8."""
        return int(self.sizes[self.members[split]].sum())


@dataclass(frozen=True)
class SplitRules:
    """How documents are held out and which are dropped before. Raises DataError for values out of range."""

    validation_fraction: float = 0.05
    test_fraction: float = 0.05
    near_duplicates: float | None = None
    """The least similarity of two documents of which one is dropped; None: both are kept."""
    held_out: tuple[str, ...] = ()
    """Patterns of names (fnmatch); if any, documents with such names are held out, and all others train."""

    def __post_init__(self) -> None:
        for name in ("validation_fraction", "test_fraction"):
            if not 0 < getattr(self, name) < 1:
                raise DataError(f"{name} = {getattr(self, name)} must be between 0 and 1")
        if self.validation_fraction + self.test_fraction >= 1:
            raise DataError(
                f"validation_fraction = {self.validation_fraction} and test_fraction = {self.test_fraction} "
                "leave nothing to train on"
            )
        if self.near_duplicates is not None and not 0 < self.near_duplicates <= 1:
            raise DataError(f"near_duplicates = {self.near_duplicates} must be above 0 and at most 1")

    def holds_out(self, name: str) -> bool:
        """Whether a document of that name is held out whatever its text."""
        return any(fnmatchcase(name, pattern) for pattern in self.held_out)


def split_corpus(corpus: Corpus, rules: SplitRules) -> SplitCorpus:
    """Split a corpus; reads every document. Raises DataError if a split would be empty."""
    digests, sizes, held = _read(corpus, rules)
    distinct, first = np.unique(digests, return_index=True)
    facts: dict[str, Any] = {"duplicates_dropped": len(corpus) - len(distinct)}
    if rules.near_duplicates is not None:
        twins = near_twins(corpus, first, rules.near_duplicates)
        facts |= {"near_duplicates_dropped": int(twins.sum()), "near_duplicate_rate": float(twins.mean())}
        distinct, first = distinct[~twins], first[~twins]
    facts = {"documents": len(distinct), **facts}
    members = _split_by_hash(distinct, first, held[first], rules)
    split = SplitCorpus(corpus, digests, sizes, members, facts)
    if _empty(split) and not rules.held_out and not corpus.shares:
        parts, members = _cut_by_position(corpus, first, rules)
        digests, sizes, _ = _read(parts, rules)
        split = SplitCorpus(parts, digests, sizes, members, facts | {"split_by": "position"})
    _check_splits(split, rules)
    return mixed(split) if corpus.shares else split


def _read(corpus: Corpus, rules: SplitRules) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The digest and the bytes of the text of every document, and whether its name is held out.

    Only these are kept in memory.
    """
    documents = (
        (name, to_utf8(text)) for name, text in tracked(corpus, f"reading {corpus.name}", len(corpus))
    )
    rows = ((digest(text), len(text), rules.holds_out(name)) for name, text in documents)
    kind = [("digest", "S16"), ("bytes", "i8"), ("held", "?")]
    table = np.fromiter(rows, dtype=kind, count=len(corpus))
    return table["digest"].copy(), table["bytes"].copy(), table["held"].copy()


def digest(text: bytes) -> bytes:
    """The hash by which documents are ordered and split."""
    return hashlib.blake2b(text, digest_size=16).digest()


def _split_by_hash(
    digests: np.ndarray, first: np.ndarray, held: np.ndarray, rules: SplitRules
) -> dict[str, np.ndarray]:
    """The documents of each split in the order of the store.

    The first half of a digest gives the order and the second half the split, so that the fractions do not
    change the order. `digests` are sorted, `first` holds the first document with each digest, and `held`
    whether its name is held out.
    """
    fraction = digests.view(">u8").reshape(-1, 2)[:, 1] / 2.0**64
    test, validation = rules.test_fraction, rules.validation_fraction
    if rules.held_out:
        test, trained = test / (test + validation), ~held
    else:
        trained = fraction >= test + validation
    masks = {"train": trained, "test": ~trained & (fraction < test)}
    masks["validation"] = ~masks["train"] & ~masks["test"]
    return {split: first[mask] for split, mask in masks.items()}


def _cut_by_position(
    corpus: Corpus, documents: np.ndarray, rules: SplitRules
) -> tuple[Corpus, dict[str, np.ndarray]]:
    """Each of the `documents` in three parts, by characters: training, then validation, then test."""

    def read(index: int) -> Document:
        name, text = corpus[int(documents[index // 3])]
        test = len(text) - round(len(text) * rules.test_fraction)
        validation = test - round(len(text) * rules.validation_fraction)
        first, last = ((0, validation), (validation, test), (test, len(text)))[index % 3]
        return Document(f"{name}[{first}:{last}]", text[first:last])

    parts = replace(corpus, count=3 * len(documents), read=read)
    splits = enumerate(("train", "validation", "test"))
    return parts, {split: np.arange(first, len(parts), 3) for first, split in splits}


def _empty(split: SplitCorpus) -> list[str]:
    """The splits without text."""
    return [name for name in split.members if split.n_bytes(name) == 0]


def _check_splits(split: SplitCorpus, rules: SplitRules) -> None:
    empty = _empty(split)
    if not empty:
        return
    if not split.sizes.any():
        raise DataError(f"corpus = {split.corpus.name!r} has no text: all its documents are empty")
    count = split.facts["documents"]
    remedy = (
        f"give more documents (?separator=TEXT divides a file), or raise validation_fraction = "
        f"{rules.validation_fraction} and test_fraction = {rules.test_fraction}"
    )
    if rules.held_out:
        remedy = f"held_out = {rules.held_out} must fit some names of documents, not all"
    raise DataError(
        f"corpus = {split.corpus.name!r} has {count} distinct document{'s' * (count != 1)}, "
        f"and none fell into {' and '.join(empty)}: {remedy}"
    )


FARTHEST_SHARE = 0.1
"""How far the share of a corpus in a split of a mixture may lie from its weight without a note."""


def shares_far_from_weights(split: SplitCorpus) -> list[str]:
    """A note on each split of a mixture whose documents are too long for it to have the weights."""
    shares, notes = split.facts.get("shares", {}), []
    for name in split.members:
        total = sum(share[f"{name}_bytes"] for share in shares.values())
        off = {corpus: share[f"{name}_bytes"] / total - share["weight"] for corpus, share in shares.items()}
        corpus = max(off, key=lambda each: off[each], default="")
        if corpus and off[corpus] > FARTHEST_SHARE:
            weight = shares[corpus]["weight"]
            notes.append(
                f"note: {weight + off[corpus]:.0%} of the {name} text of {split.corpus.name} is of {corpus}, "
                f"whose weight is {weight:.0%}, as documents stay whole; evaluation.also scores each part"
            )
    return notes


def mixed(split: SplitCorpus) -> SplitCorpus:
    """The split of a mixture, its documents in proportion and what each corpus gives among the facts.

    What is left of a corpus once another has no more is in no split.
    """
    shares = split.corpus.shares
    ends = np.cumsum([share.count for share in shares])
    members, facts = {}, {share.corpus: {"weight": share.weight} for share in shares}
    for name, documents in split.members.items():
        part_of = np.searchsorted(ends, documents, side="right")
        parts = [documents[part_of == part] for part in range(len(shares))]
        for share, part in zip(shares, parts, strict=True):
            if split.sizes[part].sum() == 0:
                raise DataError(
                    f"corpus = {split.corpus.name!r}: no document of {share.corpus} fell into {name}: "
                    "give more documents (?separator=TEXT divides a file), or raise validation_fraction and "
                    "test_fraction"
                )
        order = in_proportion([split.sizes[part] for part in parts], [share.weight for share in shares])
        members[name] = np.array([parts[part][document] for part, document in order])
        taken_from = np.array([part for part, _ in order])
        for part, share in enumerate(shares):
            taken = members[name][taken_from == part]
            facts[share.corpus] |= {
                f"{name}_documents": len(taken),
                f"{name}_bytes": int(split.sizes[taken].sum()),
                f"{name}_left_out": len(parts[part]) - len(taken),
            }
    return replace(split, members=members, facts=split.facts | {"shares": facts})
