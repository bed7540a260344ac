"""Measured runs beside the solvable models: one study of both, and the exponents that agree."""

from collections.abc import Iterable
from functools import cache

import polars as pl

from quarry.analysis.epochs.passes import RHO
from quarry.analysis.epochs.study import exponents_alone
from quarry.analysis.theory.simulated import LADDERS, Ladder

PASSES, REUSE = f"passes to {RHO[-1]:.0%} above the floor", "r_inf - 1, plain"
EXPONENTS = {
    "b": (PASSES, "of_N", -1),
    "c": (PASSES, "of_U", 1),
    "q": (REUSE, "of_N", -1),
    "p": (REUSE, "of_U", 1),
}
"""The letters of k_rho ~ N^-b U^c and r_inf - 1 ~ N^-q U^p: the law, its column, and its sign."""


def beside(measured: pl.DataFrame, ladders: Iterable[Ladder] = LADDERS.values()) -> pl.DataFrame:
    """A row for the measured study, of which `measured` is the table `laws`, and for each model's ladder.

    source; b, c, q, p, null where the runs do not give it, the measured ones with _low and _high; and
    `agrees`: which of the model's letters lie in the measured intervals, `differs`: which do not. Scales are
    not compared: N, U and nats of a model are in units of its own. Raises FitError.
    """
    first = {"source": "measured", **_letters(measured, ends=True), "agrees": None, "differs": None}
    others = [_row(ladder.name, studied(ladder), first) for ladder in ladders]
    return pl.DataFrame([first, *others], infer_schema_length=None)


@cache
def studied(ladder: Ladder) -> pl.DataFrame:
    """The `laws` of a study of the model's runs, which are free of noise; made once: it takes a second."""
    return exponents_alone(ladder.points(), ladder.unigram_entropy)


def _letters(found: pl.DataFrame, ends: bool = False) -> dict[str, float | None]:
    laws = {row["quantity"]: row for row in found.iter_rows(named=True)}
    row: dict[str, float | None] = {}
    for letter, (law, column, sign) in EXPONENTS.items():
        known = laws.get(law, {})
        row[letter] = _signed(known.get(column), sign)
        if ends:
            low, high = (_signed(known.get(f"{column}_{end}"), sign) for end in ("low", "high"))
            row[f"{letter}_low"], row[f"{letter}_high"] = (low, high) if sign > 0 else (high, low)
    return row


def _signed(value: float | None, sign: int) -> float | None:
    return None if value is None else sign * value


def _row(name: str, found: pl.DataFrame, measured: dict) -> dict[str, object]:
    letters = _letters(found)
    known = [
        letter for letter, value in letters.items() if value is not None and measured[letter] is not None
    ]
    inside = {letter: _inside(letters[letter], measured, letter) for letter in known}
    sides = {
        name: [letter for letter in known if inside[letter] is side]
        for name, side in (("agrees", True), ("differs", False))
    }
    return {"source": name, **letters, **{side: ", ".join(found) for side, found in sides.items()}}


def _inside(value: float | None, measured: dict, letter: str) -> bool:
    low, high = measured[f"{letter}_low"], measured[f"{letter}_high"]
    return value is not None and (low is None or low <= value) and (high is None or value <= high)
