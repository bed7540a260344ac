"""Tokenizers: raw bytes, a byte-level BPE trained on the training documents, and pixels. All are lossless.

To add one, write a class with the methods of `Tokenizer` and add it to KINDS.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from quarry.errors import DataError, RecordError
from quarry.train.data.bpe_training import LONGEST_WORD, train_bpe, word_parts
from quarry.train.data.documents import to_utf8
from quarry.train.data.pixels import PixelTokenizer
from quarry.train.data.tokenizer import Tokenizer
from quarry.train.record.files import read_json

# GPT-2's pre-tokenisation, the one the ByteLevel pre-tokenizer of `tokenizers` applies while training. White
# space is cut where the trainer cuts it: `\s+(?!\S)` overflows the stack of tiktoken's matcher on a megabyte.
# In a group, what needs no look-ahead is matched by one automaton: 1.4 times as fast on C.
_PATTERN = (
    r"(?:'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+)"
    rf"|\s{{1,{LONGEST_WORD}}}(?!\S)|\s{{1,{LONGEST_WORD}}}"
)


@dataclass(frozen=True)
class ByteTokenizer(Tokenizer):
    """One token per UTF-8 byte, uint8; the separator is 0xFF, which no valid UTF-8 contains."""

    usage: ClassVar[str] = "bytes"
    name: str = "bytes"
    vocab_size: int = 256
    separator: int = 0xFF

    @classmethod
    def accepts(cls, name: str) -> bool:
        return name == cls.usage

    @classmethod
    def size(cls, name: str) -> int:
        return cls.vocab_size

    @classmethod
    def train(cls, name: str, documents: Iterable[str]) -> "Tokenizer":
        return cls()

    @classmethod
    def from_definition(cls, definition: Mapping[str, Any]) -> "Tokenizer":
        return cls()

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.uint8)

    @property
    def pieces(self) -> tuple[bytes, ...]:
        return (*(bytes([byte]) for byte in range(self.separator)), b"")

    @property
    def definition(self) -> dict[str, Any]:
        return {"name": self.name}

    def encode(self, text: str) -> np.ndarray:
        return np.frombuffer(to_utf8(text), dtype=self.dtype)

    def decode(self, ids: np.ndarray) -> str:
        ids = np.asarray(ids, dtype=self.dtype)
        return ids[ids != self.separator].tobytes().decode("utf-8", errors="replace")


@dataclass(frozen=True)
class BpeTokenizer(Tokenizer):
    """Byte-level BPE: `tokens[i]` is the bytes of id i, merged lowest id first; then comes the separator."""

    tokens: tuple[bytes, ...]
    usage: ClassVar[str] = "bpe:VOCAB, such as bpe:4096"

    def __post_init__(self):
        if not {bytes([byte]) for byte in range(256)} <= set(self.tokens):
            raise DataError("a BPE vocabulary must contain all 256 single bytes, or it would lose text")
        if len(set(self.tokens)) < len(self.tokens):
            raise DataError("a BPE vocabulary must not contain the same token twice")

    @classmethod
    def accepts(cls, name: str) -> bool:
        kind, _, size = name.partition(":")
        if kind != "bpe" or not (size.isascii() and size.isdigit()):
            return False
        if int(size) < 257:
            raise DataError(
                f"tokenizer = {name!r} is too small: 256 bytes and a separator need bpe:257 at least"
            )
        return True

    @classmethod
    def size(cls, name: str) -> int:
        return int(name.partition(":")[2])

    @classmethod
    def train(cls, name: str, documents: Iterable[str]) -> "Tokenizer":
        return cls(train_bpe(cls.size(name), documents))

    @classmethod
    def from_definition(cls, definition: Mapping[str, Any]) -> "Tokenizer":
        return cls(tuple(bytes.fromhex(token) for token in definition["tokens"]))

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

    @property
    def pieces(self) -> tuple[bytes, ...]:
        return (*self.tokens, b"")

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
        to_utf8(text)
        parts = [
            self._encoding.encode_to_numpy(part, disallowed_special=()).astype(self.dtype)
            for part in word_parts(text)
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    @cached_property
    def _piece(self) -> Callable[[int], bytes]:
        return self.pieces.__getitem__

    def decode(self, ids: np.ndarray) -> str:
        return b"".join(map(self._piece, np.asarray(ids).tolist())).decode("utf-8", errors="replace")


KINDS: dict[str, type[Tokenizer]] = {"bytes": ByteTokenizer, "bpe": BpeTokenizer, "pixels": PixelTokenizer}
"""The part of a tokenizer's name before the colon, and its class."""


def make_tokenizer(name: str, documents: Iterable[str]) -> Tokenizer:
    """The tokenizer `bytes`, `bpe:VOCAB` or `pixels:LEVELS`; BPE is trained on `documents`.

    Deterministic: the same documents in the same order give the same tokenizer. Raises DataError for another
    name, or for a text too small to give VOCAB tokens.
    """
    return _kind(name).train(name, documents)


def vocabulary_size(name: str) -> int:
    """The `vocab_size` of the tokenizer of that name. Raises DataError unless `name` names a tokenizer."""
    return _kind(name).size(name)


def _kind(name: str) -> type[Tokenizer]:
    kind = KINDS.get(name.partition(":")[0])
    if kind is None or not kind.accepts(name):
        usages = " or ".join(known.usage for known in KINDS.values())
        raise DataError(f"tokenizer = {name!r} is unknown: use {usages}")
    return kind


def tokenizer_from(definition: Mapping[str, Any]) -> Tokenizer:
    """The tokenizer with this `definition`. Raises DataError if it is none."""
    name = definition.get("name")
    try:
        return KINDS[str(name).partition(":")[0]].from_definition(definition)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"damaged definition of the tokenizer {name!r}: {error}") from None


def save_tokenizer(tokenizer: Tokenizer, path: Path) -> None:
    """Write the tokenizer as JSON."""
    path.write_text(json.dumps(tokenizer.definition), encoding="utf-8")


def load_tokenizer(path: Path) -> Tokenizer:
    """Read a tokenizer written by `save_tokenizer`. Raises DataError if the file is none."""
    try:
        return tokenizer_from(read_json(path, {"name": str}))
    except RecordError as error:
        raise DataError(f"{path} holds no tokenizer: {error}") from None
