"""The corpora `synthetic:WORLD?OPTION=VALUE,...`: text drawn from a source whose answers are known.

The worlds are imported only for such a corpus: SciPy takes 50 ms to import.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from quarry.train.data.documents import Corpus, Document

if TYPE_CHECKING:
    from quarry.train.data.synthetic.world import World

VERSION = "1"
"""Raised when the same options give other text."""

MOST_COPIES = 0.01
"""Share of a source's documents that may be exact copies without a warning."""


class Synthetic:
    """Text that is drawn when the corpus is opened, always the same for the same options."""

    usage = "synthetic:WORLD[?OPTION=VALUE,...]"
    about = "text drawn from a source whose best possible loss is known"
    licence = "none"

    def check_installed(self, data_dir: Path) -> None:
        pass

    def version(self, argument: str) -> str:
        return VERSION

    def files(self, argument: str, data_dir: Path) -> list[Path]:
        return list(_open(argument).inputs)

    def open(self, name: str, argument: str, data_dir: Path) -> Corpus:
        world = _open(argument)
        text, ends = world.documents()

        def read(index: int) -> Document:
            start = int(ends[index - 1]) if index else 0
            return Document(f"{name}[{index}]", text[start : int(ends[index])].tobytes().decode("ascii"))

        return Corpus(name, world.description, "none: synthetic", len(ends), read)


def copies_of_a_source(corpus: Corpus, dropped: int) -> str:
    """A warning, if exact copies among synthetic documents are so many that to drop them changes the odds."""
    share = dropped / max(1, len(corpus))
    if not corpus.name.startswith("synthetic:") or share <= MOST_COPIES:
        return ""
    return (
        f"warning: {share:.1%} of the documents of {corpus.name} are exact copies, which are dropped: what "
        "is left has other odds than the source, whose entropy rate, floor and KL the record gives; longer "
        "documents or more symbols have fewer copies"
    )


def known_world(corpus: str, tokenizer: str) -> "World | None":
    """The source of a corpus, if its text is synthetic and each token is one of its symbols."""
    kind, _, argument = corpus.partition(":")
    return _open(argument) if kind == "synthetic" and tokenizer == "bytes" else None


def _open(argument: str) -> "World":
    from quarry.train.data.synthetic.catalog import open_world

    return open_world(argument)
