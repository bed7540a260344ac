"""Which documents train, validate and test, and in which order.

Documents are split, ordered and freed of exact duplicates by the hash of their text, so that a document's
split depends on no other document, and any prefix of the training tokens is a random sample of the corpus.
Fewer than three documents cannot fill three splits so: each is cut by position, and its last parts are held
out.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from quarry.errors import DataError
from quarry.train.data.documents import Corpus, Document, to_utf8

FEWEST_DOCUMENTS = 3


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
    facts: dict[str, int | str]

    def texts(self, split: str) -> Iterator[str]:
        """The texts of a split, in order. Raises DataError if one is not the text that was hashed."""
        for index in self.members[split]:
            document = self.corpus[int(index)]
            read = np.array([_digest(to_utf8(document.text))], "S16")
            if read[0] != self.digests[index]:
                raise DataError(f"{document.name} changed while it was read: run the command again")
            yield document.text

    def n_bytes(self, split: str) -> int:
        """Bytes of text of a split, in UTF-8."""
        return int(self.sizes[self.members[split]].sum())


def split_corpus(corpus: Corpus, validation_fraction: float, test_fraction: float) -> SplitCorpus:
    """Split a corpus; reads every document. Raises DataError if a split would be empty."""
    digests, sizes = _read(corpus)
    distinct, first = np.unique(digests, return_index=True)
    dropped = len(corpus) - len(distinct)
    facts: dict[str, int | str] = {"documents": len(distinct), "duplicates_dropped": dropped}
    if len(distinct) < FEWEST_DOCUMENTS:
        parts, members = _cut_by_position(corpus, first, validation_fraction, test_fraction)
        split = SplitCorpus(parts, *_read(parts), members, facts | {"split_by": "position"})
    else:
        members = _split_by_hash(distinct, first, validation_fraction, test_fraction)
        split = SplitCorpus(corpus, digests, sizes, members, facts)
    _check_splits(split, validation_fraction, test_fraction)
    return split


def _read(corpus: Corpus) -> tuple[np.ndarray, np.ndarray]:
    """The digest and the bytes of the text of every document: only these are kept in memory."""
    texts = (to_utf8(text) for _, text in corpus)
    rows = ((_digest(text), len(text)) for text in texts)
    table = np.fromiter(rows, dtype=[("digest", "S16"), ("bytes", "i8")], count=len(corpus))
    return table["digest"].copy(), table["bytes"].copy()


def _digest(text: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=16).digest()


def _split_by_hash(
    digests: np.ndarray, first: np.ndarray, validation_fraction: float, test_fraction: float
) -> dict[str, np.ndarray]:
    """The documents of each split in the order of the store.

    The first half of a digest gives the order and the second half the split, so that the fractions do not
    change the order. `digests` are sorted, and `first` holds the first document with each digest.
    """
    fraction = digests.view(">u8").reshape(-1, 2)[:, 1] / 2.0**64
    masks = {"train": fraction >= test_fraction + validation_fraction, "test": fraction < test_fraction}
    masks["validation"] = ~masks["train"] & ~masks["test"]
    return {split: first[mask] for split, mask in masks.items()}


def _cut_by_position(
    corpus: Corpus, documents: np.ndarray, validation_fraction: float, test_fraction: float
) -> tuple[Corpus, dict[str, np.ndarray]]:
    """Each of the `documents` in three parts, by characters: training, then validation, then test."""

    def read(index: int) -> Document:
        name, text = corpus[int(documents[index // 3])]
        test = len(text) - round(len(text) * test_fraction)
        validation = test - round(len(text) * validation_fraction)
        first, last = ((0, validation), (validation, test), (test, len(text)))[index % 3]
        return Document(f"{name}[{first}:{last}]", text[first:last])

    parts = replace(corpus, count=3 * len(documents), read=read)
    splits = enumerate(("train", "validation", "test"))
    return parts, {split: np.arange(first, len(parts), 3) for first, split in splits}


def _check_splits(split: SplitCorpus, validation_fraction: float, test_fraction: float) -> None:
    empty = [name for name in split.members if split.n_bytes(name) == 0]
    if not empty:
        return
    count = split.facts["documents"]
    raise DataError(
        f"corpus = {split.corpus.name!r} has {count} distinct document{'s' * (count != 1)}, "
        f"and none fell into {' and '.join(empty)}: give more documents "
        f"(?separator=TEXT divides a file), or raise validation_fraction = {validation_fraction} "
        f"and test_fraction = {test_fraction}"
    )
