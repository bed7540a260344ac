"""How many of the novels give text to the U training tokens, and how much held-out text is of those novels.

    python -m quarry.experiments.epochs.others._sharing OUTPUT.csv novels known

Folders of pieces of novels, split and ordered as training does. A row for each folder and U of the committed
table: `novels` and `authors` that U has text of, and the shares of the scored validation tokens (the first
131,072) that are of these novels, and of these authors.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from quarry.train.data.corpora import open_corpus
from quarry.train.data.splitting import SplitCorpus, SplitRules, split_corpus

UNIQUE = tuple(2**bits for bits in (16, 18, 20, 22, 24))
SCORED = 131_072


def novels_of(split: SplitCorpus, part: str, tokens: int) -> list[tuple[str, int]]:
    """(novel, bytes) of the first `tokens` bytes of a split, in order; the last piece is cut."""
    found, left = [], tokens
    for document in split.members[part]:
        size = min(left, int(split.sizes[document]) + 1)  # and the token that ends a document
        found.append((Path(split.corpus[int(document)].name).stem.rpartition("-")[0], size))
        left -= size
        if not left:
            break
    return found


def author(novel: str) -> str:
    return novel.partition("_")[2]


def shared(scored: Sequence[tuple[str, int]], trained: set[str]) -> float:
    """The share of the scored tokens whose name is among those that train."""
    total = sum(size for _, size in scored)
    return sum(size for name, size in scored if name in trained) / total


def sharing(folder: str) -> pl.DataFrame:
    """folder, unique_tokens, novels, authors, of_novels, of_authors."""
    split = split_corpus(open_corpus(f"folder:{folder}", Path()), SplitRules())
    scored = novels_of(split, "validation", SCORED)
    rows = []
    for unique in UNIQUE:
        novels = {name for name, _ in novels_of(split, "train", unique)}
        authors = {author(name) for name in novels}
        of_authors = shared([(author(name), size) for name, size in scored], authors)
        rows.append((folder, unique, len(novels), len(authors), shared(scored, novels), of_authors))
    names = ("folder", "unique_tokens", "novels", "authors", "of_novels", "of_authors")
    return pl.DataFrame(rows, schema=names, orient="row")


if __name__ == "__main__":
    table = pl.concat([sharing(folder) for folder in sys.argv[2:]])
    table.write_csv(sys.argv[1], float_precision=4)
    print(table)
