"""What a corpus is, from its token store: sizes, tokens, gzip ratio, near duplicates, a sample."""

import gzip
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from quarry.errors import DataError
from quarry.train.data.corpora import find_source
from quarry.train.data.image_corpora import Images
from quarry.train.data.near_duplicates import near_twins_of
from quarry.train.data.progress import tracked
from quarry.train.data.store import SPLITS, Say, Split, TokenStore, silent
from quarry.train.data.store_building import prepare_tokens

GZIP_CHUNK, GZIP_BYTES = 2**20, 2**24
"""Text is compressed in chunks of one size, as the ratio depends on it; so many bytes in all."""
SIMILARITY = 0.8
"""Of the near duplicates that are counted."""
SAMPLE = 400
"""Bytes of a document that are shown."""


class Extreme(NamedTuple):
    """A document's bytes, and how its text begins."""

    bytes: int
    begins: str


@dataclass(frozen=True)
class Inspection:
    """`documents` are distinct; `gzip_ratio` is of training text; `tokens` counts separators.

    `untrained` gives the reason for each tokenizer that the corpus cannot train.
    """

    corpus: str
    source: str
    licence: str
    documents: int
    duplicates: int
    near_duplicates: int
    bytes: int
    tokens: dict[str, int]
    untrained: dict[str, str]
    gzip_ratio: float
    longest: Extreme
    shortest: Extreme
    sample: str

    @property
    def near_duplicate_rate(self) -> float:
        """Share of the distinct documents that have a near twin among those before them."""
        return self.near_duplicates / self.documents


def usual_tokenizers(corpus: str) -> tuple[str, ...]:
    """`bytes` and a BPE for text, `bytes` and the pixels for images. Raises DataError for an unknown name."""
    source, argument = find_source(corpus)
    levels = source.levels(argument) if isinstance(source, Images) else None
    return ("bytes", f"pixels:{levels}" if levels else "bpe:4096")


def inspect_corpus(corpus: str, tokenizers: Sequence[str], cache: Path, say: Say = silent) -> Inspection:
    """Measure a corpus, whose token stores are made below `cache` if they are not there.

    Raises DataError as `prepare_tokens`.
    """
    store, tokens, untrained = prepare_tokens(corpus, "bytes", cache, say=say), {}, {}
    for name in tokenizers:
        try:
            tokens[name] = sum(map(prepare_tokens(corpus, name, cache, say=say).n_tokens, SPLITS))
        except DataError as error:
            untrained[name] = str(error)
    parts = [np.diff(_ends(store, split), prepend=-1) - 1 for split in SPLITS]
    sizes = np.sum(parts, axis=0) if is_cut(store) else np.concatenate(parts)
    extremes = {"longest": int(sizes.argmax()), "shortest": int(sizes.argmin())}
    found = {name: Extreme(int(sizes[at]), _begin(store, at)) for name, at in extremes.items()}
    texts = tracked(documents(store), f"comparing {corpus}", len(sizes))
    twins = near_twins_of(texts, len(sizes), SIMILARITY)
    manifest = store.manifest
    return Inspection(
        corpus=corpus,
        source=manifest["source"],
        licence=manifest["licence"],
        documents=len(sizes),
        duplicates=manifest["duplicates_dropped"],
        near_duplicates=int(twins.sum()),
        bytes=int(sizes.sum()),
        tokens=tokens,
        untrained=untrained,
        gzip_ratio=gzip_ratio(np.asarray(store.tokens("train")[:GZIP_BYTES]).tobytes()),
        sample=_begin(store, 0, SAMPLE),
        **found,
    )


def gzip_ratio(text: bytes) -> float:
    """Bytes under gzip -9 per byte of text, in chunks of GZIP_CHUNK bytes."""
    chunks = (text[start : start + GZIP_CHUNK] for start in range(0, len(text), GZIP_CHUNK))
    return sum(len(gzip.compress(chunk, 9, mtime=0)) for chunk in chunks) / len(text)


def is_cut(store: TokenStore) -> bool:
    """Whether each document has a part in every split, as those of a corpus of few documents have."""
    return "split_by" in store.manifest


def documents(store: TokenStore) -> Iterator[str]:
    """The documents of a store of bytes: split after split, or where each is in all splits, whole."""
    texts = [_texts(store, split) for split in SPLITS]
    return map("".join, zip(*texts, strict=True)) if is_cut(store) else itertools.chain(*texts)


def _texts(store: TokenStore, split: Split) -> Iterator[str]:
    tokens, start = store.tokens(split), 0
    for end in _ends(store, split):
        yield store.tokenizer.decode(tokens[start:end])
        start = end + 1


def _ends(store: TokenStore, split: Split) -> np.ndarray:
    """Where each document of a split ends."""
    return np.flatnonzero(store.tokens(split) == store.tokenizer.separator)


def _begin(store: TokenStore, index: int, length: int = 60) -> str:
    """The first bytes of a document, counted over the splits, as text that does no harm to a terminal."""
    for split in SPLITS:
        ends = _ends(store, split)
        if index < len(ends):
            start = int(ends[index - 1]) + 1 if index else 0
            text = store.tokenizer.decode(store.tokens(split)[start : min(start + length, int(ends[index]))])
            return "".join(sign if sign.isprintable() or sign in "\n\t" else "\ufffd" for sign in text)
        index -= len(ends)
    raise IndexError(index)
