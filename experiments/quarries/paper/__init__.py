"""Quarries at a size of the paper's: 57 million parameters on each large text that TFDS prepares.

Henighan 2020 (2010.14701, table 1) compares domains whose images, videos and mathematics are not public. So
these are texts: web pages, news, encyclopedia, and the papers of arXiv, by the recipe of `henighan/paper`.

Command: quarry sweep quarries/paper; what it costs is in docs/results.md.
"""

CORPORA = {
    "c4": "tfds:c4",
    "news": "tfds:lm1b",
    "wikipedia": "tfds:wiki40b/en",
    "arxiv": "tfds:scientific_papers/arxiv",
}
"""The name of each variant, and its corpus."""
