"""The corpus `archive:PATH`: the text files in a tar archive, which is never unpacked."""

import dataclasses
import lzma
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from quarry.errors import DataError
from quarry.train.data.documents import Contents, Corpus, reading
from quarry.train.data.folder_corpus import TEXT_SUFFIXES, expanded
from quarry.train.data.packaged_corpora import PackagedText


def archive_contents(archive: Path, wanted: Callable[[str], bool]) -> Contents:
    """The regular files in a tar archive, however compressed, whose path below its first folder is wanted.

    Raises DataError if the archive cannot be read.
    """
    try:
        with reading(archive), tarfile.open(archive, "r|*") as tar:
            for member in tar:
                tar.members = []  # pyright: ignore[reportAttributeAccessIssue] - else it keeps every header
                path = member.name.partition("/")[2] or member.name
                if member.isreg() and wanted(path):
                    file = tar.extractfile(member)
                    assert file is not None
                    yield path, file.read()
    except (tarfile.TarError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise DataError(f"{archive} is no whole tar archive ({error}): get it again") from None


class Archive:
    """Every text file in an archive is a document, by the endings of `folder:PATH`."""

    usage = "archive:PATH"
    about = "the text files in a .tar archive, compressed or not, one document per file"
    licence = "unknown"

    def check_installed(self, data_dir: Path) -> None:
        pass

    def version(self, argument: str) -> str:
        return ""

    def files(self, argument: str, data_dir: Path) -> list[Path]:
        path = expanded(argument)
        if not path.is_file():
            raise DataError(f"corpus = 'archive:{argument}': no such file")
        return [path]

    def open(self, name: str, argument: str, data_dir: Path) -> Corpus:
        [path] = self.files(argument, data_dir)
        text = PackagedText(
            usage=self.usage,
            about=self.about,
            list_files=lambda: [path],
            release=lambda: "",
            homepage=argument,
            licence=self.licence,
            contents=lambda files: archive_contents(files[0], _is_text),
        )
        corpus = text.open("archive", "", data_dir)
        if not len(corpus):
            raise DataError(f"corpus = {name!r} holds no text file ({' '.join(sorted(TEXT_SUFFIXES))})")
        return dataclasses.replace(corpus, name=name, source=argument)


def _is_text(path: str) -> bool:
    return PurePosixPath(path).suffix.lower() in TEXT_SUFFIXES
