"""Near duplicates by MinHash (Broder 1997) of runs of words and locality-sensitive hashing, by datasketch.

Documents are compared by the Jaccard similarity of their sets of runs of RUN words, in lower case and without
marks and spaces, as in Lee et al. 2021 (2107.06499): re-wrapped text stays the same. It is estimated from
PERMUTATIONS hashes, with a standard error of 0.035 at 0.8. A text of fewer words is a near twin of texts with
the same words; text without white space, such as pixels, of its exact copy.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import xxhash

from quarry.train.data.documents import Corpus
from quarry.train.data.progress import tracked

RUN = 5
PERMUTATIONS = 128
BATCH = 2**14
"""Runs that are hashed at once: each takes PERMUTATIONS numbers in memory."""
MOST_SIMILARITY = 0.9
"""That datasketch makes an index for; what it finds is compared with the similarity that was given."""
_WORD = re.compile(r"\w+")
_SPACE = re.compile(r"\s")
_FACTORS = np.array(
    [0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0xD6E8FEB86659FD93, 1], np.uint64
)
"""Odd numbers, one for each place in a run."""


def near_twins(corpus: Corpus, documents: np.ndarray, similarity: float) -> np.ndarray:
    """Whether each of `documents`, indices, has a near twin among those before it that are kept: bool."""
    texts = (corpus[int(index)].text for index in documents)
    return near_twins_of(
        tracked(texts, f"comparing {corpus.name}", len(documents)), len(documents), similarity
    )


def near_twins_of(texts: Iterable[str], count: int, similarity: float) -> np.ndarray:
    """Whether each of `count` texts has a near twin among those before it that have none: bool [count].

    So no two of the texts that are kept are as similar, but for the error of the estimate. Takes about a
    kilobyte of memory for each text.
    """
    from datasketch import MinHash, MinHashLSH

    empty = MinHash(PERMUTATIONS, hashfunc=int)
    index = MinHashLSH(min(similarity, MOST_SIMILARITY), PERMUTATIONS)
    kept, short, twins = {}, set(), np.zeros(count, bool)
    for place, text in enumerate(texts):
        words = _WORD.findall(text.lower()) if _SPACE.search(text) else ()
        if len(words) < RUN:
            whole = xxhash.xxh3_128_digest((" ".join(words) or text).encode())
            twins[place] = whole in short
            short.add(whole)
            continue
        sketch = empty.copy()
        for batch in _batches(run_hashes(words)):
            sketch.update_batch(batch)
        twins[place] = any(kept[other].jaccard(sketch) >= similarity for other in index.query(sketch))
        if not twins[place]:
            kept[place] = sketch
            index.insert(place, sketch)
    return twins


def run_hashes(words: Sequence[str]) -> np.ndarray:
    """A hash of each distinct run of RUN words, uint32 [runs]."""
    of_word = {word: xxhash.xxh64_intdigest(word.encode()) for word in set(words)}
    hashes = np.array([of_word[word] for word in words], np.uint64)
    runs = sum(factor * hashes[place : len(words) - RUN + 1 + place] for place, factor in enumerate(_FACTORS))
    mixed = (runs ^ (runs >> np.uint64(32))) * _FACTORS[0]
    return np.unique((mixed >> np.uint64(32)).astype(np.uint32))


def _batches(hashes: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(hashes), BATCH):
        yield hashes[start : start + BATCH]
