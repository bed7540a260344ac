"""Trains a byte-level BPE vocabulary with the package `tokenizers`."""

import re
from collections.abc import Iterable, Iterator

from quarry.errors import DataError

TRAINING_BYTES = 50_000_000
"""Documents come in the order of the store, a random one, so that the first 50 MB are a fair sample; they
train an 8k vocabulary in about 8 s."""

LONGEST_WORD = 256
"""Characters of a word, number, or run of marks or spaces that the trainer sees whole. Its time grows with
the square of the longest, and text without spaces is one word."""

_WORD_END = re.compile(r"(?<=\S)(?=\s)")
PART = 2**20
"""Characters that are encoded or counted at once: of more a library holds every token several times."""

_LONG_SPACE = re.compile(rf"\s{{{LONGEST_WORD + 1}}}")
_LONG_WORD = re.compile(
    "|".join(rf"{kind}{{{LONGEST_WORD + 1},}}" for kind in (r"[^\W\d_]", r"\d", r"\s", r"(?:[^\w\s]|_)"))
)


def train_bpe(vocab_size: int, documents: Iterable[str]) -> tuple[bytes, ...]:
    """The `vocab_size - 1` tokens of a vocabulary with a separator, in the order of their ids.

    Deterministic: the same documents in the same order give the same tokens. Raises DataError for a text too
    small to give that many.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - 1, initial_alphabet=alphabet, special_tokens=[], show_progress=False
    )
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained.train_from_iterator(_sample(documents), trainer)
    ids = trained.get_vocab()
    if len(ids) < vocab_size - 1:
        raise DataError(
            f"bpe:{vocab_size} is too large: the training text gives only {len(ids) + 1:,} tokens"
        )
    byte_of = {character: byte for byte, character in byte_characters().items()}
    tokens = sorted(ids, key=ids.__getitem__)
    return tuple(bytes(byte_of[character] for character in token) for token in tokens)


def _sample(documents: Iterable[str]) -> Iterator[str]:
    """The first documents that together reach TRAINING_BYTES, cut where they hold long words."""
    remaining = TRAINING_BYTES
    for text in documents:
        for part in word_parts(text[:TRAINING_BYTES]):
            yield from _cut_long_words(part)
        remaining -= len(text.encode())
        if remaining <= 0:
            return


def word_parts(text: str, length: int = PART) -> Iterator[str]:
    """The text in parts of about `length` characters, cut only before white space that ends a word.

    No token goes across such a place, so the tokens of the parts are those of the text.
    """
    start = 0
    while len(text) - start > 2 * length and (cut := _WORD_END.search(text, start + length)):
        yield text[start : cut.start()]
        start = cut.start()
    yield text[start:]


def _cut_long_words(text: str) -> Iterator[str]:
    """The text, cut every LONGEST_WORD characters within words that are longer."""
    end = 0
    if max(map(len, text.split()), default=0) > LONGEST_WORD or _LONG_SPACE.search(text):
        for word in _LONG_WORD.finditer(text):
            yield text[end : word.start()]
            for first in range(word.start(), word.end(), LONGEST_WORD):
                yield text[first : min(first + LONGEST_WORD, word.end())]
            end = word.end()
    yield text[end:]


def byte_characters() -> dict[int, str]:
    """GPT-2's ByteLevel alphabet: printable Latin-1 bytes are themselves, the others follow from U+0100."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = sorted(set(range(256)) - set(printable))
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + i) for i, byte in enumerate(others)}
