"""Conditions on points, as `--exclude` and `--hold-out` take them: `E/N > 30 and (run = a/b or loss >= 4)`.

A condition compares columns, numbers and their sums, differences, products and ratios by = == != < <= > >=;
comparisons are joined by `and`, `or`, `not` and parentheses. A column of text is compared with the words that
follow, up to the next `and`, `or` or closing parenthesis, or with text in quotes. Text that holds nothing but
numbers, as many a column of a CSV, counts as numbers where it meets numbers; in an order (< <= > >=) with a
number, so does text of which some are numbers, and the rest is not met. A comparison with an empty cell is
not met. A column of any name may be written: as it is, such as `train/loss > 3`, or in backticks.

polars evaluates the condition as SQL, rewritten word by word: nothing but the above passes, so no function
and no subquery.
"""

import re

import numpy as np
import polars as pl

from quarry.analysis.points.columns import as_text, check_columns, list_names
from quarry.errors import PointsError

_COMPARISON = r"<=|>=|!=|==|=|<|>"
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?!\w))"
    rf"|(?P<word>\w+)|(?P<comparison>{_COMPARISON})|(?P<sign>[-+*/%()]))"
)
_TEXT_FOLLOWS = re.compile(rf"\s*({_COMPARISON})\s*(?=\S)")
_TEXT_ENDS = re.compile(r"\s+(?:and|or)\s", re.IGNORECASE)
_BACKTICKS = re.compile(r"\s*`(?P<column>[^`]+)`")
_QUOTED = re.compile(r"""(["'])(.*?)\1\s*(?=$|\)|and\b|or\b)""", re.IGNORECASE)
_SQL_COMPARISON = {"==": "=", "!=": "<>"}
_LOGIC = ("and", "or", "not")
_TERM = re.compile(rf"{_COMPARISON}|[+*/%-]|\b(?:{'|'.join(_LOGIC)})\b", re.IGNORECASE)
_ORDER = ("<", "<=", ">", ">=")
_NOT_FINITE = ("inf", "nan")

_MOST_CHARACTERS, _MOST_TERMS, _DEEPEST = 20_000, 200, 50
"""The longest condition, by its characters, by its comparisons, signs and words of logic together, and by its
parentheses in one another: polars needs a time that grows with the cube of the terms."""


def matches(table: pl.DataFrame, condition: str) -> pl.Series:
    """Which rows of `table` meet `condition`: Boolean [rows]. Raises PointsError if it cannot be read."""
    _check_length(condition)
    reader = _Reader(table, condition)
    sql = reader.sql()
    try:
        met = table.select(**reader.columns).select(pl.sql_expr(sql).alias("met"))["met"]
    except pl.exceptions.PolarsError:
        raise reader.unreadable() from None
    if met.dtype != pl.Boolean or len(met) != len(table):
        raise reader.unreadable()
    return met.fill_null(False)


def _check_length(condition: str) -> None:
    """Raise PointsError for a condition that is too long to be one that a person wrote."""
    depths = np.cumsum([(c == "(") - (c == ")") for c in condition[:_MOST_CHARACTERS]])
    sizes = {
        "characters": (len(condition), _MOST_CHARACTERS),
        "terms": (len(_TERM.findall(condition)), _MOST_TERMS),
        "parentheses in one another": (int(depths.max(initial=0)), _DEEPEST),
    }
    for what, (size, most) in sizes.items():
        if size > most:
            raise PointsError(
                f"the condition {condition[:40]!r}... has {size:,} {what}, at most {most:,}: give shorter "
                "ones, each with its own option"
            )


class _Reader:
    """Reads a condition from left to right and writes it as SQL over `columns`, typed for each comparison."""

    def __init__(self, table: pl.DataFrame, condition: str):
        self.columns: dict[str, pl.Expr] = {}
        self._table, self._condition, self._place = table, condition, 0
        odd = sorted(
            (name for name in table.columns if not re.fullmatch(r"\w+", name)), key=len, reverse=True
        )
        names = "|".join(re.escape(name) for name in odd if name)
        self._odd = re.compile(rf"\s*(?P<column>{names})(?!\w)") if names else None

    def sql(self) -> str:
        words, comparisons, last = [], 0, ""
        while self._rest.strip():
            kind, token = self._next()
            if kind == "comparison":
                comparisons += 1
            elif kind != "column" and token.lower() in (*_LOGIC, "(", ")"):
                comparisons = 0
            if comparisons > 1:  # a < b < c: SQL would compare the truth of the first with c
                raise self.unreadable()
            words.append(self._as_sql(kind, token, value=last == "comparison"))
            last = kind
        return " ".join(words)

    def unreadable(self) -> PointsError:
        operators = list_names(_COMPARISON.split("|"))
        return PointsError(
            f"cannot read {self._condition!r}: write column op value, op one of {operators}; "
            "join several by and, or, not"
        )

    @property
    def _rest(self) -> str:
        return self._condition[self._place :]

    def _next(self) -> tuple[str, str]:
        """The kind of the next token, and the token."""
        found = self._token(self._condition, self._place)
        if not found:
            raise self.unreadable()
        self._place = found.end()
        kind = str(found.lastgroup)
        return kind, found[kind]

    def _token(self, text: str, place: int) -> re.Match[str] | None:
        """The token of `text` at `place`; the name of a column that is no plain word is one."""
        named = self._odd.match(text, place) if self._odd else None
        return named or _BACKTICKS.match(text, place) or _TOKEN.match(text, place)

    def _as_sql(self, kind: str, token: str, value: bool) -> str:
        """`value`: whether the token follows a comparison."""
        if kind == "column":
            check_columns(self._table, [token], repr(self._condition), "the condition")
            return self._column(token)
        if kind == "number":
            return repr(float(token))
        if kind == "comparison":
            return _SQL_COMPARISON.get(token, token)
        if kind == "sign" or token.lower() in _LOGIC:
            return token
        if token in self._table.columns:
            return self._column(token)
        if token.lower() in _NOT_FINITE:
            return f"CAST('{token}' AS DOUBLE)"
        if self._rest.lstrip().startswith("("):
            raise self.unreadable()
        if value:
            raise PointsError(f"{self._condition!r}: {token!r} is not a number")
        raise PointsError(f"{self._condition!r}: no column {token}; found {list_names(self._table.columns)}")

    def _column(self, name: str) -> str:
        """A column by itself, or with the text or truth that it is compared with."""
        column = self._table[name]
        if column.dtype.is_numeric():
            return self._quoted(name, column.cast(pl.Float64))
        follows = _TEXT_FOLLOWS.match(self._condition, self._place)
        text, end = self._text(follows.end()) if follows else ("", 0)
        if column.dtype != pl.Boolean and not (follows and self._is_text(text)):
            words = as_text(self._table, name, repr(self._condition))
            numbers = words.cast(pl.Float64, strict=False)
            ordered = follows is not None and follows[1] in _ORDER and numbers.count() > 0
            if ordered or numbers.null_count() == words.null_count():
                return self._quoted(name, numbers)
        if column.dtype == pl.Boolean and not follows:
            return self._quoted(name, column)
        if not follows:
            raise PointsError(f"{self._condition!r}: column {name} holds text: write {name} = text")
        self._place = end
        comparison = _SQL_COMPARISON.get(follows[1], follows[1])
        if column.dtype == pl.Boolean:
            if text.lower() not in ("true", "false"):
                raise PointsError(f"{self._condition!r}: {text!r} is not true or false")
            return f"{self._quoted(name, column)} {comparison} {text.lower()}"
        literal = text.replace("'", "''")
        words = as_text(self._table, name, repr(self._condition))
        return f"{self._quoted(f'{name} as text', words)} {comparison} '{literal}'"

    def _quoted(self, name: str, column: pl.Series) -> str:
        self.columns[name] = pl.lit(column)
        return '"' + name.replace('"', '""') + '"'

    def _text(self, start: int) -> tuple[str, int]:
        """The text that begins at `start`, and where it ends."""
        if quoted := _QUOTED.match(self._condition, start):
            return quoted[2], quoted.end()
        ends = _TEXT_ENDS.search(self._condition, start)
        end = ends.start() if ends else len(self._condition)
        opened = 0
        for place in range(start, end):
            opened += {"(": 1, ")": -1}.get(self._condition[place], 0)
            if opened < 0:
                end = place
                break
        return self._condition[start:end].strip(), end

    def _is_text(self, text: str) -> bool:
        """Whether `text` is no arithmetic of numbers and columns."""
        place = 0
        while text[place:].strip():
            found = self._token(text, place)
            if not found or found.lastgroup == "comparison":
                return True
            word = found[str(found.lastgroup)]
            known = word in self._table.columns or word.lower() in _NOT_FINITE
            if found.lastgroup == "word" and not known:
                return True
            place = found.end()
        return not text
