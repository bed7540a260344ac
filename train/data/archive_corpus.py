"""The corpus `archive:PATH`: the text files in a tar archive."""

import dataclasses
from pathlib import Path, PurePosixPath

from quarry.errors import DataError
from quarry.train.data.documents import TEXT_SUFFIXES, Corpus, expanded
from quarry.train.data.packaged_corpora import PackagedText
from quarry.train.data.tar_files import archive_contents


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
