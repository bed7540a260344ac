"""What every corpus is: documents of text in a fixed order."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from quarry.errors import DataError


class Document(NamedTuple):
    name: str
    text: str


@dataclass(frozen=True)
class Corpus:
    """`count` documents in a fixed order; `read(i)` reads the i-th from disk."""

    name: str
    source: str
    licence: str
    count: int
    read: Callable[[int], Document]

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Document:
        return self.read(index)

    def __iter__(self) -> Iterator[Document]:
        return map(self.read, range(self.count))


def read_text(path: Path) -> str:
    """The file as text, line ends untouched. Raises DataError if it is not UTF-8."""
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 (byte {error.start}): convert it or move it away") from None
