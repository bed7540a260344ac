"""What a source of synthetic text must tell, and how its symbols are written as text.

A world is a frozen dataclass: its fields are its options. Tokens are those of the tokenizer `bytes`: a symbol
is one ASCII character, and SEPARATOR ends each document.
"""

from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from quarry.errors import DataError

SEPARATOR = 0xFF
"""The token that ends a document, as in `tokenizers.ByteTokenizer`."""
MOST_SYMBOLS = 127
"""ASCII without DEL."""
ALPHABET = ((33 + np.arange(MOST_SYMBOLS)) % MOST_SYMBOLS).astype(np.uint8)
"""The byte of each symbol: first the 94 that are visible."""


@runtime_checkable
class World(Protocol):
    """A source of text; losses in nats per token, separators included."""

    @property
    def description(self) -> str:
        """The source in words, with all its options, for the manifest."""
        ...

    @property
    def inputs(self) -> tuple[Path, ...]:
        """The files that the source is read from, if any."""
        ...

    @property
    def entropy_rate(self) -> float | None:
        """Loss of the source itself, which no learner can beat on average; None if it is not known."""
        ...

    def documents(self) -> tuple[np.ndarray, np.ndarray]:
        """All text, uint8[n], and where each document ends in it, int64[documents]; the same at each call."""
        ...

    def floor(self, rows: np.ndarray) -> float | None:
        """L*: the least expected loss after seeing the tokens `rows` uint8 [sequences, T + 1]; or None.

        Column T of a row is only predicted: it is the first token of the next row.
        """
        ...

    def conditionals(self, rows: np.ndarray) -> np.ndarray | None:
        """p of each token after the first of `rows` uint8 [sequences, T + 1], given those before it.

        float64 [sequences, T, 256]; None if unknown.
        """
        ...

    def loss(self, tokens: np.ndarray) -> float | None:
        """The source's own loss on consecutive `tokens` uint8 [n], its mean -ln p; None if unknown."""
        ...


def check_option(true: bool, world: object, option: str, wanted: str) -> None:
    """Raise DataError unless `true`: the `option` of a world must be what is `wanted`."""
    if not true:
        name = type(world).__name__.lower()
        raise DataError(f"synthetic:{name}: {option} = {getattr(world, option)} must be {wanted}")


def symbols_of(tokens: np.ndarray, symbols: int) -> np.ndarray:
    """The number of each token's symbol, int64, of the shape of `tokens`; `symbols` for a separator.

    Raises DataError for a token that the source never writes.
    """
    numbers = np.full(256, -1)
    numbers[ALPHABET[:symbols]] = np.arange(symbols)
    numbers[SEPARATOR] = symbols
    found = numbers[tokens]
    if found.size and found.min() < 0:
        wrong = int(np.asarray(tokens)[found < 0][0])
        raise DataError(f"token {wrong} is none of the {symbols} symbols of this source")
    return found
