"""Synthetic corpora: their entropy rate and their floor against enumeration and against samples."""

import itertools
import math

import numpy as np
import pytest

from quarry.errors import DataError
from quarry.train.data.corpora import fingerprint, open_corpus
from quarry.train.data.store_building import prepare_tokens
from quarry.train.data.synthetic.bayes import Bayes
from quarry.train.data.synthetic.catalog import open_world
from quarry.train.data.synthetic.hierarchy import Hierarchy
from quarry.train.data.synthetic.markov import Chain
from quarry.train.data.synthetic.world import ALPHABET, SEPARATOR, symbols_of
from quarry.train.data.synthetic_corpus import known_world

SHARES = {"validation_fraction": 0.2, "test_fraction": 0.2}


def stream(world) -> np.ndarray:
    """All its tokens, as the store holds them."""
    text, ends = world.documents()
    return np.insert(text, ends, SEPARATOR)


@pytest.mark.parametrize("options", [{}, {"order": 2}, {"rank": 2}])
def test_the_entropy_rate_is_the_loss_of_the_source_on_a_long_sample(options):
    world = Bayes(symbols=8, length=50, tokens=2**18, **options)
    tokens = stream(world)
    assert world.loss(tokens) == pytest.approx(world.entropy_rate, abs=0.01)
    numbers = symbols_of(tokens, 8)[None]
    share = np.bincount(world.chain.contexts(numbers)[0], minlength=len(world.chain.rows)) / len(tokens)
    assert np.abs(share - world.chain.stationary).sum() < 0.03


def test_the_floor_is_that_of_the_posterior_mean_on_a_long_sample():
    world = Bayes(symbols=8, length=50, tokens=2**18)
    seen, rest = np.split(stream(world), [2**11])
    mean = Chain(world.posterior_mean(seen[None]), 1, 50)
    assert mean.loss(symbols_of(rest, 8)) == pytest.approx(world.floor(seen[None]), abs=0.01)
    assert world.entropy_rate < world.floor(seen[None])
    assert Bayes(symbols=8, rank=2).floor(seen[None]) is None


def test_the_floor_by_hand_in_a_tiny_world():
    """Two symbols: documents a, b, ab and aab, whose contexts are a, b and the start."""
    world = Bayes(symbols=2, zipf=0, concentration=1, length=3)
    a, b = (int(token) for token in ALPHABET[:2])
    seen = np.array([[SEPARATOR, a, SEPARATOR, b, SEPARATOR, a, b, SEPARATOR, a, a, b, SEPARATOR]])
    q = np.array([[1 + 0.5, 2 + 0.5], [0.5, 0.5], [3 + 0.5, 1 + 0.5]])
    q /= q.sum(1, keepdims=True)
    np.testing.assert_allclose(world.posterior_mean(seen), q)
    p, end = world.chain.rows, 1 / 3
    moves = np.array([[*p[0] * (1 - end), end], [*p[1] * (1 - end), end], [*p[2], 0]])
    share = np.linalg.matrix_power(moves, 200)[0]
    loss = [-end * math.log(end) - (1 - end) * math.log(1 - end) for _ in range(2)] + [0.0]
    loss = [
        known - (1 - e) * p[c] @ np.log(q[c])
        for c, (known, e) in enumerate(zip(loss, (end, end, 0), strict=True))
    ]
    assert world.floor(seen) == pytest.approx(share @ loss, rel=1e-12)


def test_conditionals_are_the_rows_of_the_chain():
    world = Bayes(symbols=8, length=50, tokens=2000)
    tokens = stream(world)[:901]
    rows = np.lib.stride_tricks.sliding_window_view(tokens, 101)[::100]
    odds = world.conditionals(rows)
    np.testing.assert_allclose(odds.sum(-1), 1)
    taken = np.take_along_axis(odds, rows[:, 1:, None].astype(int), 2)
    assert -np.log(taken).mean() == pytest.approx(world.loss(tokens), rel=1e-12)
    assert Bayes(order=2, symbols=8).conditionals(rows) is None


def test_no_other_prediction_is_better_on_average_over_worlds():
    """All counts of three draws, by quadrature: the posterior mean has the least mean loss, its entropy."""
    prior, n = np.array([1.5, 2.0]), 3
    first = (np.arange(20_000) + 0.5) / 20_000
    rows = np.stack([first, 1 - first], 1)
    for times in range(n + 1):
        weights = np.prod(rows ** (prior - 1 + [times, n - times]), axis=1)
        weights /= weights.sum()
        mean = (np.array([times, n - times]) + prior) / (n + prior.sum())
        np.testing.assert_allclose(weights @ rows, mean, atol=1e-6)
        loss = [weights @ -(rows @ np.log([q, 1 - q])) for q in mean[0] + np.array([0, -0.1, 0.1])]
        assert loss[0] < min(loss[1:])
        assert loss[0] == pytest.approx(-mean @ np.log(mean), abs=1e-6)


def test_floors_of_many_worlds_average_to_the_expected_floor():
    worlds = [Bayes(symbols=4, length=20, tokens=1000, seed=seed) for seed in range(30)]
    rows = [stream(world)[None, :500] for world in worlds]
    exact, expected = (
        np.array([getattr(w, name)(r) for w, r in zip(worlds, rows, strict=True)])
        for name in ("floor", "expected_floor")
    )
    gap = exact - expected
    assert abs(gap.mean()) < 3 * gap.std() / math.sqrt(len(gap))


def test_every_document_of_a_grammar_is_equally_likely_and_none_is_written_in_two_ways():
    world = Hierarchy(symbols=4, synonyms=3, depth=2, branching=2, tokens=50)
    assert len(np.unique(world.rules.reshape(2, -1, 2) @ [1, 4], axis=1).T) == 4 * 3
    every = list(itertools.product(range(4), *[range(3)] * 3))
    upper, lower = world.rules
    trees = [(*upper[root, m], left, right) for root, m, left, right in every]
    texts = {(*lower[a, left], *lower[b, right]) for a, b, left, right in trees}
    assert len(texts) == len(every) == pytest.approx(math.exp(world.entropy))
    drawn, times = np.unique(world.trees(20_000, np.random.default_rng(0)), axis=0, return_counts=True)
    assert {tuple(text) for text in drawn.tolist()} == texts
    assert np.var(times) == pytest.approx(times.mean(), rel=0.4)
    assert world.entropy_rate == pytest.approx(math.log(len(texts)) / 5)
    with pytest.raises(DataError, match="108 possible documents are too few for tokens = 50: raise synonyms"):
        world.documents()


def test_contexts_start_anew_with_each_document():
    chain = Bayes(order=2, symbols=3).chain
    tokens = np.array([[0, 1, 3, 2, 0, 3]])
    digits = [(0, 1), (3, 3), (3, 2), (2, 0), (3, 3)]
    assert chain.contexts(tokens)[0].tolist() == [4 * older + newer for older, newer in digits]
    counts = chain.counts(tokens)
    assert counts.sum() == 2
    assert counts[15, 2] == counts[4 * 3 + 2, 0] == 1


@pytest.mark.parametrize(("length", "warned"), [(8, True), (1024, False)])
def test_a_source_of_which_many_documents_are_copies_is_warned_of(tmp_path, length, warned):
    said, name = [], f"synthetic:bayes?symbols=8,length={length},tokens=40000"
    store = prepare_tokens(name, "bytes", tmp_path, **SHARES, say=said.append)
    share = store.manifest["duplicates_dropped"] / round(40_000 / (length + 1))
    text = f"warning: {share:.1%} of the documents of {name} are exact copies, which are dropped: "
    assert [sentence.startswith(text) for sentence in said] == (
        [False, True, False] if warned else [False] * 2
    )


def test_the_same_options_give_the_same_store(tmp_path):
    names = ["synthetic:bayes?symbols=8,tokens=40000,seed=1", "synthetic:bayes?seed=1,tokens=40000,symbols=8"]
    stores = [prepare_tokens(name, "bytes", tmp_path, **SHARES) for name in names]
    assert stores[0].directory == stores[1].directory
    assert stores[0].manifest["corpus"] == names[0]
    assert "order 1 over 8 symbols" in stores[0].manifest["source"]
    assert "seed 1" in stores[0].manifest["source"]
    other = prepare_tokens(names[0].replace("seed=1", "seed=2"), "bytes", tmp_path, **SHARES)
    assert other.directory != stores[0].directory
    assert fingerprint(names[0], tmp_path) != fingerprint(names[1], tmp_path)
    symbols_of(np.asarray(stores[0].tokens("train")), 8)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("markov", "'synthetic:markov': no world 'markov': use bayes, hierarchy"),
        ("bayes?order", "'order' is no option of bayes, which are order, symbols, .*: write OPTION=VALUE"),
        ("bayes?size=3", "'size=3' is no option of bayes"),
        ("bayes?order=1,order=2", "gives order twice"),
        ("bayes?order=1.5", "order = '1.5' must be a whole number"),
        ("bayes?zipf=nan", "zipf = 'nan' must be finite"),
        ("bayes?order=0", "synthetic:bayes: order = 0 must be at least 1"),
        ("bayes?symbols=300", "symbols = 300 must be from 2 to 127"),
        (
            "bayes?order=4",
            "order = 4 with symbols = 64 needs 1,142,440,000 probabilities, .*: lower one of them",
        ),
        ("bayes?concentration=0", "concentration = 0.0 must be positive"),
        ("hierarchy?synonyms=17", "synonyms = 17 must be from 1 to .* = 16, all tuples"),
        ("hierarchy?depth=13", "depth = 13 must be 1 or more, for 4,096 leaves at most"),
        ("bayes?tokens=100", "tokens = 100 must be at least 10240, ten documents"),
    ],
)
def test_options_that_cannot_be_used_are_refused(tmp_path, argument, message):
    with pytest.raises(DataError, match=message):
        open_corpus(f"synthetic:{argument}", tmp_path)
    with pytest.raises(DataError, match=message):
        fingerprint(f"synthetic:{argument}", tmp_path)


def test_answers_are_known_only_where_a_token_is_a_symbol():
    assert known_world("synthetic:bayes", "bytes") is open_world("bayes")
    assert known_world("synthetic:bayes", "bpe:300") is None
    assert known_world("sotu", "bytes") is None
    with pytest.raises(DataError, match="token 200 is none of the 64 symbols"):
        symbols_of(np.array([33, 200]), 64)
    assert len(set(ALPHABET.tolist())) == 127
