"""Numbers as people read them, in axis labels, tables and sentences; tables in Markdown."""

import math
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

_SUFFIXES = {9: "B", 6: "M", 3: "k", 0: ""}
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
MISSING = "–"
NO_BREAK = "\u00a0"
SIGNS = {"right": "> ", "left": "< ", None: ""}
"""Before an estimate that is censored on this side: it is a bound."""
Number = float | int | None
UNBOUNDED = "these runs cannot bound it"


def count(value: Number, digits: int = 3) -> str:
    """A number of things, short: 1_234_567 is 1.23M."""
    if value is None or not math.isfinite(value):
        return MISSING
    for exponent, suffix in _SUFFIXES.items():
        if abs(scaled := float(f"{value:.{digits}g}") / 10**exponent) >= 1:
            return f"{scaled:.{max(digits, 3)}g}{suffix}" if scaled < 1000 else power(value, digits)
    return f"{value:.{digits}g}"


def compact(count: int) -> str:
    """A count for narrow tables and file names, with three digits: 98.7k, 1.05M, 2T."""
    rounded = float(f"{count:.3g}")  # before the scale is chosen: 999,936 is 1M
    scale = next((scale for scale in (1e12, 1e9, 1e6, 1e3) if rounded >= scale), 1.0)
    suffix = {1e12: "T", 1e9: "B", 1e6: "M", 1e3: "k", 1.0: ""}[scale]
    return f"{rounded / scale:.3g}{suffix}"


def power(value: Number, digits: int = 2) -> str:
    """A very large or small number: 3.2e15 is 3.2 × 10¹⁵, and a power of ten has no factor."""
    if value is None or not math.isfinite(value):
        return MISSING
    factor, exponent = f"{value:.{digits - 1}e}".split("e")
    tens = "10" + str(int(exponent)).translate(_SUPERSCRIPT)
    factor = factor.rstrip("0").rstrip(".") if "." in factor else factor
    return tens if factor == "1" else f"{factor}{NO_BREAK}×{NO_BREAK}{tens}"


def number(value: Number, digits: int = 4) -> str:
    """A measured or fitted number to `digits` significant figures, in powers of ten where that is shorter."""
    if value is None or not math.isfinite(value):
        return MISSING
    if value != 0 and not 1e-3 <= abs(value) < 1e5:
        return power(value, digits)
    rounded = float(f"{value:.{digits}g}")
    return f"{rounded:.{digits}g}" if abs(rounded) < 10**digits else f"{rounded:.0f}"


def percent(share: Number, decimals: int = 2) -> str:
    """A share to `decimals` decimals: 0.0123 is 1.23%."""
    return MISSING if share is None else f"{share:.{decimals}%}"


def duration(seconds: Number) -> str:
    """A time span in its natural unit: 95 is 1 min 35 s."""
    if seconds is None or not math.isfinite(seconds):
        return MISSING
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{seconds:.2g} s"


def plural(number: int, noun: str, several: str = "") -> str:
    """`1 run`, `2 runs`; `several` is the plural of a noun that takes no s."""
    return f"{number} {noun if number == 1 else several or noun + 's'}"


def interval(bounds: tuple[float | None, float | None], digits: int = 3) -> str:
    """An interval in words; a side that the points cannot bound is None."""
    low, high = bounds
    if low is None and high is None:
        return UNBOUNDED
    if low is None:
        return f"at most {number(high, digits)}; below, {UNBOUNDED}"
    if high is None:
        return f"at least {number(low, digits)}; above, {UNBOUNDED}"
    return f"{number(low, digits)} to {number(high, digits)}"


def estimate(row: Mapping[str, Any], name: str, digits: int = 3) -> str:
    """The estimate `name` of a row, _low and _high in brackets, an open end a dash; > or < before a bound."""
    if row[name] is None:
        return MISSING
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    ends = "" if low is None and high is None else f" [{number(low, digits)}, {number(high, digits)}]"
    return SIGNS[row.get("censored")] + number(row[name], digits) + ends


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """The nearest of `names`, for a message; or nothing. Case and signs do not count."""
    known = {letters(each): each for each in names}
    close = get_close_matches(letters(name), known, 1, 0.6)
    return f", did you mean {known[close[0]]}?" if close else ""


def choose(name: str, names: Iterable[str]) -> str:
    """What to write in place of a wrong name, for a message: the nearest of `names`, or else all of them."""
    near = did_you_mean(name, names := list(names))
    return near.removeprefix(", ") or f"choose one of {', '.join(names)}"


def letters(name: str) -> str:
    """A name without case and signs."""
    return re.sub(r"[\W_]", "", name.lower())


def markdown_table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown from its headings and cells."""
    head = list(head)
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *rows))
