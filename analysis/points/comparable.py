"""Sentences on points that count as alike though more than their seeds differ."""

from collections.abc import Sequence

import polars as pl

from quarry.analysis.points.schema import ONE_PASS
from quarry.analysis.points.settings import settings


def text_warnings(table: pl.DataFrame) -> list[str]:
    """The sentence that losses are of several texts, if they are."""
    mixed = [name for name in ("corpus", "tokenizer") if _several(table, name)]
    if not mixed:
        return []
    return [f"the points differ in {' and '.join(mixed)}: their losses per token are not comparable"]


def average_warnings(table: pl.DataFrame, same: Sequence[str], words: str) -> list[str]:
    """The sentence that rows of equal `same`, whose mean counts, differ in a setting or in their passes."""
    found = [f"{name} ({table[name].n_unique()} values)" for name in settings(table, same)[0]]
    found += ["passes over their data"] if _passes_differ(table, same) else []
    if not found:
        return []
    return [
        f"runs of {words} differ in {' and '.join(found)}: their mean counts, and their differences pass for "
        "noise between seeds; keep the best at each (--best-recipe) or one value (--exclude)"
    ]


def _several(table: pl.DataFrame, name: str) -> bool:
    return name in table.columns and table[name].n_unique() > 1


def _passes_differ(table: pl.DataFrame, same: Sequence[str]) -> bool:
    """Whether rows of equal `same` read their data differently often; less than one pass is all one."""
    if "U" not in table.columns:
        return False
    passes = pl.max_horizontal(pl.col("E") / pl.col("U"), 1.0)
    spread = table.group_by(same).agg(spread=passes.max() / passes.min())
    return bool((spread["spread"] > ONE_PASS).any())
