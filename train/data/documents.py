"""The interface of corpora: documents of text in a fixed order, and a source of each kind of corpus."""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from quarry.errors import DataError

_PROSE = frozenset({".txt", ".md", ".rst", ".tex", ".org"})
_C = frozenset({".c", ".h", ".cc", ".cpp", ".hpp", ".mm"})
_CODE = frozenset({".py", ".rs", ".go", ".java", ".js", ".ts", ".jl", ".r", ".sh"})
TEXT_SUFFIXES = _PROSE | _C | _CODE
"""Endings of the files that are read, in lower case."""


class Document(NamedTuple):
    name: str
    text: str


Contents = Iterator[tuple[str, bytes]]
"""The name and the UTF-8 text of each document, as they are read from files."""


class Share(NamedTuple):
    """The next `count` documents of a mixture, all from `corpus`; `weight` is their share of the text."""

    corpus: str
    weight: float
    count: int


class Rows(NamedTuple):
    """The documents of one file; `read(i)` reads the i-th."""

    count: int
    read: Callable[[int], Document]


@dataclass(frozen=True)
class Corpus:
    """`count` documents in a fixed order; `read(i)` reads the i-th from disk."""

    name: str
    source: str
    licence: str
    count: int
    read: Callable[[int], Document]
    shares: tuple[Share, ...] = ()
    """The parts of a mixture, in the order of its documents; empty for every other corpus."""
    not_read: str = ""
    """What lies beside the documents and is no part of the corpus, as a sentence."""

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Document:
        return self.read(index)

    def __iter__(self) -> Iterator[Document]:
        return map(self.read, range(self.count))


@runtime_checkable
class Source(Protocol):
    """A kind of corpus: where its files are and how its documents are read.

    `argument` is what follows the first colon or question mark in the name of a corpus; `data_dir` holds
    prepared data sets.
    """

    @property
    def usage(self) -> str:
        """The form of its names, `KIND`, `KIND:ARGUMENT` or `KIND[?OPTION=VALUE]`, as messages show it."""
        ...

    @property
    def about(self) -> str:
        """What the text is and what a document of it is, in a few words."""
        ...

    @property
    def licence(self) -> str:
        """The licence of the text, as an SPDX identifier where there is one."""
        ...

    def check_installed(self, data_dir: Path) -> None:
        """Raise DataError or ConfigError, with the command that installs it, if what it needs is missing."""
        ...

    def version(self, argument: str) -> str:
        """A version that changes with the text where the files alone do not tell, else empty."""
        ...

    def files(self, argument: str, data_dir: Path) -> list[Path]:
        """The files that the text comes from, sorted. Raises DataError if there are none."""
        ...

    def open(self, name: str, argument: str, data_dir: Path) -> Corpus:
        """The corpus, prepared below `data_dir` on first use. Raises DataError if that is not possible."""
        ...


def joined(parts: Sequence[Rows | Corpus]) -> Rows:
    """The documents of all parts, one part after the other."""
    ends = np.cumsum([part.count for part in parts])

    def read(index: int) -> Document:
        part = int(np.searchsorted(ends, index, side="right"))
        return parts[part].read(index - int(ends[part]) + parts[part].count)

    return Rows(int(ends[-1]), read)


def file_fingerprint(name: str, version: str, files: Iterable[Path]) -> str:
    """Hexadecimal digest of a corpus by the names, sizes and times of its files, without reading them.

    Raises DataError if a file is gone.
    """
    digest = hashlib.sha256(repr((name, version)).encode())
    for path in files:
        with reading(path):
            status = path.stat()
        digest.update(repr((str(path), status.st_size, status.st_mtime_ns)).encode())
    return digest.hexdigest()


@contextmanager
def unchanged(files: Sequence[Path]) -> Iterator[None]:
    """Raise DataError if one of the files has changed inside, even if its text and time were then restored.

    The time of the last change of status (ctime) tells: no program can set it.
    """
    before = _states(files)
    yield
    changed = (_states(files) != before).any(axis=1)
    if changed.any():
        path = files[int(changed.argmax())]
        raise DataError(f"{path} changed while it was read: run the command again once it stays as it is")


def _states(files: Sequence[Path]) -> np.ndarray:
    """Number, size and times of each file: int64 [files, 4]."""
    states = np.empty((len(files), 4), np.int64)
    for path, state in zip(files, states, strict=True):
        with reading(path):
            status = path.stat()
        state[:] = status.st_ino % 2**63, status.st_size, status.st_mtime_ns, status.st_ctime_ns
    return states


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn an OSError into DataError: a part of a corpus that cannot be read is never left out."""
    try:
        yield
    except OSError as error:
        where = error.filename or path
        raise DataError(f"cannot read {where} ({error.strerror}): make it readable or move it away") from None


def files_below(root: Path, suffixes: Set[str], skip: Set[str] = frozenset()) -> list[Path]:
    """Regular files below `root` with these suffixes, sorted; links to folders are not followed.

    Raises DataError for a folder that cannot be read.
    """
    return sorted_files(entry for entry in entries_below(root, skip) if suffix(entry) in suffixes)


def sorted_files(entries: Iterable[os.DirEntry[str]]) -> list[Path]:
    """Those of the entries that are regular files, or links to some, sorted."""
    paths = [entry.path for entry in entries if _is_file(entry)]
    return [Path(path) for path in sorted(paths, key=lambda path: path.split(os.sep))]


def entries_below(root: Path | str, skip: Set[str] = frozenset()) -> Iterator[os.DirEntry[str]]:
    """All files and folders below `root`, but for what is in folders named in `skip` or linked to.

    Raises DataError for a folder that cannot be read.
    """
    with reading(Path(root)), os.scandir(root) as entries:
        for entry in entries:
            yield entry
            if entry.is_dir(follow_symlinks=False) and entry.name not in skip:
                yield from entries_below(entry.path, skip)


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Whether it is a file, or a link to one; a link to itself or to nothing is none."""
    return os.path.isfile(entry.path) if entry.is_symlink() else entry.is_file()


def suffix(entry: os.DirEntry[str]) -> str:
    """The ending of a file's name, in lower case."""
    return os.path.splitext(entry.name)[1].lower()


def read_bytes(path: Path) -> bytes:
    """The content of a file. Raises DataError if it cannot be read."""
    with reading(path):
        return path.read_bytes()


def read_text(path: Path) -> str:
    """The file as text, line ends untouched.

    Raises DataError if it cannot be read, is not UTF-8 or holds a NUL, as binary files and UTF-16 do.
    """
    return to_text(read_bytes(path), path)


def to_text(content: bytes, path: Path | str) -> str:
    """The content of a whole file as text. Raises DataError if it is not UTF-8 or holds a NUL."""
    text = from_utf8(content, path)
    if (at := text.find("\0")) >= 0:
        raise DataError(f"{path} is no text (a NUL at character {at}): convert it or move it away")
    return text


def from_utf8(content: bytes, path: Path | str, offset: int = 0) -> str:
    """The text of the part of a file that begins at `offset`. Raises DataError if it is not UTF-8."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        where = offset + error.start
        raise DataError(f"{path} is not UTF-8 (byte {where}): convert it or move it away") from None


def expanded(path: str) -> Path:
    """The path, with a home directory for `~`. Raises DataError for one that does not exist."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise DataError(f"corpus = {path!r}: no such home directory") from None


def to_utf8(text: str) -> bytes:
    """The text in UTF-8. Raises DataError for a lone surrogate, which UTF-8 cannot hold."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(
            f"text has a lone surrogate at character {error.start}, which UTF-8 cannot hold"
        ) from None
