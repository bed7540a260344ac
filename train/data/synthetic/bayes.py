"""The world `bayes`: a Markov source whose rows are drawn once from a known prior.

Given the counts n of the tokens seen, no learner predicts better, on average over the prior, than the mean of
the posterior q = (n + a) / sum(n + a), a the parameters of the Dirichlet prior of a row. So the loss of q in
this world is the floor L*(U), without an estimator.

With a rank, row c is softmax(ln m + w_c . v), m the mean row, w and v normal in `rank` dimensions: a source
of lower complexity. Its posterior has no closed form, and no floor is given.
"""

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from quarry.errors import DataError
from quarry.train.data.synthetic.markov import Chain
from quarry.train.data.synthetic.world import ALPHABET, MOST_SYMBOLS, SEPARATOR, check_option, symbols_of

MOST_ENTRIES = 2**24
"""Of the table of rows: 128 MiB."""


@dataclass(frozen=True)
class Bayes:
    """A Markov source over `symbols` symbols. Raises DataError for options that cannot be used."""

    order: int = 1
    """Symbols that the next one depends on."""
    symbols: int = 64
    concentration: float = 16.0
    """Sum of the Dirichlet parameters of a row: rows of a small one have few likely symbols."""
    zipf: float = 1.0
    """The mean row is m_i ~ 1 / i^zipf, and so about are the frequencies of contexts; 0 for a uniform one."""
    rank: int = 0
    """Of the logits of the rows; 0 for Dirichlet rows."""
    length: float = 1024.0
    """Mean symbols of a document."""
    tokens: int = 2**22
    """Size of the corpus, about."""
    seed: int = 0

    def __post_init__(self) -> None:
        check_option(self.order >= 1, self, "order", "at least 1")
        check_option(2 <= self.symbols <= MOST_SYMBOLS, self, "symbols", f"from 2 to {MOST_SYMBOLS}")
        check_option(self.concentration > 0, self, "concentration", "positive")
        check_option(self.zipf >= 0, self, "zipf", "0 or more")
        check_option(self.rank >= 0, self, "rank", "0, for Dirichlet rows, or more")
        check_option(self.length >= 2, self, "length", "at least 2")
        check_option(
            self.tokens >= 10 * self.length, self, "tokens", f"at least {10 * self.length:g}, ten documents"
        )
        check_option(self.seed >= 0, self, "seed", "0 or more")
        entries = (self.symbols + 1) ** self.order * self.symbols
        if entries > MOST_ENTRIES:
            raise DataError(
                f"synthetic:bayes: order = {self.order} with symbols = {self.symbols} needs {entries:,} "
                f"probabilities, more than {MOST_ENTRIES:,}: lower one of them"
            )

    @property
    def description(self) -> str:
        rows = f"logits of rank {self.rank}" if self.rank else f"Dirichlet rows of {self.concentration:g}"
        return (
            f"Markov source of order {self.order} over {self.symbols} symbols, {rows}, "
            f"mean row 1 / i^{self.zipf:g}, documents of {self.length:g} symbols on average, seed {self.seed}"
        )

    @property
    def inputs(self) -> tuple[Path, ...]:
        return ()

    @property
    def prior(self) -> np.ndarray:
        """Parameters of the Dirichlet prior of each row [symbols]."""
        mean = 1 / np.arange(1, self.symbols + 1) ** self.zipf
        return self.concentration * mean / mean.sum()

    @functools.cached_property
    def chain(self) -> Chain:
        """The source itself."""
        rng, contexts = np.random.default_rng((self.seed, 1)), (self.symbols + 1) ** self.order
        rows = self._low_rank(rng, contexts) if self.rank else _dirichlet(rng, self.prior, contexts)
        return Chain(rows, self.order, self.length)

    def _low_rank(self, rng: np.random.Generator, contexts: int) -> np.ndarray:
        w, v = rng.standard_normal((contexts, self.rank)), rng.standard_normal((self.symbols, self.rank))
        logits = np.log(self.prior) + w @ v.T * (2 / np.sqrt(self.rank))
        rows = np.exp(logits - logits.max(axis=1, keepdims=True))
        return rows / rows.sum(axis=1, keepdims=True)

    @property
    def entropy_rate(self) -> float:
        return self.chain.entropy_rate()

    def documents(self) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng((self.seed, 2))
        text, ends = self.chain.sample(round(self.tokens / (self.length + 1)), rng)
        return ALPHABET[text], ends

    def floor(self, rows: np.ndarray) -> float | None:
        return None if self.rank else self.chain.expected_loss(self.chain.rows, self.posterior_mean(rows))

    def expected_floor(self, rows: np.ndarray) -> float:
        """The floor averaged over the worlds that the tokens `rows` leave possible: the entropy of q.

        Contexts are weighted as in this world.
        """
        mean = self.posterior_mean(rows)
        return self.chain.expected_loss(mean, mean)

    def posterior_mean(self, rows: np.ndarray) -> np.ndarray:
        """q = (n + a) / sum(n + a), [contexts, symbols], n the counts of the tokens `rows`."""
        seen = self.chain.counts(symbols_of(rows, self.symbols)) + self.prior
        return seen / seen.sum(axis=1, keepdims=True)

    def conditionals(self, rows: np.ndarray) -> np.ndarray | None:
        if self.order > 1:  # the first tokens of a row lack a part of their context
            return None
        chain, context = self.chain, self.chain.contexts(symbols_of(rows[:, :-1], self.symbols))
        odds = np.zeros((len(chain.rows), SEPARATOR + 1))
        odds[:, ALPHABET[: self.symbols]] = chain.rows * (1 - chain.ends)[:, None]
        odds[:, SEPARATOR] = chain.ends
        return odds[context]

    def loss(self, tokens: np.ndarray) -> float:
        return self.chain.loss(symbols_of(tokens, self.symbols))


def _dirichlet(rng: np.random.Generator, prior: np.ndarray, contexts: int) -> np.ndarray:
    """Rows [contexts, symbols]; no probability is below the least positive number."""
    drawn = np.maximum(rng.standard_gamma(prior, (contexts, len(prior))), np.finfo(float).tiny)
    return drawn / drawn.sum(axis=1, keepdims=True)
