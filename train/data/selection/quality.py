"""The rule `quality`: a linear classifier of n-grams, between text of another corpus and the pool's.

Logistic regression on the hashed n-grams of tokens, n from 1 to 3, as the filters of GPT-3 (2005.14165,
appendix A) and fastText; the score of a piece is its log odds. The pieces of the pool that it learns from are
not chosen.
"""

from pathlib import Path
from typing import Any

import numpy as np
from scipy import optimize, sparse, special

from quarry.errors import DataError
from quarry.train.config.selection import Rule
from quarry.train.data.corpora import open_corpus
from quarry.train.data.selection.pieces import Pieces, Scores, cut
from quarry.train.data.store import TokenStore

LONGEST = 3
BUCKETS = 2**14
EXAMPLES = 512
"""Pieces of each class, or a quarter of the pool."""
AT_ONCE = 4096
"""Pieces whose n-grams are in memory together."""
PENALTY = 1e-3
"""Of the squared weights, beside the mean log loss."""
_PRIMES = np.array([1, 1_000_003, 998_244_353], np.uint64)


def quality_scores(rule: Rule, store: TokenStore, pieces: Pieces, corpora: Path) -> Scores:
    """The log odds of each piece, nan for those learnt from; `pieces` in the order of the pool."""
    count = max(1, min(EXAMPLES, len(pieces) // 4))
    good, n_good = _examples(rule, store, corpora, count)
    tokens, learnt = store.tokens("train"), np.arange(len(pieces) - count, len(pieces))
    both = sparse.vstack([good, features(tokens, pieces.take(learnt))]).tocsr()
    labels = np.repeat([1.0, 0.0], [n_good, count])
    weights, steps = _fit(both, labels)
    parts = (slice(first, first + AT_ONCE) for first in range(0, len(pieces), AT_ONCE))
    odds = [features(tokens, pieces.take(part)) @ weights[:-1] for part in parts]
    values = np.concatenate(odds) + weights[-1]
    values[learnt] = np.nan
    return Scores(
        values,
        flops_per_token=2.0 * LONGEST,
        flops_reference=4.0 * both.nnz * steps,
        about=f"n-grams to {LONGEST} of {n_good} pieces of {rule.like} against {count} of the pool",
    )


def _examples(rule: Rule, store: TokenStore, corpora: Path, count: int) -> tuple[sparse.csr_matrix, int]:
    """Features of `count` pieces of the corpus `like`, from documents spread over all of it."""
    corpus = open_corpus(rule.like, corpora)
    separator = np.array([store.tokenizer.separator], store.tokenizer.dtype)
    chosen = np.unique(np.linspace(0, len(corpus) - 1, min(count, len(corpus))).astype(int))
    texts = [store.tokenizer.encode(corpus[int(index)].text) for index in chosen]
    tokens = np.concatenate([part for text in texts for part in (text, separator)])
    found = cut(tokens, int(separator[0]), rule.piece)
    if len(found) < 2:
        raise DataError(f"data.selection = quality: like = {rule.like!r} has fewer than two pieces of text")
    spread = np.unique(np.linspace(0, len(found) - 1, min(count, len(found))).astype(int))
    return features(tokens, found.take(spread)), len(spread)


def features(tokens: np.ndarray, pieces: Pieces) -> sparse.csr_matrix:
    """The share of each bucket of n-grams in each piece [pieces, BUCKETS]; rows have length 1."""
    columns, rows = [], np.repeat(np.arange(len(pieces)), pieces.sizes)
    within = np.arange(pieces.sizes.sum()) - np.repeat(np.cumsum(pieces.sizes) - pieces.sizes, pieces.sizes)
    at = np.repeat(pieces.starts, pieces.sizes) + within
    key, places = np.zeros(len(at), np.uint64), []
    for n in range(LONGEST):
        inside = within >= n
        key = key * np.uint64(LONGEST + 1) + tokens[np.maximum(at - n, 0)].astype(np.uint64) * _PRIMES[n]
        columns.append(_bucket(key + np.uint64(n))[inside])
        places.append(rows[inside])
    column, row = np.concatenate(columns), np.concatenate(places)
    counts = sparse.csr_matrix((np.ones(len(row)), (row, column)), (len(pieces), BUCKETS))
    lengths = np.sqrt(np.bincount(_rows(counts), counts.data**2, len(pieces)))
    counts.data /= lengths[_rows(counts)]
    return counts


def _rows(table: sparse.csr_matrix) -> np.ndarray:
    """The row of each entry."""
    return np.repeat(np.arange(len(table.indptr) - 1), np.diff(table.indptr))


def _bucket(keys: np.ndarray) -> np.ndarray:
    """A bucket for each key: the high bits of a multiplicative hash (Knuth)."""
    return ((keys * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(50)).astype(np.int64)


def _fit(table: Any, labels: np.ndarray) -> tuple[np.ndarray, int]:
    """Weights [BUCKETS + 1], the last the constant, of least penalised log loss; and evaluations of it."""
    share = np.where(labels == 1, 0.5 / labels.sum(), 0.5 / (1 - labels).sum())

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        odds = table @ weights[:-1] + weights[-1]
        error = share * (special.expit(odds) - labels)
        value = share @ (np.logaddexp(0, odds) - labels * odds) + PENALTY * weights[:-1] @ weights[:-1]
        return float(value), np.append(table.T @ error + 2 * PENALTY * weights[:-1], error.sum())

    found = optimize.minimize(
        loss, np.zeros(BUCKETS + 1), jac=True, method="L-BFGS-B", options={"maxiter": 200}
    )
    return found.x, int(found.nfev)
