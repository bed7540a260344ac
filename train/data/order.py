"""The batch order: a pure function of (seed, position), with no state and no memory.

A sequence is a row of `context` tokens of the flat training store. Position p is the p-th sequence
processed since the start of training; it lies in epoch p // n, and every epoch visits the n sequences in a
fresh permutation keyed by (seed, epoch). Resuming at a step, changing the number of hosts or ramping the
batch is arithmetic on positions.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from quarry.errors import DataError

# Rounds of the Feistel network. Four make a pseudo-random permutation of a large domain (Luby and Rackoff
# 1988); small ones need more. Measured by chi-square: over all n! orders, n from 3 to 8, 24
# rounds pass and 16 do not; over the joint places of two to four sequences 12 pass from n = 16 on. Changing
# these changes every run.
ROUNDS = 12
ROUNDS_BELOW_64_SEQUENCES = 24

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # splitmix64's increment, 2**64 / golden ratio


def unique_sequences(unique_tokens: int, context: int, available_tokens: int, draw: int = 0) -> int:
    """Number of sequences in `unique_tokens` (U) of a store of `available_tokens` tokens.

    Draw 0 is a prefix of the store, so U1 < U2 are nested; draw j begins after j times U. Its last target is
    the next token of the store, hence (draw + 1) U < available_tokens. Raises DataError if the store has
    fewer, or if U is smaller than one sequence.
    """
    needed = (draw + 1) * unique_tokens
    if needed >= available_tokens:
        drawn = f" for data.draw = {draw}: {needed:,}" if draw else ""
        raise DataError(
            f"unique_tokens = {unique_tokens:,}{drawn} is more than the corpus has: "
            f"{max(available_tokens - 1, 0):,} training tokens"
        )
    if unique_tokens < context:
        raise DataError(
            f"unique_tokens = {unique_tokens:,} is less than one sequence of context = {context:,}"
        )
    return unique_tokens // context


Rows = slice | np.ndarray
"""Rows of a batch: a slice, or their indices."""


def batch_positions(first: int, batch_sequences: int, rows: Rows = slice(None)) -> np.ndarray:
    """Positions int64[rows] of the sequences of a step that begins at position `first`."""
    return np.arange(batch_sequences, dtype=np.int64)[rows] + first


@dataclass(frozen=True)
class BatchOrder:
    """The order in which `n_sequences` sequences are visited, epoch after epoch, for one `seed`.

    Each epoch is a Feistel network on pairs (left, right) of about sqrt(n) values each, as in the generalised
    Feistel cipher of Black and Rogaway 2002: the halves are added modulo their sizes, so the domain exceeds
    n by about sqrt(n) at most, and the few values >= n are walked along their cycle until they fall below n.
    Raises DataError for n_sequences < 1 or a seed outside [0, 2**63).
    """

    n_sequences: int
    seed: int
    skips: tuple[tuple[int, int], ...] = ()
    """(position, sequences): from this position on, the order is read so many sequences further."""
    first: int = 0
    """The id of the first sequence."""
    first_pass: np.ndarray | None = field(default=None, compare=False)
    """The ids in the order of the first epoch, int64 [n_sequences]; None: as every epoch, shuffled."""
    _sides: tuple[np.uint64, np.uint64] = field(init=False, repr=False, compare=False)

    def __post_init__(self):
        if self.n_sequences < 1:
            raise DataError(f"n_sequences = {self.n_sequences} must be at least 1")
        if not 0 <= self.seed < 2**63:
            raise DataError(f"seed = {self.seed} must be from 0 to 2**63 - 1")
        # An even side: additions modulo odd sides are even permutations, and half of all orders are odd.
        left = 2 * (math.isqrt(self.n_sequences - 1) // 2 + 1)
        object.__setattr__(self, "_sides", (np.uint64(left), np.uint64(-(-self.n_sequences // left))))

    def sequence_ids(self, positions: np.ndarray) -> np.ndarray:
        """Sequence ids int64, in [first, first + n_sequences), at `positions` int64 >= 0, of any shape.

        Raises DataError for a negative position.
        """
        positions = np.asarray(positions, dtype=np.int64)
        if positions.size and positions.min() < 0:
            raise DataError(f"position = {positions.min()} must not be negative")
        skipped = sum(
            (np.where(positions >= place, n, 0) for place, n in self.skips), np.zeros_like(positions)
        )
        positions = positions + skipped
        epochs, offsets = np.divmod(positions.ravel().astype(np.uint64), np.uint64(self.n_sequences))
        keys = _mix(_mix(np.array([self.seed], np.uint64)) + epochs * _GOLDEN)
        ids = self._walk(offsets, keys).astype(np.int64) + self.first
        if self.first_pass is not None:
            ids = np.where(epochs == 0, self.first_pass[offsets.astype(np.int64)], ids)
        return ids.reshape(positions.shape)

    def _walk(self, values: np.ndarray, keys: np.ndarray) -> np.ndarray:
        values = self._encipher(values, keys)
        outside = np.flatnonzero(values >= self.n_sequences)
        while outside.size:
            values[outside] = self._encipher(values[outside], keys[outside])
            outside = outside[values[outside] >= self.n_sequences]
        return values

    def _encipher(self, values: np.ndarray, keys: np.ndarray) -> np.ndarray:
        """A permutation of [0, left * right) for each key, by adding to each half a hash of the other."""
        halves = list(np.divmod(values, self._sides[1]))
        rounds = ROUNDS if self.n_sequences >= 64 else ROUNDS_BELOW_64_SEQUENCES
        for number in range(rounds):
            changed, fixed = number % 2, 1 - number % 2
            word = _mix(keys + (halves[fixed] * np.uint64(rounds) + np.uint64(number)) * _GOLDEN)
            halves[changed] = (halves[changed] + word) % self._sides[changed]
        return halves[0] * self._sides[1] + halves[1]


def _mix(words: np.ndarray) -> np.ndarray:
    """splitmix64's output function on uint64 (Steele, Lea and Flood 2014), a bijection; wraps silently."""
    words = words + _GOLDEN
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
