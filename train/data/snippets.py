"""Snippets of text, each of one class, drawn from the documents of a classification task.

Documents are split as those of a run are, so that a run of the same fractions has read no document of the
test, or by class, for tasks made from a collection.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from quarry.errors import DataError
from quarry.train.data.labelling import find_task, labelled_documents
from quarry.train.data.splitting import SplitRules
from quarry.train.data.store import Split
from quarry.train.data.tokenizer import Tokenizer

MOST_TOKENS = 2**22
"""Of one class and split that are held in memory."""


@dataclass(frozen=True)
class Labelled:
    """Tokens [n, length] and the number of the class of each [n]."""

    tokens: np.ndarray
    labels: np.ndarray


class Snippets:
    """The text of a task by class and split, from which snippets of `length` tokens are drawn."""

    def __init__(self, name: str, tokenizer: Tokenizer, length: int, rules: SplitRules, cache: Path):
        """Read the corpora of a task.

        Raises ConfigError as `find_task`, DataError as `open_corpus`, and if a class has less than one
        snippet in a split.
        """
        self.task, self.length = find_task(name, cache), length
        self._texts: dict[tuple[str, str], list[np.ndarray]] = {}
        for split, kind, text in labelled_documents(self.task, rules, cache):
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
