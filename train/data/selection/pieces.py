"""The pieces that rules choose from: documents, and equal parts of those that are long."""

import hashlib
from dataclasses import dataclass

import numpy as np

SCAN_TOKENS = 2**24


@dataclass(frozen=True)
class Pieces:
    """Where each piece begins in the training tokens and how many tokens it has, int64 [pieces]."""

    starts: np.ndarray
    sizes: np.ndarray

    def __len__(self) -> int:
        return len(self.starts)

    def take(self, which: np.ndarray | slice) -> "Pieces":
        """These pieces, in this order."""
        return Pieces(self.starts[which], self.sizes[which])


@dataclass(frozen=True)
class Scores:
    """A score for each piece, float64 [pieces], nan where it may not be chosen; and what scoring costs."""

    values: np.ndarray
    flops_per_token: float = 0.0
    flops_reference: float = 0.0
    about: str = ""


def cut(tokens: np.ndarray, separator: int, piece: int) -> Pieces:
    """The pieces of flat `tokens` [n], in their order.

    A document of m tokens, its separator counted, is cut in round(m / piece) parts of equal size, one at
    least: parts of a long one have 2/3 to 3/2 of `piece` tokens, and a short one stays whole.
    """
    ends = _ends(tokens, separator)
    begins = np.concatenate([[0], ends[:-1]])
    parts = np.maximum(1, np.round((ends - begins) / piece)).astype(np.int64)
    first = np.repeat(np.cumsum(parts) - parts, parts)
    number = np.arange(parts.sum()) - first
    lengths, parts, begins = (np.repeat(each, parts) for each in (ends - begins, parts, begins))
    starts = begins + number * lengths // parts
    return Pieces(starts, begins + (number + 1) * lengths // parts - starts)


def _ends(tokens: np.ndarray, separator: int) -> np.ndarray:
    """Where documents end, int64; read in parts of bounded memory."""
    found = [
        first + 1 + np.flatnonzero(tokens[first : first + SCAN_TOKENS] == separator)
        for first in range(0, len(tokens), SCAN_TOKENS)
    ]
    return np.concatenate(found).astype(np.int64)


def shuffled(tokens: np.ndarray, pieces: Pieces) -> Pieces:
    """The distinct pieces in the order of the hash of their tokens, as documents are ordered."""
    digests = [
        hashlib.blake2b(tokens[start : start + size].tobytes(), digest_size=16).digest()
        for start, size in zip(pieces.starts.tolist(), pieces.sizes.tolist(), strict=True)
    ]
    return pieces.take(np.unique(np.array(digests, "S16"), return_index=True)[1])


def shared_tokens(one: Pieces, other: Pieces) -> int:
    """Tokens of `other` that are also in `one`; pieces of `one` may repeat but not overlap."""
    starts, which = np.unique(one.starts, return_index=True)
    sizes = one.sizes[which]
    below = np.concatenate([[0], np.cumsum(sizes)])

    def covered(ends: np.ndarray) -> np.ndarray:
        last = np.searchsorted(starts, ends, side="right") - 1
        return np.where(last < 0, 0, below[last] + np.clip(ends - starts[last], 0, sizes[last]))

    return int((covered(other.starts + other.sizes) - covered(other.starts)).sum())


def means(values: np.ndarray, first: int, pieces: Pieces) -> np.ndarray:
    """The mean over each piece of the `values` [m] of tokens first, first + 1, ...; nan without any."""
    sums = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    low, high = (
        np.clip(ends - first, 0, len(values)) for ends in (pieces.starts, pieces.starts + pieces.sizes)
    )
    counts = high - low
    return np.where(counts > 0, (sums[high] - sums[low]) / np.maximum(counts, 1), np.nan)
