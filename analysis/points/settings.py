"""Which columns of a table are settings of its runs, beside sizes and data: rows that differ in them are no
repeats of one run.

A setting takes few values, each at many points; what a run measured differs in nearly every row.
"""

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import polars as pl

from quarry.analysis.points.columns import has_text
from quarry.analysis.points.names import SYNONYMS
from quarry.analysis.points.run_names import RUN_NAMES
from quarry.analysis.points.schema import NUMBERS, RECIPE, SETTINGS
from quarry.text import letters
from quarry.train.record.schema import OTHER_LOSS, POINT_COLUMNS

if TYPE_CHECKING:
    from quarry.analysis.laws.law import Law

OWN_NAMES = {
    "peak_learning_rate": "peak_learning_rate peak_lr max_learning_rate max_lr learning_rate lr base_lr",
    "weight_decay": "weight_decay wd",
    "dropout": "dropout dropout_rate",
}
"""The usual names of RECIPE, the surest first; case and signs do not count."""

_ALWAYS = "batch_size batch_tokens batch B global_batch_size warmup warmup_steps optimizer optimiser schedule"
"""Settings however many values they take, beside those of OWN_NAMES."""

_RECORDED_SETTINGS = (
    *("batch_tokens", "context", "vocab_size", "architecture", "parametrization"),
    *("d_model", "n_layers", "selection"),
)
"""Settings among the columns of a run's record, beside RECIPE; the rest is size, seed or measurement."""

_NEVER = re.compile(
    r"seed|draw|replica|repeat|trial|loss|perplexity|accuracy|second|time|date|speed|id$|^split$"
)

_PATTERN = re.compile(r"^(\*|\^.*\$)$", re.DOTALL)
"""Names that polars takes for several columns."""


_KNOWN = {
    *(letters(word) for own, words in SYNONYMS.items() for word in (own, *words.split())),
    *map(
        letters, (*NUMBERS, *RUN_NAMES, "D", "S", "k", "run", "study", "point", "trunk", "status", "annealed")
    ),
    *map(
        letters, ("step", "steps", "epochs", "row", "index", "S_min", "B_crit", "unigram_entropy", SETTINGS)
    ),
    *map(letters, ("entropy_rate", "floor", "floor_seen")),
}
_SURE = {letters(word) for words in (*OWN_NAMES.values(), _ALWAYS) for word in words.split()}


def with_recipe_names(table: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """`table` with the columns of RECIPE that it lacks, where a usual name of them is there, and notes."""
    plain = {letters(name): name for name in reversed(table.columns)}
    taken = {}
    for name, words in OWN_NAMES.items():
        usual = [plain[letters(word)] for word in words.split() if letters(word) in plain]
        if usual and name not in table.columns:
            taken[name] = usual[0]
    said = ", ".join(f"{own} as {name}" for name, own in taken.items())
    named = table.with_columns(pl.col(own).alias(name) for name, own in taken.items())
    return named, [f"read {said} (--columns names another)"] if taken else []


def settings(table: pl.DataFrame, same: Sequence[str]) -> tuple[list[str], list[str]]:
    """The settings in which rows of equal `same` differ, and the other columns in which they do.

    The latter are measurements, or settings drawn anew for every run; of a run's record there are none.
    """
    offered = [name for name in _candidates(table) if name not in same]
    if not offered or table.is_empty():
        return [], []
    counted = (
        table.group_by(same).agg(pl.col(offered).n_unique())
        if same
        else table.select(pl.col(offered).n_unique())
    )
    varying = [name for name in offered if (counted[name] > 1).any()]
    found = [name for name in varying if letters(name) in _SURE or 2 * table[name].n_unique() <= len(table)]
    return found, [name for name in varying if name not in found]


def _candidates(table: pl.DataFrame) -> list[str]:
    recorded = {"unique_tokens", "tokens", "n_nonembedding"} <= set(table.columns)
    known = {*POINT_COLUMNS, "B"} - {*RECIPE, *_RECORDED_SETTINGS} if recorded else set(NUMBERS)
    return [
        name
        for name in table.columns
        if has_text(table[name])
        and not _PATTERN.match(name)
        and not OTHER_LOSS.fullmatch(name)
        and (name in (*RECIPE, *_RECORDED_SETTINGS) or _may_be_setting(name))
        and name not in known
    ]


def _may_be_setting(name: str) -> bool:
    plain = letters(name)
    return plain in _SURE or not (plain in _KNOWN or _NEVER.search(plain))


def places(table: pl.DataFrame, law: "Law") -> list[str]:
    """The columns that are equal in repeats of one run, settings aside: the law's inputs, size and data."""
    return [name for name in dict.fromkeys((*law.inputs, "N", "E", "U")) if name in table.columns]


def labels(table: pl.DataFrame, columns: Iterable[str]) -> pl.Series:
    """The number of each row's combination of `columns` [rows], as Float64; 0 without columns."""
    names = list(columns)
    if not names:
        return pl.repeat(0.0, len(table), dtype=pl.Float64, eager=True)
    return table.select(pl.struct(names).rank("dense") - 1).to_series().cast(pl.Float64)
