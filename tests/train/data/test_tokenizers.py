"""Tokenizers: lossless on any text, deterministic, saved as JSON."""

import json
import random
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quarry.errors import DataError
from quarry.train.data.bpe_training import word_parts
from quarry.train.data.tokenizers import (
    BpeTokenizer,
    ByteTokenizer,
    load_tokenizer,
    make_tokenizer,
    save_tokenizer,
    tokenizer_from,
    vocabulary_size,
)

TEXTS = [
    f"the {word} of the nation, in the year {1790 + i}\n" for i, word in enumerate(["state", "union"] * 60)
]
BPE = make_tokenizer("bpe:300", TEXTS)


@pytest.mark.parametrize("tokenizer", [ByteTokenizer(), BPE], ids=["bytes", "bpe"])
@given(text=st.text())
@example(text="<|endoftext|> </s> [PAD] \x00 \ufeff \u200d \U0010ffff é é \r\n\t   \ud7ff")
@example(text="")
def test_any_text_survives_encoding_and_decoding(tokenizer, text):
    ids = tokenizer.encode(text)
    assert ids.dtype == tokenizer.dtype
    assert tokenizer.separator not in ids
    assert tokenizer.decode(ids) == text
    assert tokenizer.token_bytes[ids].sum() == len(text.encode())


@pytest.mark.parametrize("character", [" ", "a", "\n", "é"])
def test_long_runs_of_one_character_survive(character):
    text = character * 20_000
    assert BPE.decode(BPE.encode(text)) == text


@pytest.mark.parametrize("tokenizer", [ByteTokenizer(), BPE], ids=["bytes", "bpe"])
def test_separators_decode_to_nothing(tokenizer):
    ids = np.append(tokenizer.encode("union"), tokenizer.separator)
    assert tokenizer.decode(ids) == "union"
    assert len(tokenizer.token_bytes) == tokenizer.vocab_size
    assert tokenizer.token_bytes[tokenizer.separator] == 0
    assert np.iinfo(tokenizer.dtype).max >= tokenizer.vocab_size - 1


@pytest.mark.parametrize("tokenizer", [ByteTokenizer(), BPE], ids=["bytes", "bpe"])
def test_a_lone_surrogate_is_refused(tokenizer):
    with pytest.raises(DataError, match="surrogate at character 2"):
        tokenizer.encode("ab\ud800")


def test_bpe_learns_the_words_of_its_text():
    assert BPE.vocab_size == 300
    assert BPE.dtype == np.uint16
    assert len(BPE.encode(" the nation")) == 2
    assert len(BPE.encode("".join(TEXTS))) < len("".join(TEXTS)) / 2.5


def test_bpe_encodes_as_the_trainer_would():
    """tiktoken on our ranks gives the tokens that `tokenizers` itself gives with its merges."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=299, initial_alphabet=alphabet, show_progress=False)
    trained.train_from_iterator(TEXTS, trainer)
    text = "the union's 1801 naïve   nations\n\n they'll"
    assert trained.encode(text).ids == BPE.encode(text).tolist()


def test_training_is_deterministic_across_processes():
    """Rust's hash maps are seeded per process."""
    program = (
        "import json, sys; from quarry.train.data.tokenizers import make_tokenizer;"
        "print(json.dumps(make_tokenizer('bpe:300', json.load(sys.stdin)).definition))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], input=json.dumps(TEXTS), capture_output=True, text=True, check=True
    )
    assert json.loads(run.stdout) == BPE.definition


@pytest.mark.parametrize("tokenizer", [ByteTokenizer(), BPE], ids=["bytes", "bpe"])
def test_saved_as_json_and_read_back(tokenizer, tmp_path):
    save_tokenizer(tokenizer, tmp_path / "tokenizer.json")
    assert load_tokenizer(tmp_path / "tokenizer.json") == tokenizer


def test_damaged_tokenizers_are_refused(tmp_path):
    (tmp_path / "tokenizer.json").write_text("[]")
    with pytest.raises(DataError, match="holds no tokenizer"):
        load_tokenizer(tmp_path / "tokenizer.json")
    with pytest.raises(DataError, match="damaged definition of the tokenizer 'bpe:300'"):
        tokenizer_from({"name": "bpe:300", "tokens": ["zz"]})
    with pytest.raises(DataError, match="all 256 single bytes"):
        BpeTokenizer((b"a", b"b"))
    with pytest.raises(DataError, match="twice"):
        BpeTokenizer((*BPE.tokens, BPE.tokens[-1]))


@pytest.mark.parametrize("name", ["words", "bpe", "bpe:", "bpe:big", "bpe:-5", "bpe:²", "bpe:256"])
def test_unknown_tokenizers_are_refused(name):
    with pytest.raises(DataError, match=f"tokenizer = '{name}' is"):
        vocabulary_size(name)


def test_a_vocabulary_larger_than_the_text_gives_is_refused():
    with pytest.raises(DataError, match="bpe:5000 is too large: the training text gives only"):
        make_tokenizer("bpe:5000", TEXTS)


@pytest.mark.parametrize(
    ("character", "count"),
    [("a", 300_000), ("-", 300_000), ("文", 100_000), (" ", 1_000_000), ("\n", 1_000_000)],
)
def test_a_long_run_of_one_character_trains_and_encodes_in_seconds(character, count):
    """Words that are not cut take minutes, and a megabyte of white space overflows the matcher's stack."""
    text = character * count
    tokenizer = make_tokenizer("bpe:265", [text])
    assert tokenizer.decode(tokenizer.encode(text + "b")) == text + "b"


def test_text_without_spaces_gives_a_vocabulary():
    text = "".join(random.Random(0).choices("acgt", k=100_000))
    tokenizer = make_tokenizer("bpe:512", [text])
    assert len(tokenizer.encode(text)) < len(text) / 2


@given(text=st.text(st.sampled_from(["a", "B", "é", "1", "'", "s", " ", "\n", "\t", "\x1c", "\u3000", "-"])))
@example(text="it's  the\n\n state  of's\x1c the union " * 3)
def test_a_long_text_is_encoded_in_parts_without_a_difference(text):
    for length in (1, 3, 7):
        parts = list(word_parts(text, length))
        assert "".join(parts) == text
        ids = [BPE.encode(part) for part in parts]
        assert np.concatenate(ids).tolist() == BPE.encode(text).tolist()
