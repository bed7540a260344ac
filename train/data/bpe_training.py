"""Trains a byte-level BPE vocabulary with the package `tokenizers`."""

from collections.abc import Iterable, Iterator

from quarry.errors import DataError
from quarry.train.data.documents import to_utf8

TRAINING_BYTES = 50_000_000
"""Documents come in the order of the store, a random one, so that the first 50 MB are a fair sample; they
train an 8k vocabulary in about 8 s."""


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
    byte_of = _byte_of_character()
    tokens = sorted(ids, key=ids.__getitem__)
    return tuple(bytes(byte_of[character] for character in token) for token in tokens)


def _sample(documents: Iterable[str]) -> Iterator[str]:
    """The first documents that together reach TRAINING_BYTES."""
    remaining = TRAINING_BYTES
    for text in documents:
        yield text
        remaining -= len(to_utf8(text))
        if remaining <= 0:
            return


def _byte_of_character() -> dict[str, int]:
    """GPT-2's ByteLevel alphabet: printable Latin-1 bytes are themselves, the others follow from U+0100."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = sorted(set(range(256)) - set(printable))
    return {chr(byte): byte for byte in printable} | {chr(256 + i): byte for i, byte in enumerate(others)}
