"""Classification tasks made from corpora: which documents a task has, in which split, and of which class.

A class is a corpus, the documents of a corpus whose names fit, or the authors or decades of a collection.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from quarry.checks import check_choice
from quarry.errors import ConfigError
from quarry.train.data.corpora import open_corpus
from quarry.train.data.documents import Corpus, to_utf8
from quarry.train.data.splitting import SplitRules, digest, split_corpus


class LabelledDocument(NamedTuple):
    """A document of a task, its split and its class."""

    split: str
    kind: str
    text: str


@dataclass(frozen=True)
class Task:
    """What is to be told from a snippet.

    `class_of` gives the class of a document by the names of its corpus and itself; None: it is in no class.
    """

    about: str
    classes: tuple[str, ...]
    corpora: tuple[str, ...]
    class_of: Callable[[str, str], str | None]
    by_class: bool = False
    """Split the documents of each class apart; otherwise as a run splits its corpus."""


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

COLLECTION_TASKS = {"author": r"[A-Z]+\d+_(.+)", "decade": r"[A-Z]+(\d{3})\d+_.+"}
"""What of a document's name, without folder and suffix, is its class, in a collection named as those of ELTeC
(https://www.distant-reading.net/eltec): a language and a number, which begins with the year in the English
one, and the author."""

FEWEST_DOCUMENTS = 3
"""Of a class of a collection: one for each split. Authors and decades with fewer are in no class."""


def find_task(name: str, cache: Path) -> Task:
    """A task of `TASKS`, or `author:CORPUS` or `decade:CORPUS` of a collection.

    Raises ConfigError for another name, and for a collection of fewer than two classes.
    """
    kind, _, corpus = name.partition(":")
    if kind in COLLECTION_TASKS and corpus:
        return _of_collection(kind, open_corpus(corpus, cache / "corpora"))
    choices = (*TASKS, *(f"{kind}:CORPUS" for kind in COLLECTION_TASKS))
    check_choice(ConfigError, "task", name, choices)
    return TASKS[name]


def _of_collection(kind: str, corpus: Corpus) -> Task:
    pattern = re.compile(COLLECTION_TASKS[kind])

    def class_of(_: str, document: str) -> str | None:
        found = pattern.fullmatch(PurePosixPath(document).stem)
        return found and (f"{found[1]}0" if kind == "decade" else found[1])

    counts = Counter(class_of(corpus.name, document.name) for document in corpus)
    classes = sorted(each for each, count in counts.items() if each and count >= FEWEST_DOCUMENTS)
    if len(classes) < 2:
        raise ConfigError(
            f"task = {kind}:{corpus.name}: {len(classes)} classes have {FEWEST_DOCUMENTS} documents with "
            "names as ENG18400_Trollope.txt, where two are needed"
        )
    return Task(f"the {kind} of a document", tuple(classes), (corpus.name,), class_of, by_class=True)


def labelled_documents(task: Task, rules: SplitRules, cache: Path) -> Iterator[LabelledDocument]:
    """The documents of a task that are in a class. Raises DataError as `open_corpus` and `split_corpus`."""
    for corpus in (open_corpus(name, cache / "corpora") for name in task.corpora):
        yield from _split_by_class(corpus, task) if task.by_class else _split_as_a_run(corpus, task, rules)


def _split_as_a_run(corpus: Corpus, task: Task, rules: SplitRules) -> Iterator[LabelledDocument]:
    for split, members in split_corpus(corpus, rules).members.items():
        for index in members:
            document = corpus[int(index)]
            kind = task.class_of(corpus.name, document.name)
            if kind is not None:
                yield LabelledDocument(split, kind, document.text)


def _split_by_class(corpus: Corpus, task: Task) -> Iterator[LabelledDocument]:
    """Of each class a quarter of the documents is the test, and a quarter the validation, but one at least.

    In the order of their hashes, so that neither names nor years decide. A text that is there twice counts
    once.
    """
    documents: dict[str, dict[bytes, str]] = {kind: {} for kind in task.classes}
    for name, text in corpus:
        kind = task.class_of(corpus.name, name)
        if kind in documents:
            documents[kind][digest(to_utf8(text))] = text
    for kind, own in documents.items():
        held = max(1, round(len(own) / 4))
        for number, (_, text) in enumerate(sorted(own.items())):
            split = "test" if number < held else "validation" if number < 2 * held else "train"
            yield LabelledDocument(split, kind, text)
