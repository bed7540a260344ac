"""The corpus `folder:PATH`: the text files below a folder, or one file."""

from pathlib import Path

import numpy as np

from quarry.errors import DataError
from quarry.train.data.documents import Corpus, Document, files_below, read_text

_PROSE = frozenset({".txt", ".md", ".rst", ".tex", ".org"})
_C = frozenset({".c", ".h", ".cc", ".cpp", ".hpp", ".mm"})
_CODE = frozenset({".py", ".rs", ".go", ".java", ".js", ".ts", ".jl", ".r", ".sh"})
TEXT_SUFFIXES = _PROSE | _C | _CODE
"""Endings of the files that are read, in lower case."""
TABLE_SUFFIXES = frozenset({".jsonl", ".parquet"})
"""Endings of files with a document per row, read if a folder has no other text."""


class Folder:
    """Every text file below a folder is a document, or every row of its .jsonl and .parquet files.

    PATH may also be one file, whatever its ending, and may begin with `~`.
    """

    usage = "folder:PATH"

    def version(self) -> str:
        return ""

    def files(self, argument: str, data_dir: Path) -> list[Path]:
        root = _expanded(argument)
        if root.is_file():
            return [root]
        if not root.is_dir():
            raise DataError(f"corpus = 'folder:{root}': no such folder")
        files = files_below(root, TEXT_SUFFIXES) or files_below(root, TABLE_SUFFIXES)
        if not files:
            suffixes = " ".join(sorted(TEXT_SUFFIXES | TABLE_SUFFIXES))
            raise DataError(f"corpus = 'folder:{root}' holds no text file ({suffixes})")
        return files

    def open(self, name: str, argument: str, data_dir: Path) -> Corpus:
        files = self.files(argument, data_dir)
        if files[0].suffix.lower() in TABLE_SUFFIXES:
            return _rows(name, argument, files)

        def read(index: int) -> Document:
            return Document(str(files[index]), read_text(files[index]))

        return Corpus(name, argument, "unknown", len(files), read)


def _expanded(argument: str) -> Path:
    try:
        return Path(argument).expanduser()
    except RuntimeError:
        raise DataError(f"corpus = 'folder:{argument}': no such home directory") from None


def _rows(name: str, argument: str, files: list[Path]) -> Corpus:
    """A document per row of the files, in their order."""
    from quarry.train.data.tables import READERS  # polars takes 50 ms to import

    tables = [READERS[path.suffix.lower()](path) for path in files]
    ends = np.cumsum([table.count for table in tables])

    def read(index: int) -> Document:
        table = int(np.searchsorted(ends, index, side="right"))
        return tables[table].read(index - int(ends[table]) + tables[table].count)

    return Corpus(name, argument, "unknown", int(ends[-1]), read)
