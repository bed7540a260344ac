"""Markov chains of any order over symbols and the end of a document: sampling, entropy rate, cross-entropy.

A context is the last `order` tokens of the document, numbered in base symbols + 1; the digit `symbols` stands
for each place before the document's start. After any symbol the document ends with probability 1 / length,
so that the stream of tokens, separators included, is itself a Markov chain.
"""

import functools
from dataclasses import dataclass

import numpy as np
from scipy import special

_MOST_ITERATIONS = 10_000


@dataclass(frozen=True, eq=False)
class Chain:
    """`rows` float64 [contexts, symbols]: probabilities of the next symbol, given that one follows.

    contexts = (symbols + 1)^order; the last one is the start of a document.
    """

    rows: np.ndarray
    order: int
    length: float
    """Mean number of symbols of a document."""

    @property
    def symbols(self) -> int:
        return self.rows.shape[1]

    @functools.cached_property
    def ends(self) -> np.ndarray:
        """Probability that the document ends after each context [contexts]; 0 at its start."""
        ends = np.full(len(self.rows), 1 / self.length)
        ends[-1] = 0
        return ends

    @functools.cached_property
    def stationary(self) -> np.ndarray:
        """Share of the tokens that follow each context [contexts], by iteration to rounding error."""
        contexts, symbols = self.rows.shape
        after = np.arange(contexts)[:, None] * (symbols + 1) + np.arange(symbols)
        after, share = (after % contexts).ravel(), np.full(contexts, 1 / contexts)
        moves = self.rows * (1 - self.ends)[:, None]
        for _ in range(_MOST_ITERATIONS):
            moved = np.bincount(after, (share[:, None] * moves).ravel(), contexts)
            moved[-1] += share @ self.ends
            change, share = np.abs(moved - share).sum(), moved / moved.sum()
            if change < 1e-14:
                break
        return share

    def entropy_rate(self) -> float:
        """Nats per token."""
        return self.expected_loss(self.rows, self.rows)

    def expected_loss(self, true: np.ndarray, predicted: np.ndarray) -> float:
        """Mean of -ln predicted over symbols from `true`, both [contexts, symbols]; nats per token.

        The contexts are weighted as they occur, and the odds of a document's end are known to the learner.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            symbol = -np.where(true > 0, true * np.log(predicted), 0).sum(1)
        return float(self.stationary @ (self._loss_of_ends + (1 - self.ends) * symbol))

    @property
    def _loss_of_ends(self) -> np.ndarray:
        """Entropy of whether the document ends after each context, nats [contexts]."""
        return special.entr(self.ends) + special.entr(1 - self.ends)

    def loss(self, symbols_T: np.ndarray) -> float:
        """Mean of -ln p over consecutive tokens [T], those after the first `order`; nats per token."""
        context, token = self.contexts(symbols_T[None, :-1])[0], symbols_T[self.order :]
        symbol = self.rows[context, np.minimum(token, self.symbols - 1)] * (1 - self.ends[context])
        return float(-np.log(np.where(token < self.symbols, symbol, self.ends[context])).mean())

    def contexts(self, symbols_RxT: np.ndarray) -> np.ndarray:
        """The context after each token of rows of consecutive tokens, int64 [R, T - order + 1].

        `symbols_RxT` holds the number of each symbol, `symbols` for a separator.
        """
        base, width = self.symbols + 1, symbols_RxT.shape[1] - self.order + 1
        number, started = np.zeros((len(symbols_RxT), width), np.int64), np.zeros((), bool)
        for back in range(self.order):
            token = symbols_RxT[:, self.order - 1 - back :][:, :width]
            started = started | (token == self.symbols)
            number += np.where(started, self.symbols, token) * base**back
        return number

    def counts(self, symbols_RxT: np.ndarray) -> np.ndarray:
        """How often each symbol followed each context, int64 [contexts, symbols], in rows of tokens.

        The first `order` tokens of a row have no whole context in it.
        """
        context = self.contexts(symbols_RxT[:, :-1])
        token = symbols_RxT[:, self.order :]
        kept = token < self.symbols
        size = self.rows.size
        return np.bincount((context * self.symbols + token)[kept], minlength=size).reshape(self.rows.shape)

    def sample(self, documents: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Symbols of all documents, int64[n], and where each ends, int64[documents].

        The documents are sampled side by side, longest first, by inversion: about 0.2 microseconds a symbol.
        """
        lengths = np.sort(rng.geometric(1 / self.length, documents))[::-1]
        ends = np.cumsum(lengths)
        table = (np.cumsum(self.rows, axis=1) + np.arange(len(self.rows))[:, None]).ravel()
        text, context = np.empty(ends[-1], np.int64), np.full(documents, len(self.rows) - 1)
        alive = documents - np.searchsorted(lengths[::-1], np.arange(lengths[0]), side="right")
        for place, count in enumerate(alive):
            context = context[:count]
            drawn = np.searchsorted(table, context + rng.random(count), side="right")
            symbol = np.clip(drawn - context * self.symbols, 0, self.symbols - 1)
            text[(ends - lengths)[:count] + place] = symbol
            context = (context * (self.symbols + 1) + symbol) % len(self.rows)
        return text, ends
