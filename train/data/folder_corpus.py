"""The corpus `folder:PATH`: the text files below a folder, or one file; `?separator=TEXT` divides each."""

import dataclasses
import os
import re
from collections.abc import Iterator, Set
from pathlib import Path

from quarry.errors import DataError
from quarry.train.data.documents import (
    TEXT_SUFFIXES,
    Corpus,
    Document,
    Rows,
    entries_below,
    expanded,
    files_below,
    joined,
    read_text,
    reading,
    sorted_files,
    suffix,
    to_utf8,
)
from quarry.train.data.separated import open_separated

TABLE_SUFFIXES = frozenset({".jsonl", ".parquet"})
"""Endings of files with a document per row, read if a folder has no other text."""
_ESCAPE = re.compile(r"\\(.?)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\"}


class Folder:
    """Every text file below a folder is a document, or every row of its .jsonl and .parquet files.

    PATH may also be one file, whatever its ending, and may begin with `~`. With a separator a text file is
    several documents.
    """

    usage = "folder:PATH[?separator=TEXT]"
    about = "the text files below a folder, rows of .jsonl and .parquet files, or one file"
    licence = "unknown"

    def check_installed(self, data_dir: Path) -> None:
        pass

    def version(self, argument: str) -> str:
        return ""

    def files(self, argument: str, data_dir: Path) -> list[Path]:
        root, _ = read_argument(argument)
        with reading(root):
            if root.is_file():
                return [root]
            if not root.is_dir():
                hint = ": its one option is ?separator=TEXT" if "?" in argument else ""
                raise DataError(f"corpus = 'folder:{root}': no such file or folder{hint}")
        files = sorted_files(_inside(root, TEXT_SUFFIXES)) or sorted_files(_inside(root, TABLE_SUFFIXES))
        if not files:
            suffixes = " ".join(sorted(TEXT_SUFFIXES | TABLE_SUFFIXES))
            raise DataError(f"corpus = 'folder:{root}' holds no text file ({suffixes})")
        return files

    def open(self, name: str, argument: str, data_dir: Path) -> Corpus:
        files, (root, separator) = self.files(argument, data_dir), read_argument(argument)
        if files[0].suffix.lower() not in TABLE_SUFFIXES:
            corpus = _of_text(name, argument, files, separator)
            return corpus if root.is_file() else dataclasses.replace(corpus, not_read=_tables_below(root))
        if separator is not None:
            raise DataError(f"corpus = {name!r}: its rows are documents: leave ?separator= out")
        return _joined(name, argument, _tables(files))


def _of_text(name: str, argument: str, files: list[Path], separator: str | None) -> Corpus:
    """A document per file, or with a separator several."""
    if separator is not None:
        return _joined(name, argument, _separated(name, files, separator))

    def read(index: int) -> Document:
        return Document(str(files[index]), read_text(files[index]))

    return Corpus(name, argument, "unknown", len(files), read)


def _tables_below(root: Path) -> str:
    """The tables below `root`, which are not read because there are text files too, as a sentence."""
    tables = files_below(root, TABLE_SUFFIXES)
    others = f" and {len(tables) - 1:,} more" if len(tables) > 1 else ""
    return f"not read: {tables[0]}{others}, as there are text files beside tables" if tables else ""


def _inside(root: Path, suffixes: Set[str]) -> Iterator[os.DirEntry[str]]:
    """The entries below `root` with these suffixes; each link of any kind is checked on the way."""
    inside = os.path.realpath(root)
    for entry in entries_below(root):
        if entry.is_symlink():
            _check_link(entry, root, inside)
        if suffix(entry) in suffixes:
            yield entry


def _check_link(entry: os.DirEntry[str], root: Path, inside: str) -> None:
    """Raise DataError for a link that leaves `root` or leads nowhere: its text would be left out, or not the
    folder's."""
    if not (os.path.isdir(entry.path) or suffix(entry) in TEXT_SUFFIXES | TABLE_SUFFIXES):
        return
    target = os.path.realpath(entry.path)
    if not (os.path.exists(target) and Path(target).is_relative_to(inside)):
        raise DataError(
            f"corpus = 'folder:{root}': {entry.path} is a link to {target}, which is not in the folder: "
            "put a copy in its place, or remove the link"
        )


def read_argument(argument: str) -> tuple[Path, str | None]:
    r"""PATH and the separator in `PATH?separator=TEXT`, None without.

    `\n`, `\t`, `\r` and `\\` in TEXT stand for characters. Raises DataError for an empty separator, another
    escape, or a home directory that does not exist.
    """
    path, option, text = argument.rpartition("?separator=")
    if not option:
        return expanded(argument), None
    try:
        separator = _ESCAPE.sub(lambda escape: _ESCAPES[escape[1]], text)
    except KeyError as unknown:
        raise DataError(
            f"corpus = 'folder:{argument}': \\{unknown.args[0]} stands for no character; "
            r"\n, \t, \r and \\ do"
        ) from None
    if not separator:
        raise DataError(f"corpus = 'folder:{argument}': the separator is empty")
    to_utf8(separator)
    return expanded(path), separator


def _separated(name: str, files: list[Path], separator: str) -> list[Rows]:
    """The documents of each file. Raises DataError if no file has the separator."""
    parts = [open_separated(path, separator) for path in files]
    if max(part.count for part in parts) <= 1:
        raise DataError(
            f"corpus = {name!r}: the separator {separator!r} occurs between no two documents: "
            "write it as it stands in the file"
        )
    return parts


def _tables(files: list[Path]) -> list[Rows]:
    """The rows of each file."""
    from quarry.train.data.tables import READERS  # polars takes 50 ms to import

    return [READERS[path.suffix.lower()](path) for path in files]


def _joined(name: str, argument: str, parts: list[Rows]) -> Corpus:
    """The documents of all files, in their order."""
    rows = joined(parts)
    return Corpus(name, argument, "unknown", rows.count, rows.read)
