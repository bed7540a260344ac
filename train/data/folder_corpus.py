"""The corpus `folder:PATH`: the text files below a folder."""

from pathlib import Path

from quarry.errors import DataError
from quarry.train.data.documents import Corpus, Document, files_below, read_text

_PROSE = frozenset({".txt", ".md", ".rst", ".tex", ".org"})
_C = frozenset({".c", ".h", ".cc", ".cpp", ".hpp", ".mm"})
_CODE = frozenset({".py", ".rs", ".go", ".java", ".js", ".ts", ".jl", ".r", ".sh"})
TEXT_SUFFIXES = _PROSE | _C | _CODE
"""Endings of the files that are read, in lower case."""


class Folder:
    """Every text file below a folder is a document."""

    usage = "folder:PATH"

    def version(self) -> str:
        return ""

    def files(self, argument: str, data_dir: Path) -> list[Path]:
        root = Path(argument)
        if not root.is_dir():
            raise DataError(f"corpus = 'folder:{root}': no such folder")
        files = files_below(root, TEXT_SUFFIXES)
        if not files:
            suffixes = " ".join(sorted(TEXT_SUFFIXES))
            raise DataError(f"corpus = 'folder:{root}' holds no text file ({suffixes})")
        return files

    def open(self, name: str, argument: str, data_dir: Path) -> Corpus:
        files = self.files(argument, data_dir)

        def read(index: int) -> Document:
            return Document(str(files[index]), read_text(files[index]))

        return Corpus(name, argument, "unknown", len(files), read)
