"""What the columns of another trainer's table are called: as the user says, or by the usual synonyms."""

import re
import shlex
from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches

import polars as pl

from quarry.analysis.points.columns import list_names, with_numbers
from quarry.errors import PointsError
from quarry.text import did_you_mean, letters

SYNONYMS = {
    "N": "params num_params n_params parameters num_parameters n_parameters param_count parameter_count "
    "model_params model_parameters total_params total_parameters non_embedding_params params_non_embedding "
    "model_size",
    "D": "tokens n_tokens num_tokens tokens_trained trained_tokens training_tokens train_tokens tokens_seen "
    "seen_tokens total_tokens tokens_processed consumed_tokens tokens_consumed",
    "C": "flops flop compute total_flops train_flops training_flops training_compute compute_flops",
    "U": "unique_tokens distinct_tokens num_unique_tokens",
    "loss": "val_loss validation_loss eval_loss held_out_loss test_loss final_loss loss_val loss_validation "
    "loss_eval loss_test train_loss training_loss loss_train",
}
"""The usual names of columns, the surest first; case and signs do not count, so `Val/Loss` is val_loss."""

_TOKENS = {"D", "E"}
_UNITS = {"k": "1e3", "K": "1e3", "M": "1e6", "B": "1e9", "T": "1e12"}
_UNIT = re.compile(r"[(\[]([kKMBT])[)\]]$")
_FACTOR = re.compile(r"\s*(?P<factor>[\d.]+(?:[eE][+-]?\d+)?)\s*\*\s*(?P<name>.+?)\s*")
_ASSIGNMENTS = re.compile(r",(?=\s*\w+\s*=)")


def read_mapping(words: Iterable[str]) -> dict[str, str]:
    """The names in the file by column, from words such as `N=num_params,D=1e9*tokens`. Raises PointsError."""
    mapping: dict[str, str] = {}
    for part in (part for word in words for part in _ASSIGNMENTS.split(word)):
        name, sign, own = (each.strip() for each in part.partition("="))
        if not sign or not re.fullmatch(r"\w+", name):
            raise PointsError(f"cannot read {part!r}: write --columns N=num_params,D=tokens_trained")
        mapping[name] = own
    return mapping


def with_columns_named(raw: pl.DataFrame, mapping: Mapping[str, str], source: str) -> pl.DataFrame:
    """`raw` with each column of `mapping`: a copy of one of its own, times a factor if one is written.

    A column mapped to nothing is left out. Raises PointsError for a name that `raw` lacks.
    """
    for name, own in mapping.items():
        if not own:
            raw = raw.drop(name, strict=False)
            continue
        product = None if own in raw.columns else _FACTOR.fullmatch(own)
        column = product["name"] if product else own
        if column not in raw.columns:
            raise PointsError(
                f"{source}: no column {column!r} for {name}{did_you_mean(column, raw.columns)}; "
                f"found {list_names(raw.columns)}"
            )
        values = raw[column]
        if product:
            values = with_numbers(raw, [column], source)[column] * float(product["factor"])
        raw = raw.with_columns(values.alias(name))
    return raw


def with_synonyms(raw: pl.DataFrame, wanted: Collection[str]) -> tuple[pl.DataFrame, list[str]]:
    """`raw` with the columns of `wanted` that it lacks, where a usual synonym is there, and notes of them.

    D and C are looked for only if none of D, E and C is there: one gives the others.
    """
    plain = {letters(name): name for name in reversed(raw.columns)}
    sized = {*_TOKENS, "C"} & set(raw.columns)
    taken = {}
    for name, words in SYNONYMS.items():
        if name not in wanted or name in raw.columns or (name in ("D", "C") and sized):
            continue
        usual = next(
            (plain[letters(word)] for word in (name, *words.split()) if letters(word) in plain), None
        )
        if usual is not None:
            taken[name] = usual
    named = raw.with_columns(raw[own].alias(name) for name, own in taken.items())
    said = ", ".join(f"{own} as {name}" for name, own in taken.items())
    return named, [f"read {said} (--columns names another)"] if taken else []


def suggestions(names: Iterable[str], missing: Iterable[str]) -> str:
    """Which of `names` may be meant by the `missing` columns, for a message; or nothing."""
    plain = {letters(name): name for name in names}
    meant = {}
    for name in missing:
        known = {letters(word): name for word in (name, *SYNONYMS.get(name, "").split())}
        free = {word: own for word, own in plain.items() if own not in meant.values()}
        close = [own for word, own in free.items() if get_close_matches(word, known, 1, 0.75)]
        if close:
            meant[name] = close[0]
    words = ",".join(f"{name}={_in_units(own)}" for name, own in meant.items())
    return f"; did you mean --columns {shlex.quote(words)}?" if meant else ""


def _in_units(name: str) -> str:
    """The column `name` as --columns takes it, `Tokens (B)` with the factor that it says."""
    unit = _UNIT.search(name)
    return f"{_UNITS[unit[1]]}*{name}" if unit else name
