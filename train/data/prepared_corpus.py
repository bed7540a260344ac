"""`store:PATH` among the corpora: tokens, not text. `prepared` opens them."""

from pathlib import Path
from typing import NoReturn

from quarry.errors import DataError
from quarry.train.data.documents import Corpus

KIND = "store:"


class Prepared:
    """A token store that is read where it is; it has no text."""

    usage = "store:PATH"
    about = "a token store in a folder or on gs://, which `quarry data put` made of another corpus"
    licence = "that of the corpus"

    def check_installed(self, data_dir: Path) -> None:
        pass

    def version(self, argument: str) -> str:
        return ""

    def files(self, argument: str, data_dir: Path) -> list[Path]:
        return self._refuse(argument)

    def open(self, name: str, argument: str, data_dir: Path) -> Corpus:
        return self._refuse(argument)

    def _refuse(self, argument: str) -> NoReturn:
        raise DataError(f"corpus = '{KIND}{argument}' is tokens, not text: name the corpus they were made of")
