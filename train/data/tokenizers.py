"""Tokenizers: raw bytes, and a byte-level BPE trained on the training documents. Both are lossless."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from quarry.errors import DataError

# GPT-2's pre-tokenisation, the one the ByteLevel pre-tokenizer of `tokenizers` applies while training.
_PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"

# Documents come in the order of the store, a random one, so that the first 50 MB are a fair sample; they
# train an 8k vocabulary in about 8 s.
_TRAINING_BYTES = 50_000_000


@dataclass(frozen=True)
class ByteTokenizer:
    """One token per UTF-8 byte, uint8; the separator is 0xFF, which no valid UTF-8 contains."""

    name: str = "bytes"
    vocab_size: int = 256
    separator: int = 0xFF

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.uint8)

    @property
    def token_bytes(self) -> np.ndarray:
        """Bytes of text per token id, int64[vocab]; 0 for the separator."""
        return np.array([1] * self.separator + [0])

    @property
    def definition(self) -> dict[str, Any]:
        """All that makes the tokenizer, as JSON."""
        return {"name": self.name}

    def encode(self, text: str) -> np.ndarray:
        """Token ids uint8[n]. Raises DataError for a lone surrogate, which UTF-8 cannot hold."""
        return np.frombuffer(_utf8(text), dtype=self.dtype)

    def decode(self, ids: np.ndarray) -> str:
        """Text of token ids, separators dropped; bytes that are no UTF-8 (a model's) become U+FFFD."""
        ids = np.asarray(ids, dtype=self.dtype)
        return ids[ids != self.separator].tobytes().decode("utf-8", errors="replace")


@dataclass(frozen=True)
class BpeTokenizer:
    """Byte-level BPE: `tokens[i]` is the bytes of id i, merged lowest id first; then comes the separator."""

    tokens: tuple[bytes, ...]

    def __post_init__(self):
        if not {bytes([byte]) for byte in range(256)} <= set(self.tokens):
            raise DataError("a BPE vocabulary must contain all 256 single bytes, or it would lose text")
        if len(set(self.tokens)) < len(self.tokens):
            raise DataError("a BPE vocabulary must not contain the same token twice")

    @property
    def name(self) -> str:
        return f"bpe:{self.vocab_size}"

    @property
    def vocab_size(self) -> int:
        return len(self.tokens) + 1

    @property
    def dtype(self) -> np.dtype:
        return np.min_scalar_type(self.separator)

    @property
    def separator(self) -> int:
        return len(self.tokens)

    @cached_property
    def token_bytes(self) -> np.ndarray:
        """Bytes of text per token id, int64[vocab]; 0 for the separator."""
        return np.array([*map(len, self.tokens), 0])

    @property
    def definition(self) -> dict[str, Any]:
        """All that makes the tokenizer, as JSON; tokens in hexadecimal."""
        return {"name": self.name, "tokens": [token.hex() for token in self.tokens]}

    @cached_property
    def _encoding(self):
        import tiktoken

        ranks = {token: rank for rank, token in enumerate(self.tokens)}
        return tiktoken.Encoding(self.name, pat_str=_PATTERN, mergeable_ranks=ranks, special_tokens={})

    def encode(self, text: str) -> np.ndarray:
        """Token ids [n] of `dtype`; no string is special. Raises DataError for a lone surrogate."""
        _utf8(text)
        return np.array(self._encoding.encode_ordinary(text), dtype=self.dtype)

    def decode(self, ids: np.ndarray) -> str:
        """Text of token ids, separators dropped; bytes that are no UTF-8 (a model's) become U+FFFD."""
        return b"".join(self.tokens[i] for i in ids if i != self.separator).decode("utf-8", errors="replace")


Tokenizer = ByteTokenizer | BpeTokenizer
"""`separator` ends every document and occurs in no text; `dtype` is the smallest unsigned one."""


def make_tokenizer(name: str, documents: Iterable[str]) -> Tokenizer:
    """The tokenizer `bytes` or `bpe:VOCAB`; BPE is trained on `documents`, the training documents.

    Deterministic: the same documents in the same order give the same tokenizer. Raises DataError for another
    name, or for a text too small to give VOCAB tokens.
    """
    vocab_size = check_tokenizer(name)
    return ByteTokenizer() if vocab_size is None else _train_bpe(vocab_size, documents)


def check_tokenizer(name: str) -> int | None:
    """VOCAB of the name `bpe:VOCAB`, None for `bytes`. Raises DataError for any other name."""
    if name == "bytes":
        return None
    kind, _, size = name.partition(":")
    if kind != "bpe" or not (size.isascii() and size.isdigit()):
        raise DataError(f"tokenizer = {name!r} is unknown: use bytes or bpe:VOCAB, such as bpe:4096")
    if int(size) < 257:
        raise DataError(f"tokenizer = {name!r} is too small: 256 bytes and a separator need bpe:257 at least")
    return int(size)


def tokenizer_from(definition: Mapping[str, Any]) -> Tokenizer:
    """The tokenizer with this `definition`. Raises DataError if it is none."""
    if definition.get("name") == "bytes":
        return ByteTokenizer()
    try:
        return BpeTokenizer(tuple(bytes.fromhex(token) for token in definition["tokens"]))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"damaged definition of the tokenizer {definition.get('name')!r}: {error}") from None


def save_tokenizer(tokenizer: Tokenizer, path: Path) -> None:
    """Write the tokenizer as JSON."""
    path.write_text(json.dumps(tokenizer.definition), encoding="utf-8")


def load_tokenizer(path: Path) -> Tokenizer:
    """Read a tokenizer written by `save_tokenizer`. Raises DataError if the file is none."""
    try:
        definition = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError:
        definition = None
    if not isinstance(definition, dict):
        raise DataError(f"{path} holds no tokenizer")
    return tokenizer_from(definition)


def _train_bpe(vocab_size: int, documents: Iterable[str]) -> BpeTokenizer:
    from tokenizers import Tokenizer as Trained
    from tokenizers import models, pre_tokenizers, trainers

    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - 1, initial_alphabet=alphabet, special_tokens=[], show_progress=False
    )
    trained = Trained(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained.train_from_iterator(_first_bytes(documents), trainer)
    ids = trained.get_vocab()
    if len(ids) < vocab_size - 1:
        raise DataError(
            f"bpe:{vocab_size} is too large: the training text gives only {len(ids) + 1:,} tokens"
        )
    byte_of = _byte_of_character()
    tokens = sorted(ids, key=ids.__getitem__)
    return BpeTokenizer(tuple(bytes(byte_of[character] for character in token) for token in tokens))


def _first_bytes(documents: Iterable[str]) -> Iterator[str]:
    remaining = _TRAINING_BYTES
    for text in documents:
        yield text
        remaining -= len(_utf8(text))
        if remaining <= 0:
            return


def _byte_of_character() -> dict[str, int]:
    """GPT-2's ByteLevel alphabet: printable Latin-1 bytes are themselves, the others follow from U+0100."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = sorted(set(range(256)) - set(printable))
    return {chr(byte): byte for byte in printable} | {chr(256 + i): byte for i, byte in enumerate(others)}


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(
            f"text has a lone surrogate at character {error.start}, which UTF-8 cannot hold"
        ) from None
