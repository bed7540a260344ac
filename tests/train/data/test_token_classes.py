"""The classes of tokens, on texts short enough to read, by both tokenizers."""

import numpy as np
import pytest

from quarry.train.data.token_classes import CLASSES, class_bits
from quarry.train.data.tokenizers import BpeTokenizer, ByteTokenizer

BYTES = ByteTokenizer()
WORDS = BpeTokenizer(
    (*(bytes([byte]) for byte in range(256)), b" t", b"he", b" the", b"in", b"ing", b" M", b"ar", b"ary")
)


def members(text: str, tokenizer=BYTES) -> dict[str, list[str]]:
    """The tokens of each class, all in one context; the first token is no target."""
    ids = tokenizer.encode(text)
    bits = class_bits(ids, len(ids) - 1, tokenizer).ravel()
    pieces = [tokenizer.pieces[token].decode(errors="replace") for token in ids[1:]]
    chosen = {name: np.flatnonzero(bits >> i & 1) for i, name in enumerate(CLASSES)}
    return {name: [pieces[at] for at in places] for name, places in chosen.items()}


def test_every_byte_of_a_text_is_in_its_classes():
    found = members('. He saw 12 of "Mary\'s" cats (or dogs]).')
    assert "".join(found["word_start"]) == "HsoMcod"
    assert "".join(found["inside_word"]) == "eawfary'satsrogs"  # an apostrophe belongs to its word
    assert "".join(found["digits"]) == "12"
    assert found["quotes"] == ['"', '"']
    assert "".join(found["names"]) == "Mary's"  # He begins a sentence
    assert found["matching_bracket"] == [")"]  # ] closes nothing
    assert "".join(found["after_rare_word"]) == "soMcod"


def test_the_word_after_one_that_comes_again_is_not_rare():
    assert members(". on a on b on c")["after_rare_word"] == ["o", "o"]


def test_a_copy_repeats_eight_bytes_or_more_of_its_context():
    again = "abcdefgh12 abcdefgh12"
    assert "".join(members(again)["copied"]) == "12"  # the ninth byte and later
    assert members("abcdefg1 abcdefg2")["copied"] == []
    tokens, context = BYTES.encode(again), 10
    assert not (class_bits(tokens, context, BYTES) >> list(CLASSES).index("copied") & 1).any()  # two contexts


def test_classes_mean_the_same_for_longer_tokens():
    found = members(". the Mary thing", WORDS)
    assert found["word_start"] == [" the", " M", " t"]
    assert found["inside_word"] == ["ary", "h", "ing"]
    assert found["names"] == [" M", "ary"]


@pytest.mark.parametrize("quote", ["“", "’"])
def test_curled_quotes_end_words(quote):
    found = members(f". {quote}Oh")
    assert len(found["quotes"]) == 1
    assert found["word_start"] == ["O"]
