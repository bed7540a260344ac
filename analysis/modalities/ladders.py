"""The ladders of a table of points, one for each corpus, and the row of Henighan's Table 1 beside each."""

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from quarry.analysis.points.loading import PointsLike, as_points

BESIDE = {
    "sotu": "language",
    "metamath": "math",
    "reasoning": "math",
    "fashion?size=8": "image-8x8",
    "fashion?size=16": "image-16x16",
    "fashion": "image-32x32",
}
"""The domain of Henighan et al. 2020 (arXiv 2010.14701, Table 1) nearest to a corpus; code has none there."""
_USED = ("run", "N", "E", "U", "C", "loss")


@dataclass(frozen=True)
class Ladder:
    """The points of one corpus: `once` on all of its tokens, in at most one pass; `all` also on fewer.

    `image_tokens` is the number of tokens of an image and its separator, None for text.
    """

    corpus: str
    once: pl.DataFrame
    all: pl.DataFrame
    image_tokens: int | None

    @property
    def domain(self) -> str | None:
        """Henighan's domain beside this corpus."""
        return BESIDE.get(self.corpus)

    @property
    def reads_again(self) -> bool:
        """Whether some runs read their data more than once, so that there is an L(D)."""
        return bool((self.all["E"] > self.all["U"]).any())


def ladders(points: PointsLike) -> Iterator[Ladder]:
    """The ladders, in the order of BESIDE, other corpora after them. Raises PointsError as `as_points`."""
    table = as_points(points).table
    corpora = table["corpus"].unique(maintain_order=True).to_list()
    for corpus in sorted(corpora, key=lambda name: [*BESIDE, name].index(name)):
        own = table.filter(corpus=corpus)
        images = str(own["tokenizer"][0]).startswith("pixels")
        image_tokens = int(own["context"][0]) if images else None
        own = own.select(_USED).sort("N", "U", "E")
        whole = own.filter(pl.col("U") == pl.col("U").max(), pl.col("E") <= pl.col("U"))
        yield Ladder(corpus, whole, own, image_tokens)
