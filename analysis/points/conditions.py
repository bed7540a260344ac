"""Conditions on points, as `--exclude` and `--hold-out` take them: `E/N > 30 and (run = a/b or loss >= 4)`.

A condition compares columns, numbers and their sums, differences, products and ratios by = == != < <= > >=;
comparisons are joined by `and`, `or`, `not` and parentheses. A column of text is compared with the words that
follow, up to the next `and`, `or` or closing parenthesis, or with text in quotes. Text that holds nothing but
numbers, as many a column of a CSV, counts as numbers where it meets numbers. A comparison with an empty cell
is not met.

polars evaluates the condition as SQL, rewritten word by word: nothing but the above passes, so no function
and no subquery.
"""

import re

import polars as pl

from quarry.analysis.points.columns import list_names
from quarry.errors import PointsError

_COMPARISON = r"<=|>=|!=|==|=|<|>"
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?!\w))"
    rf"|(?P<word>\w+)|(?P<comparison>{_COMPARISON})|(?P<sign>[-+*/%()]))"
)
_TEXT_FOLLOWS = re.compile(rf"\s*({_COMPARISON})\s*(?=\S)")
_TEXT_ENDS = re.compile(r"\s+(?:and|or)\s", re.IGNORECASE)
_QUOTED = re.compile(r"""(["'])(.*?)\1\s*(?=$|\)|and\b|or\b)""", re.IGNORECASE)
_SQL_COMPARISON = {"==": "=", "!=": "<>"}
_LOGIC = ("and", "or", "not")
_NOT_FINITE = ("inf", "nan")


def matches(table: pl.DataFrame, condition: str) -> pl.Series:
    """Which rows of `table` meet `condition`: Boolean [rows]. Raises PointsError if it cannot be read."""
    reader = _Reader(table, condition)
    sql = reader.sql()
    try:
        met = table.select(**reader.columns).select(pl.sql_expr(sql).alias("met"))["met"]
    except pl.exceptions.PolarsError:
        raise reader.unreadable() from None
    if met.dtype != pl.Boolean or len(met) != len(table):
        raise reader.unreadable()
    return met.fill_null(False)


class _Reader:
    """Reads a condition from left to right and writes it as SQL over `columns`, typed for each comparison."""

    def __init__(self, table: pl.DataFrame, condition: str):
        self.columns: dict[str, pl.Expr] = {}
        self._table, self._condition, self._place = table, condition, 0

    def sql(self) -> str:
        words, comparisons, last = [], 0, ""
        while self._rest.strip():
            kind, token = self._next()
            if kind == "comparison":
                comparisons += 1
            elif token.lower() in (*_LOGIC, "(", ")"):
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
        found = _TOKEN.match(self._condition, self._place)
        if not found:
            raise self.unreadable()
        self._place = found.end()
        kind = str(found.lastgroup)
        return kind, found[kind]

    def _as_sql(self, kind: str, token: str, value: bool) -> str:
        """`value`: whether the token follows a comparison."""
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
            return self._quoted(name, pl.col(name).cast(pl.Float64))
        follows = _TEXT_FOLLOWS.match(self._condition, self._place)
        text, end = self._text(follows.end()) if follows else ("", 0)
        if column.dtype != pl.Boolean and _holds_numbers(column) and not (follows and self._is_text(text)):
            return self._quoted(name, pl.col(name).cast(pl.String).cast(pl.Float64))
        if column.dtype == pl.Boolean and not follows:
            return self._quoted(name, pl.col(name))
        if not follows:
            raise PointsError(f"{self._condition!r}: column {name} holds text: write {name} = text")
        self._place = end
        comparison = _SQL_COMPARISON.get(follows[1], follows[1])
        if column.dtype == pl.Boolean:
            if text.lower() not in ("true", "false"):
                raise PointsError(f"{self._condition!r}: {text!r} is not true or false")
            return f"{self._quoted(name, pl.col(name))} {comparison} {text.lower()}"
        literal = text.replace("'", "''")
        return f"{self._quoted(f'{name} as text', pl.col(name).cast(pl.String))} {comparison} '{literal}'"

    def _quoted(self, name: str, column: pl.Expr) -> str:
        self.columns[name] = column
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
            found = _TOKEN.match(text, place)
            if not found or found["comparison"]:
                return True
            word = found["word"]
            if word and word not in self._table.columns and word.lower() not in _NOT_FINITE:
                return True
            place = found.end()
        return not text


def _holds_numbers(column: pl.Series) -> bool:
    """Whether every cell of a column of text that is not empty is a number."""
    return column.cast(pl.String).cast(pl.Float64, strict=False).null_count() == column.null_count()
