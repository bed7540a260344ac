"""Classification tasks made from corpora: snippets of text, each of one class.

A class is a corpus, or the documents of a corpus whose names fit. Documents are split as those of a run are,
so that a run of the same fractions has read no document of the test.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from quarry.checks import check_choice
from quarry.errors import ConfigError, DataError
from quarry.train.data.corpora import open_corpus
from quarry.train.data.documents import Corpus
from quarry.train.data.splitting import SplitRules, split_corpus
from quarry.train.data.store import Split
from quarry.train.data.tokenizer import Tokenizer

MOST_TOKENS = 2**22
"""Of one class and split that are held in memory."""


@dataclass(frozen=True)
class Task:
    """What is to be told from a snippet.

    `class_of` gives the class of a document by the names of its corpus and itself; None: it is in no class.
    """

    about: str
    classes: tuple[str, ...]
    corpora: tuple[str, ...]
    class_of: Callable[[str, str], str | None]


def _half_century(corpus: str, document: str) -> str | None:
    """Of a document whose name begins with a year."""
    year = int(document[:4])
    return "to 1849" if year < 1850 else "from 1950" if year >= 1950 else f"{year // 50 * 50}"


LANGUAGES = {"stdlib": "Python", "go": "Go", "rust": "Rust", "metamath": "Metamath"}

TASKS = {
    "half-century": Task(
        "when a State of the Union address was given",
        ("to 1849", "1850", "1900", "from 1950"),
        ("sotu",),
        _half_century,
    ),
    "language": Task(
        "the formal language of a snippet; needs the Debian packages of the corpora go, rust and metamath",
        tuple(LANGUAGES.values()),
        tuple(LANGUAGES),
        lambda corpus, document: LANGUAGES[corpus],
    ),
}


@dataclass(frozen=True)
class Labelled:
    """Tokens [n, length] and the number of the class of each [n]."""

    tokens: np.ndarray
    labels: np.ndarray


class Snippets:
    """The text of a task by class and split, from which snippets of `length` tokens are drawn."""

    def __init__(self, name: str, tokenizer: Tokenizer, length: int, rules: SplitRules, cache: Path):
        """Read the corpora of a task.

        Raises ConfigError for an unknown task, DataError as `open_corpus`, and if a class has less than one
        snippet in a split.
        """
        check_choice(ConfigError, "task", name, TASKS)
        self.task, self.length = TASKS[name], length
        corpora = (open_corpus(corpus, cache / "corpora") for corpus in self.task.corpora)
        self._texts: dict[tuple[str, str], list[np.ndarray]] = {}
        for corpus in corpora:
            for split, kind, text in _documents(corpus, self.task, rules):
                self._add((split, kind), tokenizer, text)
        for split in ("train", "validation", "test"):
            for kind in self.task.classes:
                if self._size(split, kind) < length:
                    raise DataError(f"task = {name!r}: the {split} split has no {length} tokens of {kind!r}")

    def _add(self, key: tuple[str, str], tokenizer: Tokenizer, text: str) -> None:
        if self._size(*key) < MOST_TOKENS:
            self._texts.setdefault(key, []).append(tokenizer.encode(text))

    def _size(self, split: str, kind: str) -> int:
        return sum(map(len, self._texts.get((split, kind), ())))

    def draw(self, split: Split, count: int, seed: int) -> Labelled:
        """`count` snippets from random places, of each class in turn: the first few are of all classes.

        A class is read as one text, so that a few snippets lie across two documents, as those of a run do.
        """
        rng = np.random.default_rng(seed)
        labels = np.arange(count) % len(self.task.classes)
        tokens = np.empty((count, self.length), np.int32)
        for label, kind in enumerate(self.task.classes):
            text = np.concatenate(self._texts[split, kind])[:MOST_TOKENS]
            rows = np.flatnonzero(labels == label)
            starts = rng.integers(0, len(text) - self.length + 1, len(rows))
            tokens[rows] = text[starts[:, None] + np.arange(self.length)]
        return Labelled(tokens, labels)


def _documents(corpus: Corpus, task: Task, rules: SplitRules) -> Iterator[tuple[str, str, str]]:
    """The split, the class and the text of each document of a corpus that is in a class."""
    for split, members in split_corpus(corpus, rules).members.items():
        for index in members:
            document = corpus[int(index)]
            kind = task.class_of(corpus.name, document.name)
            if kind is not None:
                yield split, kind, document.text
