"""The interface of tokenizers."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, ClassVar

import numpy as np


class Tokenizer(ABC):
    """Text to token ids and back, without loss.

    `separator` ends every document and occurs in no text; `dtype` is the smallest unsigned one.
    """

    usage: ClassVar[str]
    """The form of its names, as messages show it."""

    @classmethod
    @abstractmethod
    def accepts(cls, name: str) -> bool:
        """Whether `name` has the form of `usage`. Raises DataError if its numbers cannot be used."""

    @classmethod
    @abstractmethod
    def size(cls, name: str) -> int:
        """The `vocab_size` of the tokenizer of that name, before it is trained."""

    @classmethod
    @abstractmethod
    def train(cls, name: str, documents: Iterable[str]) -> "Tokenizer":
        """The tokenizer of that name, from the training documents if it needs any."""

    @classmethod
    @abstractmethod
    def from_definition(cls, definition: Mapping[str, Any]) -> "Tokenizer":
        """The tokenizer with this `definition`. Raises KeyError, TypeError or ValueError if it is none."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The name that makes it again."""

    @property
    @abstractmethod
    def vocab_size(self) -> int:
        """Number of token ids, the separator included."""

    @property
    @abstractmethod
    def separator(self) -> int:
        """The token id that ends a document."""

    @property
    @abstractmethod
    def dtype(self) -> np.dtype:
        """Of token ids."""

    @property
    @abstractmethod
    def pieces(self) -> tuple[bytes, ...]:
        """The text of each token id, in UTF-8; empty for the separator."""

    @cached_property
    def token_bytes(self) -> np.ndarray:
        """Bytes of text per token id, int64[vocab]; 0 for the separator."""
        return np.array([len(piece) for piece in self.pieces])

    @property
    @abstractmethod
    def definition(self) -> dict[str, Any]:
        """All that makes the tokenizer, as JSON."""

    def text_bytes(self, text: str) -> int:
        """Bytes of a text, in UTF-8: the sum of `token_bytes` over its tokens."""
        return len(text.encode())

    @abstractmethod
    def encode(self, text: str) -> np.ndarray:
        """Token ids [n] of `dtype`; no string is special. Raises DataError for a lone surrogate."""

    @abstractmethod
    def decode(self, ids: np.ndarray) -> str:
        """Text of token ids, separators dropped; bytes that are no UTF-8 (a model's) become U+FFFD."""
