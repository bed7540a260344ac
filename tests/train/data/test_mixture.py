"""Mixtures: every prefix keeps the weights, documents keep their split, names are refused by name."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarry.errors import DataError
from quarry.train.data.mixture import in_proportion, parse_mixture
from quarry.train.data.store_building import prepare_tokens

SIZES = st.lists(st.integers(1, 50), min_size=1, max_size=30)


@given(SIZES, SIZES, st.floats(0.05, 0.95))
def test_every_prefix_keeps_the_weights_to_within_a_document(first, second, weight):
    sizes, weights = [np.array(first), np.array(second)], (weight, 1 - weight)
    order = in_proportion(sizes, weights)
    assert len(set(order)) == len(order)
    taken, most = np.zeros(2), max(first + second)
    for source, document in order:
        assert document == sum(1 for each in order[: order.index((source, document))] if each[0] == source)
        assert taken[source] / weights[source] <= min(taken / weights) + 1e-9  # it was behind
        taken[source] += sizes[source][document]
        assert abs(taken - taken.sum() * np.array(weights)).max() <= most
    exhausted = [taken[i] == sizes[i].sum() for i in range(2)]
    assert any(exhausted)


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Two folders of documents, each in letters of its own."""
    root = tmp_path_factory.mktemp("sources")
    for kind, letter, count in (("a", "a", 200), ("b", "b", 150)):
        (root / kind).mkdir()
        for i in range(count):
            (root / kind / f"{i}.txt").write_text(f"{letter}{i} " * (10 + i % 7))
    return root


def test_a_mixture_keeps_weights_splits_and_order(sources, tmp_path):
    names = [f"folder:{sources / kind}" for kind in "ab"]
    mixture = prepare_tokens(f"mix:{names[0]}=0.25+{names[1]}=0.75", "bytes", tmp_path)
    text = np.asarray(mixture.tokens("train"))
    for share in (0.25, 0.5, 1.0):
        prefix = bytes(text[: int(share * len(text))])
        a, b = prefix.count(b"a"), prefix.count(b"b")
        assert a / (a + b) == pytest.approx(0.25, abs=0.03)
    for split in ("train", "validation", "test"):
        alone = [
            set(bytes(prepare_tokens(name, "bytes", tmp_path).tokens(split)).split(b"\xff")) for name in names
        ]
        assert set(bytes(mixture.tokens(split)).split(b"\xff")) <= alone[0] | alone[1]
    shares = mixture.manifest["shares"]
    assert [share["weight"] for share in shares.values()] == [0.25, 0.75]
    assert shares[names[1]]["train_left_out"] == 0
    assert shares[names[0]]["train_left_out"] > 50
    same = prepare_tokens(f"mix:{names[0]}=1+{names[1]}=3", "bytes", tmp_path)
    other = prepare_tokens(f"mix:{names[0]}=3+{names[1]}=1", "bytes", tmp_path)
    assert same.directory == mixture.directory != other.directory


def test_a_split_that_cannot_have_the_weights_is_told_of(sources, tmp_path):
    said, names = [], [f"folder:{sources / kind}" for kind in "ab"]
    prepare_tokens(f"mix:{names[0]}=1+{names[1]}=1", "bytes", tmp_path / "cache", say=said.append)
    assert not [sentence for sentence in said if sentence.startswith("note")]
    (tmp_path / "long").mkdir()
    for i in range(60):
        (tmp_path / "long" / f"{i}.txt").write_text(f"{i} " * 3000)
    name = f"mix:folder:{tmp_path / 'long'}=0.2+{names[0]}=0.8"
    fractions = {"validation_fraction": 0.2, "test_fraction": 0.2}
    store = prepare_tokens(name, "bytes", tmp_path / "cache", say=said.append, **fractions)
    shares = store.manifest["shares"]
    long, short = (share["validation_bytes"] for share in shares.values())
    note = (
        f"note: {long / (long + short):.0%} of the validation text of {name} is of folder:{tmp_path / 'long'}"
    )
    assert any(sentence.startswith(note + ", whose weight is 20%") for sentence in said)


def test_a_part_of_too_few_documents_is_refused_with_the_remedy(sources, tmp_path):
    (tmp_path / "one.txt").write_text("all of it " * 100)
    name = f"mix:folder:{sources / 'a'}=1+folder:{tmp_path / 'one.txt'}=1"
    with pytest.raises(DataError, match=r"no document of .*one.txt fell into .*: give more documents"):
        prepare_tokens(name, "bytes", tmp_path / "cache")


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("sotu=1", "is not of the form"),
        ("sotu=0.5+stdlib", "is not of the form"),
        ("sotu=0.5+stdlib=x", "is not of the form"),
        ("sotu=1+sotu=2", "names a corpus twice"),
        ("sotu=0+stdlib=1", "has a weight of 0"),
        ("mix:sotu=1+stdlib=1", "holds a mixture"),
    ],
)
def test_bad_mixtures_are_refused(argument, message):
    with pytest.raises(DataError, match=message):
        parse_mixture(argument)


def test_names_with_options_are_parts():
    argument = "fashion?size=8,levels=4=0.5+folder:a=b.txt?separator=--=.25+digits=2"
    parts = [("fashion?size=8,levels=4", 0.5), ("folder:a=b.txt?separator=--", 0.25), ("digits", 2.0)]
    assert parse_mixture(argument) == parts
