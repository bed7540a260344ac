"""Corpora by name: the table of sources.

To add a corpus whose text comes with an installed package, write the function that lists its files and a
`PackagedText` such as SOTU in `packaged_corpora.py` or LINUX_C in `debian_corpora.py`, and add it to SOURCES.
To add another kind, `KIND:ARGUMENT`, write a class with the methods of `documents.Source`, such as
`folder_corpus.Folder`, and add it to SOURCES. A data set of TFDS needs neither: `tfds:NAME`. A source of
synthetic text is a world of `synthetic/catalog.py`.

Nothing here needs TensorFlow, and tensorflow_datasets is imported only when a corpus of it is opened.
"""

import re
from pathlib import Path

from quarry.errors import DataError
from quarry.train.data.archive_corpus import Archive
from quarry.train.data.debian_corpora import GO, LINUX_C, METAMATH, RUST
from quarry.train.data.documents import Corpus, Source, file_fingerprint
from quarry.train.data.folder_corpus import Folder
from quarry.train.data.hub_corpus import Hub
from quarry.train.data.image_corpora import DIGITS, FASHION
from quarry.train.data.mixture import Mixture
from quarry.train.data.packaged_corpora import SOTU, STDLIB
from quarry.train.data.prepared_corpus import Prepared
from quarry.train.data.reasoning_corpus import Reasoning
from quarry.train.data.synthetic_corpus import Synthetic


class Tfds:
    """Any data set of TensorFlow Datasets with a text feature; without a split the split `train`."""

    usage = "tfds:NAME[/CONFIG][@SPLIT]"
    about = "any data set of TensorFlow Datasets with a text feature"
    licence = "its own"

    def check_installed(self, data_dir: Path) -> None:
        pass

    def version(self, argument: str) -> str:
        return ""

    def files(self, argument: str, data_dir: Path) -> list[Path]:
        """The dataset_info.json files, which stand for the data set."""
        name = argument.partition("@")[0].partition("/")[0].partition(":")[0]
        return sorted((data_dir / name).rglob("dataset_info.json"))

    def open(self, name: str, argument: str, data_dir: Path) -> Corpus:
        from quarry.train.data.tfds_corpora import open_tfds

        return open_tfds(name, argument, data_dir)


SOURCES: dict[str, Source] = {
    "sotu": SOTU,
    "stdlib": STDLIB,
    "tfds": Tfds(),
    "hf": Hub(),
    "folder": Folder(),
    "archive": Archive(),
    "linux-c": LINUX_C,
    "rust": RUST,
    "go": GO,
    "metamath": METAMATH,
    "reasoning": Reasoning(),
    "digits": DIGITS,
    "fashion": FASHION,
    "synthetic": Synthetic(),
    "mix": Mixture(lambda name: find_source(name)),
    "store": Prepared(),
}
"""The part of a corpus name before the first colon or question mark, and its source."""
_NAME = re.compile(r"([^:?]*)([:?]?)(.*)", re.DOTALL)


def open_corpus(name: str, data_dir: Path) -> Corpus:
    """The corpus of that name; a TFDS one is prepared below `data_dir` on first use.

    Raises DataError for an unknown name, a folder without text, or a TFDS data set without a text feature.
    """
    source, argument = find_source(name)
    return source.open(name, argument, data_dir)


def input_files(name: str, data_dir: Path) -> list[Path]:
    """The files that the text of a corpus comes from, sorted. Raises DataError as `open_corpus`."""
    source, argument = find_source(name)
    return source.files(argument, data_dir)


def fingerprint(name: str, data_dir: Path) -> str:
    """Hexadecimal digest of the corpus's inputs, without reading them: names, sizes and times of the files.

    Raises DataError as `open_corpus`.
    """
    source, argument = find_source(name)
    return file_fingerprint(name, source.version(argument), input_files(name, data_dir))


def find_source(name: str) -> tuple[Source, str]:
    """The source of a corpus, and the argument in its name. Raises DataError for an unknown name."""
    kind, mark, argument = _NAME.fullmatch(name).groups()  # pyright: ignore[reportOptionalMemberAccess]
    source = SOURCES.get(kind)
    if source is None or not _fits(source.usage[len(kind) :], mark, argument):
        usages = ", ".join(known.usage for known in SOURCES.values())
        raise DataError(f"corpus = {name!r} is unknown: use {usages}")
    return source, argument


def _fits(form: str, mark: str, argument: str) -> bool:
    """Whether a name's argument is of the form that the usage of its source gives."""
    if mark and not argument:
        return False
    return mark == ":" if form.startswith(":") else not mark or (mark == "?" and form.startswith("[?"))
