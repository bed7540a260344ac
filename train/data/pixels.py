"""Pixels as text: one character per pixel, and the tokenizer `pixels:LEVELS` that reads them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from quarry.errors import DataError
from quarry.train.data.tokenizer import Tokenizer

MOST_LEVELS = 256
_ASCII_LEVELS = 94
_ASCII, _BRAILLE = 0x21, 0x2800


def pixel_text(pixels: np.ndarray, levels: int) -> str:
    """The pixels, each below `levels`, as text: a character each, all of them visible, from dark to light.

    They are ASCII for up to 94 levels, so that a pixel is a byte; else the 256 Braille patterns.
    """
    first = _ASCII if levels <= _ASCII_LEVELS else _BRAILLE
    return (pixels.ravel().astype("<u4") + first).astype("<u4").tobytes().decode("utf-32-le")


@dataclass(frozen=True)
class PixelTokenizer(Tokenizer):
    """One token per pixel: its level. A pixel counts as a byte, so that bits per byte are bits per pixel."""

    levels: int
    usage: ClassVar[str] = "pixels:LEVELS, such as pixels:16"

    @classmethod
    def accepts(cls, name: str) -> bool:
        kind, _, levels = name.partition(":")
        if kind != "pixels" or not (levels.isascii() and levels.isdigit()):
            return False
        if not 2 <= int(levels) <= MOST_LEVELS:
            raise DataError(f"tokenizer = {name!r} must have from 2 to {MOST_LEVELS} levels")
        return True

    @classmethod
    def size(cls, name: str) -> int:
        return int(name.partition(":")[2]) + 1

    @classmethod
    def train(cls, name: str, documents: Iterable[str]) -> "Tokenizer":
        return cls(int(name.partition(":")[2]))

    @classmethod
    def from_definition(cls, definition: Mapping[str, Any]) -> "Tokenizer":
        return cls(int(definition["levels"]))

    @property
    def name(self) -> str:
        return f"pixels:{self.levels}"

    @property
    def vocab_size(self) -> int:
        return self.levels + 1

    @property
    def separator(self) -> int:
        return self.levels

    @property
    def dtype(self) -> np.dtype:
        return np.min_scalar_type(self.separator)

    @cached_property
    def _characters(self) -> str:
        return pixel_text(np.arange(self.levels), self.levels)

    @property
    def pieces(self) -> tuple[bytes, ...]:
        return (*(character.encode() for character in self._characters), b"")

    @cached_property
    def token_bytes(self) -> np.ndarray:
        return np.array([1] * self.levels + [0])

    @property
    def definition(self) -> dict[str, Any]:
        return {"name": self.name, "levels": self.levels}

    def text_bytes(self, text: str) -> int:
        return len(text)

    def encode(self, text: str) -> np.ndarray:
        codes = np.frombuffer(text.encode("utf-32-le"), "<u4").astype(np.int64) - ord(self._characters[0])
        outside = np.flatnonzero((codes < 0) | (codes >= self.levels))
        if len(outside):
            raise DataError(
                f"tokenizer = {self.name!r}: the character {text[outside[0]]!r} is none of its {self.levels} "
                f"levels: it reads images of so many levels, such as the corpus digits?levels={self.levels}"
            )
        return codes.astype(self.dtype)

    def decode(self, ids: np.ndarray) -> str:
        return pixel_text(np.asarray(ids)[np.asarray(ids) != self.separator], self.levels)
