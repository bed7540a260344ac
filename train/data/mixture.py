"""Mixtures `mix:CORPUS=WEIGHT+CORPUS=WEIGHT`: documents of several corpora in proportion.

Weights are shares of the text in bytes, which are the same for every tokenizer.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from quarry.errors import DataError
from quarry.train.data.documents import Corpus, Share, Source, joined

_PART = re.compile(r"(.+?)=(\d+\.?\d*|\.\d+)(?:\+|$)", re.DOTALL)
Find = Callable[[str], tuple[Source, str]]


class Mixture:
    """Several corpora as one; `find` gives the source of each name and its argument."""

    usage = "mix:CORPUS=WEIGHT+CORPUS=WEIGHT"
    about = "several corpora in one, each with its share of the text"
    licence = "those of its parts"

    def __init__(self, find: Find):
        self._find = find

    def check_installed(self, data_dir: Path) -> None:
        pass

    def version(self, argument: str) -> str:
        versions = [source.version(rest) for source, rest, _, _ in self._parts(argument)]
        return "\n".join(versions)

    def files(self, argument: str, data_dir: Path) -> list[Path]:
        return [file for source, rest, _, _ in self._parts(argument) for file in source.files(rest, data_dir)]

    def open(self, name: str, argument: str, data_dir: Path) -> Corpus:
        parts = self._parts(argument)
        corpora = [source.open(part, rest, data_dir) for source, rest, part, _ in parts]
        total = sum(weight for *_, weight in parts)
        shares = tuple(
            Share(corpus.name, weight / total, len(corpus))
            for corpus, (*_, weight) in zip(corpora, parts, strict=True)
        )
        documents = joined(corpora)
        source = "; ".join(corpus.source for corpus in corpora)
        licence = "; ".join(dict.fromkeys(corpus.licence for corpus in corpora))
        not_read = "; ".join(corpus.not_read for corpus in corpora if corpus.not_read)
        return Corpus(name, source, licence, documents.count, documents.read, shares, not_read)

    def _parts(self, argument: str) -> list[tuple[Source, str, str, float]]:
        """The source, its argument, the name and the weight of each part."""
        return [(*self._find(name), name, weight) for name, weight in parse_mixture(argument)]


def parse_mixture(argument: str) -> list[tuple[str, float]]:
    """The names and weights in `CORPUS=WEIGHT+CORPUS=WEIGHT`. Raises DataError as `named_weights`."""
    return [(name, float(weight)) for name, weight in named_weights(argument)]


def named_weights(argument: str) -> list[tuple[str, str]]:
    """As `parse_mixture`, with the weights as they are written.

    Raises DataError for another form, a weight of 0, a corpus named twice, one part alone, or a mixture
    within a mixture.
    """
    parts = _PART.findall(argument)
    names = [name for name, _ in parts]
    if sum(len(match[0]) for match in _PART.finditer(argument)) < len(argument) or len(parts) < 2:
        fault = "is not of the form mix:CORPUS=WEIGHT+CORPUS=WEIGHT, such as mix:sotu=0.7+stdlib=0.3"
    elif any(name.startswith("mix:") for name in names):
        fault = "holds a mixture: name its parts instead"
    elif len(set(names)) < len(names):
        fault = "names a corpus twice"
    elif not all(float(weight) > 0 for _, weight in parts):
        fault = "has a weight of 0: leave that corpus out"
    else:
        return parts
    raise DataError(f"corpus = 'mix:{argument}' {fault}")


def corpora_in(name: str) -> list[str]:
    """The names of the corpora that a corpus is made of: itself, or the parts of a mixture."""
    kind, _, argument = name.partition(":")
    return [part for part, _ in parse_mixture(argument)] if kind == "mix" else [name]


def in_proportion(sizes: Sequence[np.ndarray], weights: Sequence[float]) -> list[tuple[int, int]]:
    """The order of documents of several sources in which every prefix has the weights, to within a document.

    `sizes` are the bytes of the documents of each source, in the order of each. Each step takes the next
    document of the source that has the least of its weight so far. The order ends with the first source
    that has no more. Returns pairs (source, document).
    """
    starts = [(np.cumsum(size) - size) / weight for size, weight in zip(sizes, weights, strict=True)]
    whole = min(size.sum() / weight for size, weight in zip(sizes, weights, strict=True))
    source = np.concatenate([np.full(len(start), i) for i, start in enumerate(starts)])
    document = np.concatenate([np.arange(len(start)) for start in starts])
    taken = np.concatenate(starts)
    order = np.argsort(taken, kind="stable")
    order = order[taken[order] < whole]
    return list(zip(source[order].tolist(), document[order].tolist(), strict=True))
